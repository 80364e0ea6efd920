/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "testhub.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"

static void *
run(void *arg)
{
	struct testhub *h = arg;
	struct pollfd p[TESTHUB_SESSIONS_MAX + 1];
	uint64_t value;

	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		unsigned n = h->count + 1;
		int timeout = h->timer ? h->timer(h) : -1;

		for (unsigned i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = h->fds[i], .events = POLLIN};
		pthread_mutex_unlock(&h->lock);
		(void)poll(p, n, timeout);
		pthread_mutex_lock(&h->lock);
		if (p[0].revents)
			assert_true(read(h->fds[0], &value, sizeof(value)) > 0);
		for (unsigned i = 1; i < n; i++) {
			if (p[i].revents && h->fds[i] == p[i].fd)
				h->readable(h, i);
		}
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

void
testhub_kick(const struct testhub *h)
{
	uint64_t one = 1;

	assert_int_equal(write(h->fds[0], &one, sizeof(one)), sizeof(one));
}

void
testhub_start(struct testhub *h)
{
	pthread_mutex_init(&h->lock, NULL);
	h->fds[0] = eventfd(0, EFD_CLOEXEC);
	assert_true(h->fds[0] >= 0);
	assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
}

int
testhub_add(struct testhub *h)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_true(h->count < TESTHUB_SESSIONS_MAX);
	h->fds[++h->count] = sv[0];
	testhub_kick(h);
	return sv[1];
}

void
testhub_end(struct testhub *h)
{
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_mutex_unlock(&h->lock);
	testhub_kick(h);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	for (unsigned i = 0; i <= h->count; i++)
		fd_close(&h->fds[i]);
	pthread_mutex_destroy(&h->lock);
}

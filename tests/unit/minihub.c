/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minihub.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "server/hubmsg.h"

#define SESSIONS_MAX 64

struct minihub {
	pthread_mutex_t lock;
	pthread_t thread;
	int fds[SESSIONS_MAX + 1]; /* 0: the eventfd that ends a poll */
	unsigned count;
	int ending;
};

static void
pass_on(struct minihub *h, unsigned from)
{
	struct hub_msg m;
	ssize_t n = recv(h->fds[from], &m, sizeof(m), MSG_DONTWAIT);

	if (n == 0)
		fd_close(&h->fds[from]);
	if (n != (ssize_t)sizeof(m) || m.kind < HUB_PROMISE_ASK || m.pid == 0 || m.pid > h->count)
		return;
	if (h->fds[m.pid] < 0)
		return;
	unsigned to = (unsigned)m.pid;
	m.pid = from;
	(void)send(h->fds[to], &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void *
run(void *arg)
{
	struct minihub *h = arg;
	struct pollfd p[SESSIONS_MAX + 1];
	uint64_t value;
	unsigned n;

	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		n = h->count + 1;
		for (unsigned i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = h->fds[i], .events = POLLIN};
		pthread_mutex_unlock(&h->lock);
		(void)poll(p, n, -1);
		pthread_mutex_lock(&h->lock);
		if (p[0].revents)
			assert_true(read(h->fds[0], &value, sizeof(value)) > 0);
		for (unsigned i = 1; i < n; i++) {
			if (p[i].revents)
				pass_on(h, i);
		}
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void
kick(struct minihub *h)
{
	uint64_t one = 1;

	assert_int_equal(write(h->fds[0], &one, sizeof(one)), sizeof(one));
}

struct minihub *
minihub_new(void)
{
	struct minihub *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	pthread_mutex_init(&h->lock, NULL);
	h->fds[0] = eventfd(0, EFD_CLOEXEC);
	assert_true(h->fds[0] >= 0);
	assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
	return h;
}

uint64_t
minihub_add(struct minihub *h, int *fd_out)
{
	uint64_t address;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	pthread_mutex_lock(&h->lock);
	assert_true(h->count < SESSIONS_MAX);
	address = ++h->count;
	h->fds[address] = sv[0];
	pthread_mutex_unlock(&h->lock);
	kick(h);
	*fd_out = sv[1];
	return address;
}

void
minihub_free(struct minihub *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->ending = 1;
	pthread_mutex_unlock(&h->lock);
	kick(h);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	for (unsigned i = 0; i <= h->count; i++)
		fd_close(&h->fds[i]);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

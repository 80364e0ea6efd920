/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lockhub.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/time.h"
#include "server/locks.h"

#define SESSIONS_MAX 64u

struct lockhub {
	pthread_mutex_t lock;
	pthread_t thread;
	struct locks *locks;
	uint64_t keep_ms;
	char folder[300], flag[320];
	int fds[SESSIONS_MAX + 1]; /* 0: the eventfd that ends a poll; the others by serial */
	char who[SESSIONS_MAX + 1];
	unsigned count;
	bool ending;
};

static void
tell(void *arg, uint32_t index, uint64_t serial, const struct hub_msg *m)
{
	const struct lockhub *h = arg;

	assert_int_equal(index, serial);
	(void)send(h->fds[serial], m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
begin(struct lockhub *h)
{
	const struct locks_conf conf = {.flag = h->flag,
					.flag_folder = h->folder,
					.keep_ns = h->keep_ms * (uint64_t)NS_PER_MS,
					.tell = tell,
					.arg = h};

	assert_int_equal(locks_new(&conf, &h->locks, NULL), 0);
}

static void
take(struct lockhub *h, unsigned i)
{
	const struct lock_session from = {
	    .index = i, .serial = i, .user = h->who[i] == 'b' ? "bob" : "alice"};
	struct hub_msg m;
	ssize_t n = recv(h->fds[i], &m, sizeof(m), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(m)) {
		locks_message(h->locks, &from, &m);
	} else if (n == 0) {
		fd_close(&h->fds[i]);
		locks_ended(h->locks, i);
	}
}

static void *
run(void *arg)
{
	struct lockhub *h = arg;
	struct pollfd p[SESSIONS_MAX + 1];
	uint64_t value;

	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		unsigned n = h->count + 1;
		int timeout = locks_timer(h->locks);

		for (unsigned i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = h->fds[i], .events = POLLIN};
		pthread_mutex_unlock(&h->lock);
		(void)poll(p, n, timeout);
		pthread_mutex_lock(&h->lock);
		if (p[0].revents)
			assert_true(read(h->fds[0], &value, sizeof(value)) > 0);
		for (unsigned i = 1; i < n; i++) {
			if (p[i].revents && h->fds[i] == p[i].fd)
				take(h, i);
		}
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void
kick(const struct lockhub *h)
{
	uint64_t one = 1;

	assert_int_equal(write(h->fds[0], &one, sizeof(one)), sizeof(one));
}

struct lockhub *
lockhub_new(const char *folder, uint64_t keep_ms)
{
	struct lockhub *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	(void)snprintf(h->folder, sizeof(h->folder), "%s", folder);
	(void)snprintf(h->flag, sizeof(h->flag), "%s/locked", h->folder);
	h->keep_ms = keep_ms;
	pthread_mutex_init(&h->lock, NULL);
	h->fds[0] = eventfd(0, EFD_CLOEXEC);
	assert_true(h->fds[0] >= 0);
	begin(h);
	assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
	return h;
}

int
lockhub_add(struct lockhub *h, char who)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	pthread_mutex_lock(&h->lock);
	assert_true(h->count < SESSIONS_MAX);
	h->fds[++h->count] = sv[0];
	h->who[h->count] = who;
	pthread_mutex_unlock(&h->lock);
	kick(h);
	return sv[1];
}

void
lockhub_restart(struct lockhub *h)
{
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 1; i <= h->count; i++)
		fd_close(&h->fds[i]);
	locks_free(h->locks);
	begin(h);
	pthread_mutex_unlock(&h->lock);
	kick(h);
}

void
lockhub_free(struct lockhub *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_mutex_unlock(&h->lock);
	kick(h);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	for (unsigned i = 0; i <= h->count; i++)
		fd_close(&h->fds[i]);
	locks_free(h->locks);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

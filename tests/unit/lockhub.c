/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lockhub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"
#include "server/locks.h"
#include "testhub.h"

/* Sessions are known by their serials, which are their numbers. */
struct lockhub {
	struct testhub base;
	struct locks *locks;
	uint64_t keep_ms;
	char folder[300], flag[320];
	char who[TESTHUB_SESSIONS_MAX + 1];
};

static struct lockhub *
of(struct testhub *h)
{
	return CONTAINER_OF(h, struct lockhub, base);
}

static void
tell(void *arg, uint32_t index, uint64_t serial, const struct hub_msg *m)
{
	const struct lockhub *h = arg;

	assert_int_equal(index, serial);
	(void)send(h->base.fds[serial], m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL);
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
take(struct testhub *base, unsigned i)
{
	struct lockhub *h = of(base);
	const struct lock_session from = {
	    .index = i, .serial = i, .user = h->who[i] == 'b' ? "bob" : "alice"};
	struct hub_msg m;
	ssize_t n = recv(base->fds[i], &m, sizeof(m), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(m)) {
		locks_message(h->locks, &from, &m);
	} else if (n == 0) {
		fd_close(&base->fds[i]);
		locks_ended(h->locks, i);
	}
}

static int
timer(struct testhub *base)
{
	return locks_timer(of(base)->locks);
}

struct lockhub *
lockhub_new(const char *folder, uint64_t keep_ms)
{
	struct lockhub *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	(void)snprintf(h->folder, sizeof(h->folder), "%s", folder);
	(void)snprintf(h->flag, sizeof(h->flag), "%s/locked", h->folder);
	h->keep_ms = keep_ms;
	h->base.readable = take;
	h->base.timer = timer;
	begin(h);
	testhub_start(&h->base);
	return h;
}

int
lockhub_add(struct lockhub *h, char who)
{
	int fd;

	pthread_mutex_lock(&h->base.lock);
	fd = testhub_add(&h->base);
	h->who[h->base.count] = who;
	pthread_mutex_unlock(&h->base.lock);
	return fd;
}

void
lockhub_restart(struct lockhub *h)
{
	pthread_mutex_lock(&h->base.lock);
	for (unsigned i = 1; i <= h->base.count; i++)
		fd_close(&h->base.fds[i]);
	locks_free(h->locks);
	begin(h);
	pthread_mutex_unlock(&h->base.lock);
	testhub_kick(&h->base);
}

void
lockhub_free(struct lockhub *h)
{
	if (!h)
		return;
	testhub_end(&h->base);
	locks_free(h->locks);
	free(h);
}

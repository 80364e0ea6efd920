/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "minihub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/io.h"
#include "server/hubmsg.h"
#include "testhub.h"

struct minihub {
	struct testhub base;
};

static void
pass_on(struct testhub *h, unsigned from)
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

struct minihub *
minihub_new(void)
{
	struct minihub *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->base.readable = pass_on;
	testhub_start(&h->base);
	return h;
}

uint64_t
minihub_add(struct minihub *h, int *fd_out)
{
	uint64_t address;

	pthread_mutex_lock(&h->base.lock);
	*fd_out = testhub_add(&h->base);
	address = h->base.count;
	pthread_mutex_unlock(&h->base.lock);
	return address;
}

void
minihub_free(struct minihub *h)
{
	if (!h)
		return;
	testhub_end(&h->base);
	free(h);
}

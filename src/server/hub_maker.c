/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The hub's side of the maker: orders, and what it says of them. */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "base/time.h"
#include "server/hub_state.h"
#include "server/maker.h"

/* It takes a third of a millisecond for each. */
#define ANSWER_MS 2000

bool
hub_maker_is_there(const struct hub *h)
{
	const struct child *maker = h->children.services[CHILD_MAKER];

	return maker && maker->fd >= 0 && maker->serial != h->orders.retired;
}

void
hub_maker_retire(struct hub *h)
{
	const struct child *maker = h->children.services[CHILD_MAKER];

	if (!hub_maker_is_there(h))
		return;
	h->orders.retired = maker->serial;
	/* What it was told to make it makes, and then it ends. */
	(void)shutdown(maker->fd, SHUT_WR);
}

/* Waits for a message of the maker's; false: there comes none. */
static bool
hear(struct hub *h, uint64_t deadline)
{
	const struct child *maker = h->children.services[CHILD_MAKER];
	struct pollfd p = {.events = POLLIN};

	if (!maker || maker->fd < 0 || deadline_passed(deadline))
		return false;
	p.fd = maker->fd;
	(void)poll(&p, 1, deadline_left_ms(deadline));
	(void)hub_read_child(h, maker->index);
	return true;
}

static int
wait_for_room(struct hub *h, uint64_t deadline)
{
	while (h->orders.open >= ORDERS_MAX) {
		if (!hub_maker_is_there(h) || !hear(h, deadline))
			return CFS_EBUSY;
	}
	return 0;
}

struct child *
hub_maker_await(struct hub *h, uint32_t index, uint64_t serial)
{
	uint64_t deadline = deadline_from_ms(ANSWER_MS);
	struct child *child;

	while ((child = children_at(&h->children, index, serial)) && child->pid == 0) {
		if (!hear(h, deadline))
			return NULL;
	}
	return child;
}

int
hub_maker_order(struct hub *h, const struct child *child, int fd, const struct lines *lines)
{
	struct maker_order order = {
	    .index = child->index, .serial = child->serial, .slot = child->slot};
	int fds[MAKER_FDS];

	memcpy(order.peer, child->peer, sizeof(order.peer));
	fds[MAKER_FD_CONNECTION] = fd;
	fds[MAKER_FD_HUB] = lines->hub_fd;
	fds[MAKER_FD_SIGNER] = lines->signer_fd;
	fds[MAKER_FD_DOOR] = lines->door_fd;
	if (wait_for_room(h, deadline_from_ms(ANSWER_MS)) || !hub_maker_is_there(h) ||
	    fdpass_send(h->children.services[CHILD_MAKER]->fd, &order, sizeof(order), fds,
			MAKER_FDS, MSG_DONTWAIT)) {
		const struct child *maker = h->children.services[CHILD_MAKER];

		log_warn("%s: the maker takes no order", child->peer);
		hub_maker_retire(h);
		/* Whoever hangs is replaced, and its orders are void. */
		if (maker)
			(void)kill(maker->pid, SIGKILL);
		return CFS_EBUSY;
	}
	h->orders.open++;
	return 0;
}

/* The hub may have to kill it: it must be a child of its own that has not been reaped, and nobody else in the list. */
static bool
is_ours(struct hub *h, pid_t pid)
{
	siginfo_t info;

	return !children_find(&h->children, pid) &&
	       waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void
hub_maker_made(struct hub *h, const struct hub_msg *m)
{
	struct child *child = children_at(&h->children, m->index, m->serial);
	pid_t pid = m->pid <= INT32_MAX ? (pid_t)m->pid : 0;

	if (h->orders.open == 0 || !child || child->pid > 0)
		return;
	h->orders.open--;
	if (pid <= 0 || !is_ours(h, pid)) {
		hub_child_gone(h, child);
		return;
	}
	children_made(&h->children, child, pid);
	hub_count_child(h, child);
}

void
hub_maker_ended(struct hub *h)
{
	struct child *c = children_from(&h->children, 0), *next;

	for (; c; c = next) {
		next = children_from(&h->children, c->index + 1);
		if (c->pid == 0)
			hub_child_gone(h, c);
	}
	h->orders.open = 0;
}

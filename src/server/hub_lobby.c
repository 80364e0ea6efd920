/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Connections that have not shown yet that they speak TLS. A process costs a thousand times what they do: it is made for those whose
 * first bytes are those of a ClientHello, and nobody else. The bytes are looked at and stay where they are.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "server/hub_state.h"

/* RFC 8446, 5.1 and 4: a record (type, version, length), and the type of the first message in it. */
#define FIRST_BYTES      6
#define RECORD_HANDSHAKE 22
#define VERSION_MAJOR    3
#define LENGTH_HIGH_MAX  0x40 /* 2^14 bytes */
#define CLIENT_HELLO     1

#define GUESTS_FIRST (65536u / sizeof(struct guest *))

struct guest {
	struct guest *next, *prev; /* in the order of coming, which is that of their deadlines */
	uint64_t deadline;
	int fd;
	struct addr_key key;
	char peer[64];
};

enum look { LOOK_WAIT, LOOK_TLS, LOOK_ELSE };

static enum look
look(int fd)
{
	unsigned char b[FIRST_BYTES];
	ssize_t n = recv(fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? LOOK_WAIT : LOOK_ELSE;
	if (n == 0 || b[0] != RECORD_HANDSHAKE || (n > 1 && b[1] != VERSION_MAJOR) ||
	    (n > 3 && b[3] > LENGTH_HIGH_MAX) || (n > 5 && b[5] != CLIENT_HELLO))
		return LOOK_ELSE;
	return n == FIRST_BYTES ? LOOK_TLS : LOOK_WAIT;
}

/* ---- who is there ---- */

static int
grow(struct lobby *l, size_t fd)
{
	size_t cap = l->cap > 0 ? l->cap : GUESTS_FIRST;
	struct guest **list;

	while (cap <= fd)
		cap *= 2;
	if (cap == l->cap)
		return 0;
	list =
	    unforked_grow(l->by_fd, l->cap * sizeof(struct guest *), cap * sizeof(struct guest *));
	if (!list)
		return -1;
	l->by_fd = list;
	l->cap = cap;
	return 0;
}

static void
append(struct lobby *l, struct guest *g)
{
	g->next = NULL;
	g->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = g;
	l->last = g;
	l->by_fd[g->fd] = g;
}

/* Out of the lobby: the descriptor is the caller's. */
static int
take(struct hub *h, struct guest *g)
{
	struct lobby *l = &h->lobby;
	int fd = g->fd;

	*(g->prev ? &g->prev->next : &l->first) = g->next;
	*(g->next ? &g->next->prev : &l->last) = g->prev;
	l->by_fd[fd] = NULL;
	/* A process will have it open: the hub would hear of it for ever. */
	(void)epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	children_wait_ended(&h->children, &g->key, fd);
	unforked_give(&l->places, g);
	return fd;
}

static void
turn_out(struct hub *h, struct guest *g, const char *why)
{
	int fd;

	log_info("%s: %s", g->peer, why);
	fd = take(h, g);
	fd_close(&fd);
}

static int
let_wait(struct hub *h, const struct child *child, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
				 .data.u64 = (uint64_t)EVENT_LOBBY << 32 | (uint32_t)fd};
	struct lobby *l = &h->lobby;
	struct guest *g;

	l->places.size = sizeof(*g);
	if (grow(l, (size_t)fd) || !(g = unforked_take(&l->places)))
		return CFS_ENOMEM;
	*g = (struct guest){
	    .deadline = deadline_from_ms(h->config->signin_ms), .fd = fd, .key = child->key};
	memcpy(g->peer, child->peer, sizeof(g->peer));
	if (!children_wait(&h->children, &g->key, fd)) {
		unforked_give(&l->places, g);
		return CFS_ENOMEM;
	}
	append(l, g);
	if (epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0)
		return 0;
	(void)take(h, g);
	return CFS_ENOMEM;
}

/* ---- for the hub ---- */

int
hub_lobby_enter(struct hub *h, const struct child *child, int fd)
{
	switch (look(fd)) {
	case LOOK_TLS:
		return 1;
	case LOOK_WAIT:
		return let_wait(h, child, fd);
	case LOOK_ELSE:
		break;
	}
	log_info("%s: does not speak TLS", child->peer);
	return CFS_EPROTO;
}

void
hub_lobby_ready(struct hub *h, uint32_t fd)
{
	struct guest *g = fd < h->lobby.cap ? h->lobby.by_fd[fd] : NULL;
	struct child child = {.role = CHILD_SESSION};

	if (!g)
		return;
	switch (look(g->fd)) {
	case LOOK_WAIT:
		break;
	case LOOK_ELSE:
		turn_out(h, g, "does not speak TLS");
		break;
	case LOOK_TLS:
		child.key = g->key;
		memcpy(child.peer, g->peer, sizeof(child.peer));
		hub_start_session(h, &child, take(h, g));
		break;
	}
}

int
hub_lobby_timer(struct hub *h)
{
	struct lobby *l = &h->lobby;

	while (l->first && deadline_passed(l->first->deadline))
		turn_out(h, l->first, "said nothing in time");
	return l->first ? deadline_left_ms(l->first->deadline) : -1;
}

void
hub_lobby_close(struct hub *h)
{
	struct lobby *l = &h->lobby;

	while (l->first) {
		int fd = take(h, l->first);

		fd_close(&fd);
	}
	unforked_end(l->by_fd, l->cap * sizeof(struct guest *));
	unforked_clear(&l->places);
	*l = (struct lobby){0};
}

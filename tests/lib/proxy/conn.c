/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES        (256u << 10) /* at a time: large enough for speed, small enough for cache */
#define READ_BYTES_CAPPED (16u << 10) /* under a rate cap: pieces that interleave */
#define CONNS_MAX         2048u

void
conn_close(struct conn *c, bool reset)
{
	if (c->dead)
		return;
	c->dead = true;
	for (int s = 0; s < 2; s++) {
		if (c->side[s].fd < 0)
			continue;
		if (reset) {
			struct linger l = {.l_onoff = 1, .l_linger = 0};
			setsockopt(c->side[s].fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
		}
		close(c->side[s].fd);
		c->side[s].fd = -1;
	}
}

void
conns_sweep(struct proxy *p)
{
	for (struct conn **at = &p->conns; *at != NULL;) {
		struct conn *c = *at;
		if (!c->dead) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		for (int d = 0; d < 2; d++)
			delayline_fini(&c->flow[d].line);
		free(c);
		p->conn_count--;
	}
}

void
conn_accept(struct proxy *p)
{
	int fd = accept4(p->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		die("accept"); /* anything else ends by itself; this would spin for ever */
	if (fd < 0)
		return;
	struct conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		die("calloc");
	int64_t now = now_ns();
	c->open_ns = now + 2 * p->delay_ns;
	c->dial_ns = now + 3 * p->delay_ns;
	int nodelay = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay);
	for (int d = 0; d < 2; d++) {
		c->side[d] = (struct watch){.kind = WATCH_SIDE, .fd = d == UP ? fd : -1, .conn = c};
		c->flow[d].cut_at = p->cut_at[d];
		if (delayline_init(&c->flow[d].line, p->window_bytes) < 0)
			die("delayline");
	}
	c->next = p->conns;
	p->conns = c;
	p->conn_count++;
	p->accepted++;
	if (p->refusing || p->conn_count > CONNS_MAX)
		conn_close(c, true);
}

static void
conn_dial(struct proxy *p, struct conn *c)
{
	const struct addrinfo *t = p->target;
	int fd = socket(t->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	c->dialled = true;
	c->side[DOWN].fd = fd;
	int nodelay = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay);
	if (connect(fd, t->ai_addr, t->ai_addrlen) == 0)
		c->connected = true;
	else if (errno != EINPROGRESS)
		conn_close(c, true);
}

void
conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof error;
	getsockopt(c->side[DOWN].fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0)
		conn_close(c, true);
	else
		c->connected = true;
}

/* When N bytes that enter the link now leave it at the other end. */
static int64_t
link_due_ns(struct proxy *p, enum dir d, size_t n, int64_t now)
{
	if (p->ns_per_byte <= 0)
		return now + p->delay_ns;
	if (p->link_free_ns[d] < now)
		p->link_free_ns[d] = now;
	p->link_free_ns[d] += (int64_t)(p->ns_per_byte * (double)n);
	return p->link_free_ns[d] + p->delay_ns;
}

/* Bytes came: a client that speaks after the server begins a turn, and in the last one what was to be held is. */
static void
note_speaker(struct conn *c, enum dir d)
{
	if (d == UP && c->speaker == DOWN && c->turns_left > 0)
		c->turns_left--;
	c->speaker = d;
	if (c->turns_left == 0)
		c->flow[d].held = c->flow[d].to_hold;
}

/* Takes one piece from the sender; false when there is nothing more to take now. */
static bool
flow_read(struct proxy *p, struct conn *c, enum dir d, int64_t now)
{
	struct flow *f = &c->flow[d];
	unsigned char *at = NULL;
	if (f->ended || !c->open || (d == DOWN && !c->connected))
		return false;
	size_t room = delayline_room(&f->line, &at);
	size_t most = p->ns_per_byte > 0 ? READ_BYTES_CAPPED : READ_BYTES;
	if (room == 0)
		return false;
	ssize_t n = recv(c->side[d].fd, at, room < most ? room : most, 0);
	if (n > 0) {
		delayline_store(&f->line, (size_t)n, link_due_ns(p, d, (size_t)n, now));
		note_speaker(c, d);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	f->ended = true;
	f->aborted = n < 0;
	f->end_ns = link_due_ns(p, d, 0, now);
	return false;
}

/* Hands over what is due, up to the byte after which the connection is to be cut. */
static void
flow_write(struct proxy *p, struct conn *c, enum dir d, int64_t now)
{
	struct flow *f = &c->flow[d];
	const unsigned char *at = NULL;
	size_t due;
	while (!f->held && f->passed < f->cut_at && (due = delayline_due(&f->line, now, &at)) > 0) {
		if (due > f->cut_at - f->passed)
			due = (size_t)(f->cut_at - f->passed);
		ssize_t n = send(c->side[!d].fd, at, due, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				conn_close(c, true);
			return;
		}
		delayline_consume(&f->line, (size_t)n);
		f->passed += (uint64_t)n;
		p->bytes[d] += (uint64_t)n;
	}
	if (f->passed >= f->cut_at && p->cuts_left != 0) {
		p->cuts_left -= p->cuts_left > 0;
		conn_close(c, true);
	} else if (f->passed >= f->cut_at) {
		f->cut_at = UINT64_MAX;
	}
}

static void
flow_finish(struct conn *c, enum dir d, int64_t now)
{
	struct flow *f = &c->flow[d];
	if (!f->ended || f->shut || (!f->held && !delayline_empty(&f->line)) || now < f->end_ns)
		return;
	f->shut = true;
	if (f->aborted || c->flow[!d].shut)
		conn_close(c, f->aborted);
	else
		shutdown(c->side[!d].fd, SHUT_WR);
}

static void
conn_watch(struct proxy *p, struct conn *c, int64_t now)
{
	for (enum dir s = UP; s <= DOWN && !c->dead; s++) {
		const unsigned char *due = NULL;
		unsigned char *room = NULL;
		uint32_t want = 0;
		if (s == DOWN && !c->connected)
			want = EPOLLOUT;
		else if (c->open && !c->flow[s].ended &&
			 delayline_room(&c->flow[s].line, &room) > 0)
			want = EPOLLIN;
		if (c->connected && !c->flow[!s].held &&
		    delayline_due(&c->flow[!s].line, now, &due) > 0)
			want |= EPOLLOUT;
		arm(p, &c->side[s], want);
	}
}

void
conn_pump(struct proxy *p, struct conn *c)
{
	int64_t now = now_ns();
	if (p->dropping) {
		arm(p, &c->side[UP], 0);
		arm(p, &c->side[DOWN], 0);
		return;
	}
	c->open = c->open || now >= c->open_ns;
	if (!c->dialled && now >= c->dial_ns)
		conn_dial(p, c);
	for (enum dir d = UP; d <= DOWN && !c->dead; d++) {
		for (int spins = 0; spins < 8 && !c->dead; spins++) {
			bool more = flow_read(p, c, d, now);
			if (c->connected)
				flow_write(p, c, d, now);
			if (!more)
				break;
			now = now_ns();
		}
		if (!c->dead && c->connected)
			flow_finish(c, d, now);
	}
	conn_watch(p, c, now);
}

int64_t
conn_next_ns(const struct conn *c)
{
	/* What a pump could have done is done, so all that is left lies ahead of the pump's clock;
	 * a moment that has passed since then must fire too. */
	int64_t next = INT64_MAX;
	if (!c->open)
		return c->open_ns;
	if (!c->dialled)
		return c->dial_ns;
	for (int d = 0; d < 2 && c->connected; d++) {
		const struct flow *f = &c->flow[d];
		int64_t t = f->held ? INT64_MAX : delayline_next_ns(&f->line);
		if (f->ended && !f->shut && (f->held || delayline_empty(&f->line)))
			t = f->end_ns;
		next = t < next ? t : next;
	}
	return next;
}

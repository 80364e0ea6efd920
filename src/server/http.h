/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_HTTP_H
#define CFS_SERVER_HTTP_H

/*
 * One page over HTTP/1.1 (RFC 9112), and no more: GET of one path, one request a connection, a few connections at a
 * time, everything bounded in size and time. No thread; the caller polls.
 */

#include <poll.h>
#include <stdint.h>

#include "base/buf.h"

#define HTTP_CONNECTIONS 8u

struct http_page {
	const char *path, *content_type;
	/* Makes the page; 0 or a code, which is answered with 500. */
	int (*make)(void *arg, struct buf *out);
	void *arg;
};

struct http_connection {
	int fd; /* -1: none */
	struct buf in, out;
	enum http_state { HTTP_READING, HTTP_ANSWERING, HTTP_LINGERING } state;
	uint64_t deadline;
};

struct http {
	const struct http_page *page;
	struct http_connection connections[HTTP_CONNECTIONS];
};

void http_init(struct http *h, const struct http_page *page);
void http_fini(struct http *h);

/* Takes a connection, which is closed here; the oldest gives way when there are too many. */
void http_take(struct http *h, int fd);

/* Fills in what to poll: HTTP_CONNECTIONS entries; and does what the poll found, also nothing: time runs out too. */
void http_poll(const struct http *h, struct pollfd *out);
void http_run(struct http *h, const struct pollfd *polled);

/* When to run again at the latest. */
uint64_t http_timer(const struct http *h);

#endif

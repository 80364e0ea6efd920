/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"

#define REQUEST_MAX ((size_t)4096)
#define REQUEST_MS  5000
#define ANSWER_MS   10000
#define LINGER_MS   1000

void
http_init(struct http *h, const struct http_page *page)
{
	memset(h, 0, sizeof(*h));
	h->page = page;
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++)
		h->connections[i].fd = -1;
}

static void
drop(struct http_connection *c)
{
	fd_close(&c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	c->state = HTTP_READING;
}

void
http_fini(struct http *h)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++)
		drop(&h->connections[i]);
}

void
http_take(struct http *h, int fd)
{
	struct http_connection *c = &h->connections[0];

	for (unsigned i = 1; i < HTTP_CONNECTIONS && c->fd >= 0; i++) {
		if (h->connections[i].fd < 0 || h->connections[i].deadline < c->deadline)
			c = &h->connections[i];
	}
	drop(c);
	c->fd = fd;
	c->deadline = deadline_from_ms(REQUEST_MS);
}

void
http_poll(const struct http *h, struct pollfd *out)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		const struct http_connection *c = &h->connections[i];

		out[i] = (struct pollfd){.fd = c->fd,
					 .events = c->state == HTTP_ANSWERING ? POLLOUT : POLLIN};
	}
}

uint64_t
http_timer(const struct http *h)
{
	uint64_t t = UINT64_MAX;

	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		if (h->connections[i].fd >= 0 && h->connections[i].deadline < t)
			t = h->connections[i].deadline;
	}
	return t;
}

static int
put_answer(struct http_connection *c, const char *status, const char *more, const char *type,
	   const struct buf *body)
{
	if (buf_appendf(&c->out,
			"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			"Connection: close\r\nX-Content-Type-Options: nosniff\r\n%s\r\n",
			status, type, body->len, more))
		return CFS_ENOMEM;
	return buf_append(&c->out, body->data, body->len);
}

static void
answer(struct http_connection *c, const char *status, const char *more, const char *type,
       const struct buf *body)
{
	c->state = HTTP_ANSWERING;
	c->deadline = deadline_from_ms(ANSWER_MS);
	buf_clear(&c->out);
	if (put_answer(c, status, more, type, body))
		drop(c);
}

static void
refuse(struct http_connection *c, const char *status, const char *more)
{
	struct buf text = BUF_INIT;

	if (buf_appendf(&text, "%s\n", status) == 0)
		answer(c, status, more, "text/plain", &text);
	else
		drop(c);
	buf_fini(&text);
}

static void
send_page(struct http *h, struct http_connection *c)
{
	struct buf body = BUF_INIT;

	if (h->page->make(h->page->arg, &body))
		refuse(c, "500 Internal Server Error", "");
	else
		answer(c, "200 OK", "", h->page->content_type, &body);
	buf_fini(&body);
}

/* The request line alone matters: METHOD SP TARGET SP HTTP/1.x. */
static void
handle(struct http *h, struct http_connection *c, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || (strcmp(version, " HTTP/1.1") != 0 && strcmp(version, " HTTP/1.0") != 0)) {
		refuse(c, "400 Bad Request", "");
		return;
	}
	*target++ = '\0';
	*version = '\0';
	if (strcmp(target, h->page->path) != 0)
		refuse(c, "404 Not Found", "");
	else if (strcmp(line, "GET") != 0)
		refuse(c, "405 Method Not Allowed", "Allow: GET\r\n");
	else
		send_page(h, c);
}

static void
read_request(struct http *h, struct http_connection *c)
{
	unsigned char *room = buf_reserve(&c->in, REQUEST_MAX - c->in.len);
	ssize_t n = room ? recv(c->fd, room, REQUEST_MAX - c->in.len, MSG_DONTWAIT) : 0;
	char *text;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	if (memchr(c->in.data, '\0', c->in.len)) {
		refuse(c, "400 Bad Request", "");
		return;
	}
	text = memmem(c->in.data, c->in.len, "\r\n\r\n", 4) ? buf_cstr(&c->in) : NULL;
	if (text) {
		*strstr(text, "\r\n") = '\0';
		handle(h, c, text);
	} else if (c->in.len == REQUEST_MAX) {
		refuse(c, "431 Request Header Fields Too Large", "");
	}
}

static void
write_answer(struct http_connection *c)
{
	ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0)
		buf_consume(&c->out, (size_t)n);
	if (n < 0) {
		drop(c);
	} else if (c->out.len == 0) {
		(void)shutdown(c->fd, SHUT_WR);
		c->state = HTTP_LINGERING;
		c->deadline = deadline_from_ms(LINGER_MS);
	}
}

/* To close while the peer still sends would be a reset, which takes the answer with it (RFC 9112, 9.6). */
static void
linger(struct http_connection *c)
{
	char dropped[1024];
	ssize_t n = recv(c->fd, dropped, sizeof(dropped), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		drop(c);
}

void
http_run(struct http *h, const struct pollfd *polled)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
		struct http_connection *c = &h->connections[i];

		if (c->fd < 0)
			continue;
		if (c->fd == polled[i].fd && polled[i].revents) {
			if (c->state == HTTP_LINGERING)
				linger(c);
			else if (c->state == HTTP_READING)
				read_request(h, c);
			if (c->fd >= 0 && c->state == HTTP_ANSWERING)
				write_answer(c);
		}
		if (c->fd >= 0 && deadline_passed(c->deadline))
			drop(c);
	}
}

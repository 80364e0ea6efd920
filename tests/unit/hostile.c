/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "client/client.h"
#include "net/fdstream.h"
#include "proto/codec.h"
#include "proto/frame.h"

_Thread_local struct hostile_asked hostile_asked;

struct line {
	struct hostile *h;
	int fd;
};

void
hostile_reply(struct buf *out, const struct op_desc *op, uint64_t number, const void *rep,
	      const void *bulk, size_t len)
{
	struct buf payload = BUF_INIT;

	assert_int_equal(codec_encode(op->reply, rep, &payload), 0);
	assert_int_equal(buf_append(&payload, bulk, len), 0);
	assert_int_equal(
	    frame_append(out, op->number | FRAME_REPLY, 0, number, payload.data, payload.len), 0);
	buf_fini(&payload);
}

static void
welcome(const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_hello_rep rep = {
	    .version = 1,
	    .server = STR_LIT("hostile"),
	    .user_id = 1,
	    .user = STR_LIT("alice"),
	    .root = 1,
	    .home = 256,
	    .gen = 1,
	    .max_frame = FRAME_MAX,
	    .max_inline = CFS_INLINE_MAX,
	    .max_blob = CFS_BLOB_MAX,
	    .heartbeat_ms = 10000,
	};

	hostile_reply(out, op, number, &rep, NULL, 0);
}

static bool
read_all(int fd, void *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got <= 0)
			return false;
		p = (char *)p + got;
		n -= (size_t)got;
	}
	return true;
}

static bool
write_all(int fd, const void *p, size_t n)
{
	while (n > 0) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		p = (const char *)p + put;
		n -= (size_t)put;
	}
	return true;
}

static void *
serve(void *arg)
{
	struct line *l = arg;
	unsigned char head[FRAME_HEADER_SIZE];
	unsigned char *payload = malloc(FRAME_MAX);
	struct buf out = BUF_INIT;
	bool go_on = payload != NULL;

	while (go_on && read_all(l->fd, head, sizeof(head)) &&
	       read_all(l->fd, payload, min_size(load_le32(head), FRAME_MAX))) {
		const struct op_desc *op = op_find(load_le16(head + 4));

		buf_clear(&out);
		hostile_asked = (struct hostile_asked){.payload = payload, .len = load_le32(head)};
		if (op->number == OP_HELLO)
			welcome(op, load_le64(head + 8), &out);
		else
			l->h->answer(l->h, op, load_le64(head + 8), &out);
		go_on =
		    write_all(l->fd, out.data, out.len) && !atomic_exchange(&l->h->hang_up, false);
	}
	(void)close(l->fd);
	buf_fini(&out);
	free(payload);
	free(l);
	return NULL;
}

struct hostile_dialer {
	struct dialer base;
	struct hostile *h;
};

static int
dial(struct dialer *base, uint64_t deadline, struct stream **out, struct cfs_err *err)
{
	struct hostile *h = CONTAINER_OF(base, struct hostile_dialer, base)->h;
	struct line *l = calloc(1, sizeof(*l));
	int sv[2];

	(void)deadline;
	(void)err;
	assert_non_null(l);
	assert_true(h->lines < LINES_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	*l = (struct line){.h = h, .fd = sv[1]};
	assert_int_equal(pthread_create(&h->threads[h->lines++], NULL, serve, l), 0);
	*out = fdstream_new(sv[0]);
	assert_non_null(*out);
	return 0;
}

static void
free_dialer(struct dialer *base)
{
	free(CONTAINER_OF(base, struct hostile_dialer, base));
}

struct cfs *
hostile_start(struct hostile *h)
{
	const struct cfs_options options = {.program = "test",
					    .timeout_ms = h->answer_ms > 0 ? h->answer_ms : 500,
					    .reconnect_ms = 300,
					    .promises = h->cache_dir != NULL,
					    .cache_dir = h->cache_dir,
					    .cache_size = (uint64_t)16 << 20};
	struct hostile_dialer *d = calloc(1, sizeof(*d));
	struct client_identity id = {0};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c = NULL;

	assert_non_null(d);
	d->base = (struct dialer){.dial = dial, .free = free_dialer};
	d->h = h;
	if (client_open(&d->base, &id, &options, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

void
hostile_stop(struct hostile *h, struct cfs *c)
{
	cfs_close(c);
	for (unsigned i = 0; i < h->lines; i++)
		assert_int_equal(pthread_join(h->threads[i], NULL), 0);
}

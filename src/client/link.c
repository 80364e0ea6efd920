/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/time.h"
#include "base/version.h"
#include "net/dial.h"
#include "net/key.h"
#include "net/tls.h"
#include "proto/codec.h"

/* ---- TLS over TCP */

struct tls_dialer {
	struct dialer base;
	char *host;
	uint16_t port;
	bool pinned, has_next;
	struct sha256 pin, next, actual;
	struct tls_ctx *ctx;
};

static int
dial_once(struct tls_dialer *d, uint64_t deadline, struct stream **out, struct cfs_err *err)
{
	struct stream *s = NULL;
	int fd = -1;
	int rc = dial_tcp(d->host, d->port, deadline, &fd, err);

	if (rc < 0)
		return rc;
	rc = tls_stream_new(d->ctx, fd, &s, err);
	if (rc < 0) {
		fd_close(&fd);
		return rc;
	}
	rc = tls_client_handshake(s, d->pinned ? &d->pin : NULL, deadline, &d->actual, err);
	if (rc < 0) {
		stream_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* A server that shows the key that it said it would have has changed to it. */
static int
tls_dial(struct dialer *base, uint64_t deadline, struct stream **out, struct cfs_err *err)
{
	struct tls_dialer *d = CONTAINER_OF(base, struct tls_dialer, base);
	int rc = dial_once(d, deadline, out, err);

	if (rc != CFS_EKEYCHANGED || !d->has_next || !sha256_equal(&d->actual, &d->next))
		return rc;
	d->pin = d->next;
	d->has_next = false;
	return dial_once(d, deadline, out, err);
}

static void
tls_dialer_free(struct dialer *base)
{
	struct tls_dialer *d = CONTAINER_OF(base, struct tls_dialer, base);

	tls_ctx_free(d->ctx);
	free(d->host);
	free(d);
}

int
link_tls_dialer(const char *host, uint16_t port, const struct tls_key *key,
		const struct sha256 *pin, struct dialer **out, struct cfs_err *err)
{
	struct tls_dialer *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL || (d->host = strdup(host)) == NULL) {
		free(d);
		return err_code(err, CFS_ENOMEM);
	}
	d->base = (struct dialer){.dial = tls_dial, .free = tls_dialer_free};
	d->port = port;
	d->pinned = pin != NULL;
	if (pin != NULL)
		d->pin = *pin;
	rc = tls_client_ctx_new(key, &d->ctx, err);
	if (rc < 0) {
		tls_dialer_free(&d->base);
		return rc;
	}
	*out = &d->base;
	return 0;
}

struct sha256
link_tls_actual(const struct dialer *d)
{
	const struct tls_dialer *t = (const struct tls_dialer *)(const void *)d;

	return t->actual;
}

void
link_tls_next(struct dialer *d, const struct sha256 *next)
{
	struct tls_dialer *t = (struct tls_dialer *)(void *)d;

	t->next = *next;
	t->has_next = true;
}

void
dialer_free(struct dialer *d)
{
	if (d != NULL)
		d->free(d);
}

/* ---- one request after the other */

int
link_open(struct dialer *d, uint64_t deadline, struct link *out, struct cfs_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = d->dial(d, deadline, &out->stream, err);
	if (rc < 0)
		return rc;
	out->reader = frame_reader_new(out->stream, FRAME_MAX_BEFORE_SIGN_IN);
	if (out->reader == NULL) {
		link_close(out);
		return err_code(err, CFS_ENOMEM);
	}
	return 0;
}

void
link_close(struct link *l)
{
	frame_reader_free(l->reader);
	stream_close(l->stream);
	l->reader = NULL;
	l->stream = NULL;
}

static int
wait_line(struct link *l, short extra, uint64_t deadline, struct cfs_err *err)
{
	struct pollfd p = {.fd = stream_fd(l->stream),
			   .events = (short)(stream_events(l->stream) | extra)};
	int n = poll(&p, 1, deadline_left_ms(deadline));

	if (n < 0 && errno != EINTR)
		return err_set_errno(err, errno, "poll");
	if (n == 0 && deadline_passed(deadline))
		return err_set(err, CFS_ETIMEDOUT, "no answer from the server");
	return 0;
}

static int
send_all(struct link *l, unsigned char *p, size_t n, uint64_t deadline, struct cfs_err *err)
{
	ssize_t put = 0;
	int rc;

	while (n > 0) {
		struct iovec iov = {.iov_base = p, .iov_len = n};

		put = stream_writev(l->stream, &iov, 1, err);
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		} else if (put != CFS_EBUSY) {
			return (int)put;
		} else if ((rc = wait_line(l, 0, deadline, err)) < 0) {
			return rc;
		}
	}
	while ((rc = stream_flush(l->stream, err)) == CFS_EBUSY) {
		rc = wait_line(l, POLLOUT, deadline, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int
receive(struct link *l, uint64_t number, uint64_t deadline, struct frame *f, struct cfs_err *err)
{
	for (;;) {
		int what = frame_next(l->reader, f, err);

		if (what < 0)
			return what;
		if (what == FRAME_EOF)
			return err_set(err, CFS_ENET, "the server closed the connection");
		if (what == FRAME_COMPLETE && f->is_reply && f->number == number)
			return 0;
		if (what == FRAME_BULK)
			frame_bulk_into(l->reader, NULL, f->bulk_left);
		if (what == FRAME_NEED_MORE) {
			int rc = wait_line(l, POLLIN, deadline, err);

			if (rc < 0)
				return rc;
		}
	}
}

static int
error_of(const struct frame *f, struct cfs_err *err)
{
	struct m_error_rep rep;
	int code = err_from_wire(f->flags);

	if (frame_decode(f, &rep, NULL, NULL) == 0 && rep.text.len > 0)
		return err_set(err, code, "%.*s", STR_ARGS(rep.text));
	return err_code(err, code);
}

int
link_exchange(struct link *l, unsigned op, const void *req, void *rep, uint64_t deadline,
	      struct cfs_err *err)
{
	const struct op_desc *desc = op_find(op);
	struct buf out = BUF_INIT;
	struct frame f;
	static const unsigned char header[FRAME_HEADER_SIZE];
	int rc = buf_append(&out, header, sizeof(header));

	if (rc == 0)
		rc = codec_encode(desc->request, req, &out);
	if (rc < 0) {
		err_code(err, rc);
		goto out;
	}
	store_le32(out.data, (uint32_t)(out.len - FRAME_HEADER_SIZE));
	store_le16(out.data + 4, (uint16_t)op);
	store_le16(out.data + 6, 0);
	store_le64(out.data + 8, ++l->last_number);
	rc = send_all(l, out.data, out.len, deadline, err);
	if (rc == 0)
		rc = receive(l, l->last_number, deadline, &f, err);
	if (rc == 0)
		rc = f.flags != 0 ? error_of(&f, err) : frame_decode(&f, rep, NULL, err);
out:
	if (out.data != NULL)
		secure_wipe(out.data, out.len); /* HELLO holds a password */
	buf_fini(&out);
	return rc;
}

static void
copy_str(char *out, size_t size, struct str s)
{
	size_t n = min_size(s.len, size - 1);

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

int
link_sign_in(struct link *l, const struct sign_in *s, uint64_t deadline, struct cfs_identity *who,
	     struct link_terms *terms, struct cfs_err *err)
{
	char client[128];
	struct m_hello_req req = {
	    .version_min = 1,
	    .version_max = 1,
	    .auth = (uint8_t)s->auth,
	    .enrol = s->enrol,
	    .user = str_from(s->user),
	    .secret = str_from(s->secret),
	    .device = str_from(s->device),
	    .client_id = s->client_id,
	};
	struct m_hello_rep rep;

	snprintf(client, sizeof(client), "%s %s", s->program != NULL ? s->program : "libcfs",
		 version_text());
	req.client = str_from(client);
	int rc = link_exchange(l, OP_HELLO, &req, &rep, deadline, err);
	if (rc < 0)
		return rc;
	if (rep.version != 1)
		return err_set(err, CFS_EUNSUPPORTED, "the server speaks protocol version %u",
			       rep.version);
	who->user_id = rep.user_id;
	copy_str(who->user, sizeof(who->user), rep.user);
	copy_str(who->device, sizeof(who->device), rep.device);
	copy_str(who->server, sizeof(who->server), rep.server);
	who->root = rep.root;
	who->home = rep.home;
	who->gen = l->gen = rep.gen;
	who->is_private = rep.is_private != 0;
	who->max_inline = (uint32_t)min_u64(rep.max_inline, CFS_INLINE_MAX);
	who->max_blob = (uint32_t)min_u64(rep.max_blob, CFS_BLOB_MAX);
	if (who->max_blob < 65536 || rep.max_frame < who->max_blob)
		return err_set(err, CFS_EPROTO, "the server's limits are too small");
	terms->store = rep.store;
	terms->max_frame = rep.max_frame;
	terms->heartbeat_ms = rep.heartbeat_ms >= 1000 ? rep.heartbeat_ms : 10000;
	frame_reader_set_max(l->reader, FRAME_MAX);
	return 0;
}

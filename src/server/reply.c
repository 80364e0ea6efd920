/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proto/codec.h"

/* Texts of these come from system calls and the database: they name what is the server's own business. */
static bool
is_internal(int code)
{
	return code == CFS_EIO || code == CFS_EFAIL || code == CFS_ENOMEM || code == CFS_EFORMAT ||
	       code == CFS_ENOSPC || code == CFS_ELOCALIO || code == CFS_ELOCALSPACE;
}

const char *
reply_text(int code, const struct cfs_err *err)
{
	if (!err || err->text[0] == '\0')
		return err_text(code);
	if (!is_internal(code))
		return err->text;
	if (strcmp(err->text, err_text(code)) != 0)
		log_error("%s", err->text);
	return err_text(code);
}

static void
check(struct session *s, int rc)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (rc == 0)
		return;
	err_set(&err, rc, "reply: %s", err_text(rc));
	session_fail(s, &err);
}

void
reply_status(struct session *s, const struct op_desc *op, uint64_t number, int status,
	     const void *rep, const struct cfs_err *err)
{
	if (status < 0)
		check(s, frame_write_error(s->writer, op->number, number, status,
					   reply_text(status, err)));
	else
		check(s, frame_write(s->writer, op->number | FRAME_REPLY, 0, number, op->reply, rep,
				     NULL));
}

static void
reply_absent(struct session *s, const struct call *c)
{
	const struct m_error_rep rep = {.text = str_from(err_text(CFS_ENOENT)),
					.promise_ms = c->absent_ms};

	check(s,
	      frame_write(s->writer, c->op->number | FRAME_REPLY, (uint16_t)err_to_wire(CFS_ENOENT),
			  c->number, &msg_error_rep, &rep, NULL));
}

/* The handler's bytes are gone when it has returned. */
void
reply_call(struct session *s, const struct call *c, int status, const struct cfs_err *err)
{
	size_t len = c->bulk_out.len;
	struct iovec piece = {.iov_len = len};
	struct frame_bulk bulk = {.pieces = &piece, .count = 1, .release = free};

	if (status == CFS_ENOENT && c->absent_ms > 0) {
		reply_absent(s, c);
		return;
	}
	if (status < 0 || len == 0) {
		reply_status(s, c->op, c->number, status, c->rep, err);
		return;
	}
	piece.iov_base = bulk.arg = malloc(len);
	if (!bulk.arg) {
		check(s, CFS_ENOMEM);
		return;
	}
	memcpy(bulk.arg, c->bulk_out.data, len);
	reply_pieces(s, c->op, c->number, c->rep, &bulk);
}

void
reply_pieces(struct session *s, const struct op_desc *op, uint64_t number, const void *rep,
	     const struct frame_bulk *bulk)
{
	int rc = frame_write(s->writer, op->number | FRAME_REPLY, 0, number, op->reply, rep, bulk);

	if (rc)
		bulk->release(bulk->arg);
	check(s, rc);
}

static void
release_buf(void *arg)
{
	bufpool_put(arg);
}

void
reply_bulk(struct session *s, const struct op_desc *op, uint64_t number, const void *rep,
	   struct poolbuf *buf, size_t bulk_len)
{
	struct iovec piece = {.iov_base = buf ? buf->data : NULL, .iov_len = bulk_len};
	struct frame_bulk bulk = {.pieces = &piece, .count = 1, .release = release_buf, .arg = buf};

	if (bulk_len == 0) {
		bufpool_put(buf);
		reply_status(s, op, number, 0, rep, NULL);
		return;
	}
	reply_pieces(s, op, number, rep, &bulk);
}

int
reply_encode(const struct op_desc *op, int status, const void *rep, const struct cfs_err *err,
	     struct buf *out)
{
	struct m_error_rep error = {0};

	if (status >= 0)
		return codec_encode(op->reply, rep, out);
	error.text = str_from(reply_text(status, err));
	return codec_encode(&msg_error_rep, &error, out);
}

int
reply_frame(struct buf *out, const struct op_desc *op, uint64_t number, int status,
	    struct bytes_view payload)
{
	return frame_append(out, op->number | FRAME_REPLY, (uint16_t)err_to_wire(status), number,
			    payload.data, payload.len);
}

void
reply_frames(struct session *s, const struct buf *frames)
{
	check(s, frame_write_raw(s->writer, frames->data, frames->len));
}

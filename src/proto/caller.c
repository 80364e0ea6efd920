/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/caller.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"

struct caller {
	struct stream *stream;
	struct frame_reader *reader;
	struct frame_writer *writer;
	struct buf big; /* payload of a frame whose bulk came apart */
	int64_t timeout_ms;
	uint64_t last_number;
};

struct caller *
caller_new(struct stream *stream, int64_t timeout_ms)
{
	struct caller *c = calloc(1, sizeof(*c));

	if (!c) {
		stream_close(stream);
		return NULL;
	}
	c->stream = stream;
	c->timeout_ms = timeout_ms;
	c->reader = frame_reader_new(stream, FRAME_MAX);
	c->writer = frame_writer_new(stream);
	if (!c->reader || !c->writer) {
		caller_free(c);
		return NULL;
	}
	return c;
}

void
caller_free(struct caller *c)
{
	if (!c)
		return;
	frame_reader_free(c->reader);
	frame_writer_free(c->writer);
	stream_close(c->stream);
	buf_fini(&c->big);
	free(c);
}

static int
wait_for(struct caller *c, short events, uint64_t deadline, struct cfs_err *err)
{
	struct pollfd p = {.fd = stream_fd(c->stream)};

	p.events = (short)(events | stream_events(c->stream));
	if (deadline_passed(deadline))
		return err_set(err, CFS_ETIMEDOUT, "no answer in time");
	(void)poll(&p, 1, deadline_left_ms(deadline));
	return 0;
}

int
caller_send(struct caller *c, unsigned op, uint16_t flags, const void *request, const void *bulk,
	    size_t bulk_len, uint64_t *number_out, struct cfs_err *err)
{
	const struct op_desc *desc = op_find(op);
	/* iovec has no const, though sending only reads. */
	struct iovec piece = {.iov_base = (void *)(uintptr_t)bulk, .iov_len = bulk_len};
	struct frame_bulk fb = {.pieces = &piece, .count = 1};
	uint64_t deadline = deadline_from_ms(c->timeout_ms);
	int rc;

	if (!desc)
		return err_set(err, CFS_EUNSUPPORTED, "operation %u is not known", op);
	rc = frame_write(c->writer, op, flags, ++c->last_number, desc->request, request,
			 bulk ? &fb : NULL);
	if (rc)
		return err_code(err, rc);
	if (number_out)
		*number_out = c->last_number;
	while ((rc = frame_writer_flush(c->writer, err)) == CFS_EBUSY) {
		rc = wait_for(c, POLLOUT, deadline, err);
		if (rc)
			return rc;
	}
	return rc;
}

/* Fields and bulk of a frame that comes in parts, one behind the other. */
static int
gather_bulk(struct caller *c, const struct frame *f, struct cfs_err *err)
{
	unsigned char *dst;

	buf_clear(&c->big);
	dst = buf_reserve(&c->big, f->len + f->bulk_left);
	if (!dst)
		return err_code(err, CFS_ENOMEM);
	memcpy(dst, f->payload, f->len);
	buf_commit(&c->big, f->len + f->bulk_left);
	frame_bulk_into(c->reader, dst + f->len, f->bulk_left);
	return 0;
}

int
caller_receive(struct caller *c, struct frame *frame_out, struct cfs_err *err)
{
	uint64_t deadline = deadline_from_ms(c->timeout_ms);

	for (;;) {
		int rc = frame_next(c->reader, frame_out, err);

		if (rc == FRAME_NEED_MORE)
			rc = wait_for(c, POLLIN, deadline, err);
		else if (rc == FRAME_BULK)
			rc = gather_bulk(c, frame_out, err);
		else if (rc == FRAME_EOF)
			return err_set(err, CFS_ENET, "the server ended the connection");
		else if (rc == FRAME_COMPLETE)
			return 0;
		else if (rc == FRAME_BULK_END) {
			frame_out->payload = c->big.data;
			frame_out->len = c->big.len;
			return 0;
		}
		if (rc < 0)
			return rc;
	}
}

int
caller_decode(const struct frame *frame, void *reply, struct str *bulk_out, struct cfs_err *err)
{
	struct m_error_rep error;
	int rc;

	if (frame->flags == 0)
		return frame_decode(frame, reply, bulk_out, err);
	rc = frame_decode(frame, &error, NULL, err);
	if (rc)
		return rc;
	return err_set(err, err_from_wire(frame->flags), "%.*s", STR_ARGS(error.text));
}

int
caller_call(struct caller *c, unsigned op, uint16_t flags, const void *request, const void *bulk,
	    size_t bulk_len, void *reply, struct str *bulk_out, struct cfs_err *err)
{
	struct frame f;
	uint64_t number;
	int rc;

	rc = caller_send(c, op, flags, request, bulk, bulk_len, &number, err);
	while (rc == 0) {
		rc = caller_receive(c, &f, err);
		if (rc == 0 && f.is_reply && f.number == number)
			return caller_decode(&f, reply, bulk_out, err);
	}
	return rc;
}

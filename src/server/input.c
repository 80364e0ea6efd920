/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "server/batch.h"
#include "server/dispatch.h"
#include "server/durable.h"
#include "server/reply.h"

/* Frames handled before changes are done and answers sent. */
#define FRAMES_AT_ONCE 256

/* What is answered meanwhile is sent before more is read, so that the client has something to do. */
#define ANSWERS_AT_ONCE ((size_t)128 * 1024)

/* Answers that wait to be sent before no more requests are read. */
#define OUT_BYTES_MAX ((size_t)6 * 1024 * 1024)

unsigned
input_in_flight(const struct session *s)
{
	return (unsigned)s->batch.count + s->blobs.in_flight + s->reads.in_flight +
	       durable_waiting(s) + s->changed.waiting + s->gate.parked_count;
}

bool
input_open(const struct session *s)
{
	return !s->ending && !s->failed && !batch_full(s) &&
	       input_in_flight(s) < s->conf->requests_in_flight &&
	       frame_writer_queued(s->writer) < OUT_BYTES_MAX;
}

/* Copies the bulk of a small BLOB_PUT; CFS_EPROTO is left to the handler's own decoding. */
static int
blob_copy(const struct frame *f, struct poolbuf *buf)
{
	struct m_blob_put_req req;
	struct str bulk;
	int rc = frame_decode(f, &req, &bulk, NULL);

	if (rc)
		return rc;
	if (bulk.len > 0)
		memcpy(buf->data, bulk.p, bulk.len);
	buf->len = bulk.len;
	return 0;
}

/* A bulk frame's fields are there: says where its bytes go. false when there is no room for them now. */
static bool
place_bulk(struct session *s, const struct frame *f)
{
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *dst;
	int rc;

	if (dispatch_permit(s, f->desc, &err)) {
		frame_bulk_into(s->reader, NULL, f->bulk_left);
		return true;
	}
	if (f->desc->how & HOW_CHANGE) {
		s->incoming = batch_change_new(f, &dst);
		if (!s->incoming) {
			session_end(s, CFS_ENOMEM);
			return false;
		}
		frame_bulk_into(s->reader, dst, f->bulk_left);
		return true;
	}
	rc = bufpool_get(s->put_bufs, f->bulk_left, &s->incoming_buf);
	if (rc == CFS_ENOMEM)
		session_end(s, rc);
	if (rc)
		return false;
	s->incoming_buf->len = f->bulk_left;
	frame_bulk_into(s->reader, s->incoming_buf->data, f->bulk_left);
	return true;
}

static void
bulk_arrived(struct session *s, const struct frame *f)
{
	struct poolbuf *buf = s->incoming_buf;
	struct change *change = s->incoming;

	s->incoming_buf = NULL;
	s->incoming = NULL;
	if (change)
		batch_queue_change(s, change);
	else
		dispatch_request(s, f, buf, buf ? buf->len : 0);
}

/*
 * A whole frame. The bytes of a small blob lie in the reader's buffer and need one of their own; false when there is
 * none now, and then the frame is kept for later.
 */
static bool
frame_arrived(struct session *s, const struct frame *f)
{
	struct poolbuf *buf = NULL;
	int rc = 0;

	if (f->op == OP_BLOB_PUT && s->signed_in)
		rc = bufpool_get(s->put_bufs, f->len, &buf);
	if (rc == CFS_EBUSY)
		return false;
	if (buf && blob_copy(f, buf) == 0) {
		dispatch_request(s, f, buf, buf->len);
		return true;
	}
	bufpool_put(buf);
	dispatch_request(s, f, NULL, 0);
	return true;
}

/* Frames that only a server sends, and number 0, which is kept for pushes. */
static bool
is_request(struct session *s, const struct frame *f)
{
	if (!f->is_reply && f->number != 0)
		return true;
	log_notice("%s: a frame that is no request", s->args->peer.address);
	session_end(s, CFS_EPROTO);
	return false;
}

/* The next thing from the stream; false when there is nothing more to do now. */
static bool
read_one(struct session *s)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	rc = s->kept ? s->kept : frame_next(s->reader, &s->frame, &err);
	s->kept = 0;
	switch (rc) {
	case FRAME_NEED_MORE:
		return false;
	case FRAME_EOF:
		session_end(s, 0);
		return false;
	case FRAME_COMPLETE:
		if (is_request(s, &s->frame) && !frame_arrived(s, &s->frame))
			s->kept = rc;
		break;
	case FRAME_BULK:
		if (is_request(s, &s->frame) && !place_bulk(s, &s->frame))
			s->kept = rc;
		break;
	case FRAME_BULK_END:
		bulk_arrived(s, &s->frame);
		break;
	default:
		if (rc == CFS_ENET)
			log_info("%s: %s", s->args->peer.address, err.text);
		else
			log_notice("%s: %s", s->args->peer.address, err.text);
		session_end(s, rc);
		return false;
	}
	s->heard_ns = s->active_ns;
	return s->kept == 0;
}

void
input_read(struct session *s)
{
	size_t enough = frame_writer_queued(s->writer) + ANSWERS_AT_ONCE;

	/* What is asked for together is read from one state of the store. */
	if (s->store)
		store_hold_reads(s->store, true);
	for (unsigned n = 0; n < FRAMES_AT_ONCE && frame_writer_queued(s->writer) < enough &&
			     input_open(s) && read_one(s);)
		n++;
	if (s->store)
		store_hold_reads(s->store, false);
}

void
input_fini(struct session *s)
{
	free(s->incoming);
	bufpool_put(s->incoming_buf);
	frame_reader_free(s->reader);
}

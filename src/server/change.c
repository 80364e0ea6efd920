/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/change.h"

#include <string.h>

#include "proto/codec.h"
#include "server/blobs.h"
#include "server/change_event.h"
#include "server/dispatch.h"
#include "server/lease_gate.h"
#include "server/leases.h"
#include "server/promise_changes.h"
#include "server/reply.h"
#include "store/quota.h"

/* Leaves the answer's frame where the change's flags want it. */
static int
answer(struct session *s, struct change *c, int status, struct bytes_view payload,
       struct cfs_err *err)
{
	bool durable = (c->flags & FRAME_DURABLE) || c->op->number == OP_SYNC;
	struct buf *out = durable ? &s->batch.durable : &s->batch.now;

	c->status = status;
	if (reply_frame(out, c->op, c->number, status, payload))
		return err_code(err, CFS_ENOMEM);
	if (durable)
		s->batch.durable_count++;
	else
		s->batch.now_count++;
	return 0;
}

static int
answer_error(struct session *s, struct change *c, int status, const struct cfs_err *why,
	     struct cfs_err *err)
{
	struct buf *payload = &s->batch.payload;

	buf_clear(payload);
	if (reply_encode(c->op, status, NULL, why, payload))
		return err_code(err, CFS_ENOMEM);
	return answer(s, c, status, (struct bytes_view){.data = payload->data, .len = payload->len},
		      err);
}

/* Runs the handler between change_begin() and change_end(). */
static int
run_handler(struct session *s, struct change *c, size_t bulk_offset, uint64_t seq,
	    struct cfs_err *err)
{
	struct call call = {
	    .op = c->op,
	    .number = c->number,
	    .flags = c->flags,
	    .req = &s->req,
	    .rep = &s->rep,
	    .bulk_in = {.data = c->payload + bulk_offset, .len = c->len - bulk_offset},
	};
	struct buf *payload = &s->batch.payload;
	struct cfs_err why = CFS_ERR_INIT;
	struct bytes_view view;
	unsigned mark;
	int status, rc;

	memset(&s->rep, 0, c->op->reply->size);
	buf_clear(&s->scratch);
	mark = promise_changes_note(s, c->op, &s->req);
	status = dispatch_handler(c->op)(s, &call, &why);
	if (status == 0)
		status = quota_check(s->store, &why);
	if (status == 0) {
		rc = change_event(s, c, err);
		if (rc)
			return rc;
		promise_changes_note_done(s, c->op, &s->rep);
		promise_changes_give(s, c->op, &s->req, &s->rep);
		leases_note_change(s, c->op, &s->req, &s->rep);
	} else {
		promise_changes_undo(s, mark);
	}
	buf_clear(payload);
	rc = reply_encode(c->op, status, &s->rep, &why, payload);
	if (rc)
		return err_code(err, rc);
	view = (struct bytes_view){.data = payload->data, .len = payload->len};
	rc = change_end(s->store, &s->changes, seq, status, view, err);
	return rc ? rc : answer(s, c, status, view, err);
}

/* The answer that was stored, if it can be one to this operation: a client may have used the number for two. */
static int
answer_again(struct session *s, struct change *c, int status, struct cfs_err *err)
{
	const struct buf *payload = &s->batch.payload;
	struct cfs_err why = CFS_ERR_INIT;

	if (status == 0 && codec_decode(c->op->reply, payload->data, payload->len, &s->rep, NULL)) {
		err_set(&why, CFS_EPROTO, "%s: the change of this number was another operation",
			c->op->name);
		return answer_error(s, c, CFS_EPROTO, &why, err);
	}
	promise_changes_repeated(s, c->op, &s->req);
	return answer(s, c, status, (struct bytes_view){.data = payload->data, .len = payload->len},
		      err);
}

/* Opens the change. 0: do it; 1: it was answered here (repeated, or the stream is lost); negative: undo everything. */
static int
begin(struct session *s, struct change *c, struct change_numbers n, struct cfs_err *err)
{
	struct buf *payload = &s->batch.payload;
	struct cfs_err why = CFS_ERR_INIT;
	int status = 0, rc;

	if (!s->has_stream) {
		err_set(&why, CFS_ESTREAMLOST, "no change stream is attached");
		rc = answer_error(s, c, CFS_ESTREAMLOST, &why, err);
		return rc ? rc : 1;
	}
	buf_clear(payload);
	rc = change_begin(s->store, &s->changes, n.seq, n.ack, &status, payload, &why);
	switch (rc) {
	case 0:
		return 0;
	case 1:
		rc = answer_again(s, c, status, err);
		break;
	case CFS_ESTREAMLOST:
	case CFS_ESUPERSEDED:
		rc = answer_error(s, c, rc, &why, err);
		break;
	default:
		return err_set(err, rc, "%s", why.text);
	}
	return rc ? rc : 1;
}

/* A frame that is not what its operation says ends the session, after everything before it was done. */
static int
malformed(struct session *s, struct change *c, struct cfs_err *err)
{
	struct cfs_err why = CFS_ERR_INIT;

	err_set(&why, CFS_EPROTO, "%s: malformed request", c->op->name);
	s->batch.malformed = true;
	session_end(s, CFS_EPROTO);
	return answer_error(s, c, CFS_EPROTO, &why, err);
}

/* LEASE stands in the line of changes, but has no number: what it says is not stored. */
static int
do_lease(struct session *s, struct change *c, struct cfs_err *err)
{
	struct buf *payload = &s->batch.payload;
	struct cfs_err why = CFS_ERR_INIT;
	int status, rc;

	memset(&s->rep, 0, c->op->reply->size);
	status = handle_LEASE(s, &(struct call){.op = c->op, .req = &s->req, .rep = &s->rep}, &why);
	if (status)
		return answer_error(s, c, status, &why, err);
	buf_clear(payload);
	rc = reply_encode(c->op, 0, &s->rep, NULL, payload);
	if (rc)
		return err_code(err, rc);
	return answer(s, c, 0, (struct bytes_view){.data = payload->data, .len = payload->len},
		      err);
}

int
change_do(struct session *s, struct change *c, struct cfs_err *err)
{
	bool has_bulk = (c->op->how & HOW_BULK_IN) != 0;
	struct change_numbers numbers;
	size_t bulk_offset = c->len;
	int rc;

	if (s->batch.malformed)
		return malformed(s, c, err);
	if (codec_decode(c->op->request, c->payload, c->len, &s->req,
			 has_bulk ? &bulk_offset : NULL))
		return malformed(s, c, err);
	if (c->op->number == OP_SYNC)
		return answer(s, c, handle_SYNC(s, NULL, err), (struct bytes_view){0}, err);
	if (!blobs_named_ready(s, c->op, &s->req))
		return CHANGE_WAITS;
	if (!store_in_transaction(s->store)) {
		rc = store_begin(s->store, err);
		if (rc)
			return rc;
	}
	/* Here nobody takes a lease any more before this is committed. */
	if (c->op->number == OP_LEASE)
		return do_lease(s, c, err);
	if (lease_gate_holds(s, c->op, &s->req))
		return CHANGE_WAITS;
	numbers = change_numbers(&s->req);
	rc = begin(s, c, numbers, err);
	if (rc)
		return rc < 0 ? rc : 0;
	return run_handler(s, c, bulk_offset, numbers.seq, err);
}

int
change_refuse(struct session *s, struct change *c, int status, const struct cfs_err *why,
	      struct cfs_err *err)
{
	struct buf *payload = &s->batch.payload;
	struct change_numbers n;
	size_t bulk_offset;
	int rc;

	rc = codec_decode(c->op->request, c->payload, c->len, &s->req, &bulk_offset);
	if (rc || !(c->op->how & HOW_CHANGE))
		return err_set(err, rc ? rc : status, "%s", why->text);
	rc = store_begin(s->store, err);
	if (rc)
		return rc;
	n = change_numbers(&s->req);
	rc = begin(s, c, n, err);
	if (rc)
		return rc < 0 ? rc : 0;
	buf_clear(payload);
	rc = reply_encode(c->op, status, NULL, why, payload);
	if (rc == 0)
		rc = change_end(s->store, &s->changes, n.seq, status,
				(struct bytes_view){.data = payload->data, .len = payload->len},
				err);
	return rc ? rc : answer_error(s, c, status, why, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/dispatch.h"

#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "proto/trace.h"
#include "server/batch.h"
#include "server/lease_gate.h"
#include "server/reply.h"
#include "server/tally.h"

struct handler_row {
	unsigned number;
	handler_fn *handler;
};

static const struct handler_row handlers[] = {
#define HANDLER_0(number, name)                         {number, handle_##name},
#define HANDLER_BULK_IN(number, name)                   {number, handle_##name},
#define HANDLER_BULK_OUT(number, name)                  {number, handle_##name},
#define HANDLER_PUSH(number, name)                      {number, NULL},
#define OP(number, name, request, reply, who, how, doc) HANDLER_##how(number, name)
#include "proto/ops.def"
};

handler_fn *
dispatch_handler(const struct op_desc *op)
{
	/* The same table in the same order made both. */
	return handlers[op - op_table].handler;
}

int
dispatch_permit(const struct session *s, const struct op_desc *op, struct cfs_err *err)
{
	if (!op || !dispatch_handler(op))
		return err_code(err, CFS_EUNSUPPORTED);
	switch (op->who) {
	case WHO_ANYONE:
		return 0;
	case WHO_USER:
		return s->signed_in ? 0 : err_code(err, CFS_ENOTSIGNEDIN);
	case WHO_ADMIN:
		return s->signed_in && s->cred.admin ? 0 : err_code(err, CFS_EDENIED);
	}
	return err_code(err, CFS_EDENIED);
}

static void
trace(const struct session *s, const struct op_desc *op, const union m_any *req)
{
	char text[512];

	if (log_enabled(LVL_DEBUG))
		log_debug("%s: %s %s", s->args->peer.address, op->name,
			  trace_message(text, sizeof(text), op->request, req));
}

/* A frame that cannot be right: it is answered, so that whoever wrote the client can see it, and the connection ends. */
static void
refuse_malformed(struct session *s, const struct frame *f, const struct cfs_err *err)
{
	log_notice("%s: %s: %s", s->args->peer.address, op_name(f->op), err->text);
	reply_status(s, f->desc, f->number, CFS_EPROTO, NULL, err);
	session_end(s, CFS_EPROTO);
}

static void
call_now(struct session *s, const struct frame *f, struct poolbuf *bulk_buf, size_t bulk_len)
{
	struct call c = {
	    .op = f->desc,
	    .number = f->number,
	    .came_ns = now_mono_ns(),
	    .flags = f->flags,
	    .req = &s->req,
	    .rep = &s->rep,
	    .bulk_buf = bulk_buf,
	};
	struct cfs_err err = CFS_ERR_INIT;
	struct str bulk = {0};
	int rc;

	rc = frame_decode(f, &s->req, &bulk, &err);
	if (rc) {
		refuse_malformed(s, f, &err);
		goto out;
	}
	if (lease_gate_holds(s, f->desc, &s->req)) {
		lease_gate_park(s, f);
		goto out;
	}
	c.bulk_in = bulk_buf ? (struct bytes_view){.data = bulk_buf->data, .len = bulk_len}
			     : (struct bytes_view){.data = bulk.p, .len = bulk.len};
	trace(s, f->desc, &s->req);
	memset(&s->rep, 0, f->desc->reply->size);
	buf_clear(&s->scratch);
	rc = dispatch_handler(f->desc)(s, &c, &err);
	if (rc != CALL_LATER) {
		reply_call(s, &c, rc, &err);
		tally_op(s, c.op, c.came_ns, rc);
	}
out:
	bufpool_put(c.bulk_buf);
}

void
dispatch_request(struct session *s, const struct frame *f, struct poolbuf *bulk_buf,
		 size_t bulk_len)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc = dispatch_permit(s, f->desc, &err);

	if (rc) {
		bufpool_put(bulk_buf);
		if (f->desc)
			tally_op(s, f->desc, now_mono_ns(), rc);
		if (frame_write_error(s->writer, f->op, f->number, rc, err.text))
			session_end(s, CFS_ENOMEM);
	} else if ((f->desc->how & HOW_CHANGE) || f->desc->number == OP_SYNC ||
		   f->desc->number == OP_LEASE) {
		batch_queue(s, f);
	} else {
		call_now(s, f, bulk_buf, bulk_len);
	}
}

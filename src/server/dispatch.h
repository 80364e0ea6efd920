/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_DISPATCH_H
#define CFS_SERVER_DISPATCH_H

/* From a frame to its handler, by the table of ops.def: an operation without a handler does not link. */

#include "server/state.h"

/* handle_NAME() for each operation that clients send. */
#define HANDLER_0(name)        handler_fn handle_##name;
#define HANDLER_BULK_IN(name)  handler_fn handle_##name;
#define HANDLER_BULK_OUT(name) handler_fn handle_##name;
#define HANDLER_PUSH(name)
#define OP(number, name, request, reply, who, how, doc) HANDLER_##how(name)
#include "proto/ops.def"
#undef HANDLER_0
#undef HANDLER_BULK_IN
#undef HANDLER_BULK_OUT
#undef HANDLER_PUSH

/* The handler of an operation; NULL for pushes, which no client may send. */
handler_fn *dispatch_handler(const struct op_desc *op);

/*
 * One whole request: checks who asks, decodes, and answers, queues or hands on. bulk_buf (may be NULL) is the buffer that
 * a bulk request's bytes, bulk_len of them, were received into; it is taken.
 */
void dispatch_request(struct session *s, const struct frame *f, struct poolbuf *bulk_buf,
		      size_t bulk_len);

/*
 * Whether the peer may ask for this now: 0, or CFS_EUNSUPPORTED, CFS_ENOTSIGNEDIN, CFS_EDENIED with err set. op may be
 * NULL (not known).
 */
int dispatch_permit(const struct session *s, const struct op_desc *op, struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_CALLER_H
#define CFS_PROTO_CALLER_H

/*
 * The smallest client: one request at a time over a stream, waiting for its answer. For cfsadm and tests; libcfs has a
 * pipelined connection of its own. One thread. Blocks.
 */

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "proto/frame.h"
#include "proto/stream.h"

struct caller;

/* A caller over a stream, which it takes and closes. A wait gives up after timeout_ms. NULL when memory is out (then the stream is closed too). */
struct caller *caller_new(struct stream *stream, int64_t timeout_ms);
void caller_free(struct caller *c);

/*
 * Sends a request and waits until all of it is with the kernel; *number_out (may be NULL) is its number. bulk may be
 * NULL. Returns 0, CFS_ETIMEDOUT, or what the stream said. Answers are not read meanwhile: who sends many must not
 * let more come back than the transport holds.
 */
int caller_send(struct caller *c, unsigned op, uint16_t flags, const void *request,
		const void *bulk, size_t bulk_len, uint64_t *number_out, struct cfs_err *err);

/*
 * Waits for the next frame, whatever it is: payload complete, bulk included, valid until the next call. CFS_ENET at the
 * end of the stream.
 */
int caller_receive(struct caller *c, struct frame *frame_out, struct cfs_err *err);

/*
 * Sends a request and waits for its answer; pushes and other answers that come first are dropped. reply (a struct m_… of
 * the operation's reply) and *bulk_out (may be NULL) hold views that are valid until the next call. Returns 0; the error that
 * the server answered, with its text in err; or as above.
 */
int caller_call(struct caller *c, unsigned op, uint16_t flags, const void *request,
		const void *bulk, size_t bulk_len, void *reply, struct str *bulk_out,
		struct cfs_err *err);

/* Decodes an answer as caller_call() does. */
int caller_decode(const struct frame *frame, void *reply, struct str *bulk_out,
		  struct cfs_err *err);

#endif

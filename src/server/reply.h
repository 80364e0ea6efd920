/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_REPLY_H
#define CFS_SERVER_REPLY_H

/* Answers on their way to the client. All of them end the session when memory is out: an answer must not be lost. */

#include "server/state.h"

/* Queues the answer to a call: c->rep and c->bulk_out, or for a negative status err's text. */
void reply_call(struct session *s, const struct call *c, int status, const struct cfs_err *err);

/* Queues an answer made later, from the reply's message and a buffer of bulk that is taken. */
void reply_bulk(struct session *s, const struct op_desc *op, uint64_t number, const void *rep,
		struct poolbuf *bulk, size_t bulk_len);

/* The same with any bulk, which is released in every case. */
void reply_pieces(struct session *s, const struct op_desc *op, uint64_t number, const void *rep,
		  const struct frame_bulk *bulk);

/* Queues a plain answer, or an error with err's text. */
void reply_status(struct session *s, const struct op_desc *op, uint64_t number, int status,
		  const void *rep, const struct cfs_err *err);

/*
 * The payload of an answer, appended to out: rep's encoding, or for a negative status the error message. This is also
 * what is stored to answer a repeated change. 0 or CFS_ENOMEM.
 */
int reply_encode(const struct op_desc *op, int status, const void *rep, const struct cfs_err *err,
		 struct buf *out);

/* Appends a whole reply frame to out. 0 or CFS_ENOMEM. */
int reply_frame(struct buf *out, const struct op_desc *op, uint64_t number, int status,
		struct bytes_view payload);

/* Queues whole frames. */
void reply_frames(struct session *s, const struct buf *frames);

/*
 * The text that a client may see: what went wrong with its own request, but nothing of the server's insides (paths, SQL),
 * which only the log gets.
 */
const char *reply_text(int code, const struct cfs_err *err);

#endif

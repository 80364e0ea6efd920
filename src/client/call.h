/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CALL_H
#define CFS_CLIENT_CALL_H

/*
 * One request and its answer.
 *
 *	struct call *k;
 *	struct m_attr_rep rep;
 *
 *	rc = call_new(c, OP_GETATTR, &req, &k, err);
 *	if (rc == 0)
 *		rc = call_run(k, &rep, err);
 *	call_free(k);
 *
 * A call keeps its encoded request until it is answered, so that it can be sent again on a new line. It may be freed
 * at any time: what is under way then goes on without its owner (a change is still done exactly once).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "client/blobs.h"
#include "client/conn.h"
#include "proto/frame.h"
#include "proto/ops.h"

enum call_state { CALL_NEW, CALL_WAITING, CALL_DONE };

struct call {
	struct cfs *c;
	const struct op_desc *op;
	enum call_state state; /* as its owner sees it */
	bool owned;            /* the owner has not freed it */
	bool flying;           /* in the table: the answer is still to come */
	bool landing;          /* done() is being told */
	bool lazy;             /* may wait a little for others to be sent together */
	bool ahead;            /* a change whose caller went on as if it were done (lease.h) */
	bool later;            /* an error of it is for the next cfs_sync() */
	bool stays; /* is repeated until a line answers it, as changes are: nobody waits */

	/* request */
	struct buf req;     /* frame header, fields, and bulk that was copied */
	size_t fields_size; /* of the fields, without the header */
	const void *bulk;   /* borrowed bulk behind that, until the answer */
	size_t bulk_size;
	size_t sent;         /* bytes of all this that the stream has taken */
	unsigned lines_lost; /* while it was on them */
	uint16_t flags;      /* of the frame */
	uint64_t number;
	uint64_t ahead_dir, ahead_ino; /* what was done ahead: where, and to which inode */
	uint64_t ahead_parent;         /* of that directory, whose listing shows its attributes */
	uint64_t seq;                  /* change: number in the stream, 0 not given yet */
	uint64_t sent_ns;              /* when it was wholly sent, or submitted */
	uint64_t sent_boot_ns;         /* the same, by now_boot_ns() */
	struct outblob **blobs;        /* of each piece, the one that it names by tag, or NULL */
	size_t piece_count;

	/* answer */
	int code;
	struct cfs_err err;
	struct buf rep;     /* its fields */
	unsigned char *dst; /* bulk goes here */
	size_t dst_size;
	size_t dst_len; /* how much came */

	void (*done)(
	    struct call *k); /* told locked, in whatever thread leads; may not wait; or NULL */
	void *owner;
	struct waiter *waiter; /* of call_run() */

	struct call *table_next;
	struct call *fly_next, **fly_prev;
	struct call *tx_next;
	struct call *change_next, **change_prev; /* changes without an answer */
	size_t change_bytes;
	uint64_t trust_mark; /* trust.c's, of a change; of a listing its epoch, 0 not promised */
};

/*
 * A call with its fields encoded. *out is freed with call_free(). Returns 0, CFS_ENOMEM, or CFS_EINVAL (a string too
 * long for the protocol).
 */
int call_new(struct cfs *c, unsigned op, const void *req, struct call **out, struct cfs_err *err);
int call_new_locked(struct cfs *c, unsigned op, const void *req, struct call **out,
		    struct cfs_err *err);
/* Appends bulk bytes of a request (copied). Returns 0 or CFS_ENOMEM. */
int call_copy_bulk(struct call *k, const void *p, size_t n);
/* Bulk bytes of a request that stay valid until the answer, or until call_free() (which copies what is still to be sent). */
void call_borrow_bulk(struct call *k, const void *p, size_t n);
/* Where the answer's bulk bytes go; more than size is a protocol error. Valid until the answer or call_free(). */
void call_take_bulk(struct call *k, void *dst, size_t size);
/* Says which blobs the pieces of a change name; takes references. Returns 0 or CFS_ENOMEM. */
int call_name_blobs(struct call *k, struct outblob *const *blobs, size_t n);
/* The change is answered only when it is on stable storage. */
void call_durable(struct call *k);

/* Sends it and waits. Decodes the answer into rep (a struct m_…, may be NULL); views in it live until call_free(). */
int call_run(struct call *k, void *rep, struct cfs_err *err);
/*
 * Sends it and returns; k->done() is told the end. A change may wait here for room in the stream. An error means that
 * it was not sent and done() is not called.
 */
int call_start(struct call *k, struct cfs_err *err);
/* Waits for a call that was started, and then as call_run(). */
int call_await(struct call *k, void *rep, struct cfs_err *err);
/* Decodes the answer of a call that is done. Returns its error, if it has one. */
int call_result(struct call *k, void *rep, struct cfs_err *err);
/* NULL is fine. Not locked / locked. */
void call_free(struct call *k);
void call_free_locked(struct call *k);

/* Locked. For conn.c: tells the owner the end of it. */
void call_finish(struct call *k, int code, const struct cfs_err *why);
/* Locked. For conn.c: no answer is awaited any more: it leaves table and stream, and is freed if nobody owns it. */
void call_land(struct call *k);
/* Locked. For conn.c: both: the answer has arrived. */
void call_answer(struct call *k, int code, const struct cfs_err *why);
/* Frees what call_free() keeps for reuse. */
void call_free_spares(struct cfs *c);
/* Whether an operation is a numbered change. */
static inline bool
op_is_change(const struct op_desc *op)
{
	return (op->how & HOW_CHANGE) != 0;
}
/* Bytes of the whole frame. */
size_t call_frame_size(const struct call *k);

/* One request with an answer without views, in one go. */
int call_simple(struct cfs *c, unsigned op, const void *req, void *rep, struct cfs_err *err);

#endif

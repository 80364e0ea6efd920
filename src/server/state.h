/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_STATE_H
#define CFS_SERVER_STATE_H

/*
 * The inside of a session: its state, and how the files of a session meet. Everything runs on the session's I/O thread,
 * but for the run functions of worker jobs, which touch their job alone and the "any thread" verbs of the store.
 *
 *	input     frames from the stream; bulk straight into its destination
 *	dispatch  op_table's handlers; a request is answered at once, queued as a change, or answered later
 *	batch     changes in order, many in one transaction
 *	blobs     BLOB_PUT: hash, look for the same, write, make ready
 *	reads     READ and SUM: plan, read on workers, answer out of the buffer that was read into
 *	durable   answers that wait for a flush
 *	watch     events, pushed to those who subscribed
 *	tally     what all of them count
 *	promises  read promises given to the client, and taken back
 *	promise_changes   what others were promised and this client changes: its answers wait for them
 *	leases    directories that the client holds alone
 *	lease_gate  requests that wait for the leases of others
 *	locking   locks: asked of the hub
 */

#include "base/buf.h"
#include "base/spin.h"
#include "base/work.h"
#include "proto/frame.h"
#include "proto/ops.h"
#include "server/bufpool.h"
#include "server/census.h"
#include "server/receipts.h"
#include "server/session.h"
#include "server/tags.h"
#include "store/changes.h"
#include "store/names.h"
#include "store/people.h"

struct session;

/* One request while it is being answered. */
struct call {
	const struct op_desc *op;
	uint64_t number;
	uint64_t came_ns; /* now_mono_ns() */
	uint16_t flags;
	const union m_any *req;
	union m_any *rep;
	struct bytes_view bulk_in; /* bulk of the request; lives as long as the call */
	struct poolbuf *bulk_buf; /* the buffer that it is in, if so; taken by setting it to NULL */
	struct bytes_view bulk_out; /* bulk of the reply, copied when the handler returns */
	uint32_t absent_ms;         /* with CFS_ENOENT: read promise of the absence */
};

/* What a handler returns when it will answer later, or has answered. */
#define CALL_LATER 1

/*
 * A handler: 0 with c->rep (zeroed before) and c->bulk_out filled in, CALL_LATER, or a code with err set. Those of changes run
 * inside the batch's transaction, between change_begin() and change_end().
 */
typedef int handler_fn(struct session *s, struct call *c, struct cfs_err *err);

/* A change that waits for its turn; SYNC stands in the same line. */
struct change {
	struct change *next;
	const struct op_desc *op;
	uint64_t number;
	uint16_t flags;
	uint64_t came_ns; /* now_mono_ns() */
	int status;       /* what it was answered */
	size_t len;
	unsigned char payload[]; /* fields, then bulk */
};

/* A finished or begun download whose event is to be written, and the answer that waits for it. */
struct pending_event {
	struct pending_event *next;
	struct receipt receipt;
	struct read_job *read; /* NULL: none waits */
};

struct batch {
	struct buf path; /* of the event being made */
	struct change *head, **tail;
	size_t count, bytes;
	struct pending_event *events, **events_tail;
	struct buf now;     /* reply frames that go out after the commit */
	struct buf durable; /* reply frames that wait for its flush */
	unsigned now_count, durable_count;
	struct buf payload; /* of the reply being made */
	bool wanted;        /* something may be done: the head was not yet found waiting */
	bool malformed;     /* a change was no valid request: nothing behind it is done */
};

/* Reply frames that may go out when a commit is on stable storage. */
struct durable_group {
	struct durable_group *next;
	uint64_t commit, since_ns;
	unsigned count; /* of frames */
	struct buf frames;
};

struct durable {
	struct durable_group *head, **tail;
	struct work_job job;
	struct store *store;
	uint64_t commit; /* that the job flushes */
	bool busy;
	unsigned waiting; /* replies */
	int status;
	struct cfs_err err;
};

/* Read promises given to the client (promises.h). */
struct promises {
	int slot; /* in the shared table; -1: none are given */
	struct id128 client;
	struct promise_row *rows; /* by inode, open addressing */
	size_t row_cap, row_count;
	uint32_t *bucket_rows;       /* how many of them are in each bucket of the table */
	struct promise_push *pushes; /* not acknowledged */
	struct promise_push **pushes_tail;
	uint64_t last_push;
	uint64_t recall; /* push that took back everything, 0 none under way */
};

/* What the changes of a transaction changed for others, and answers that wait for those (promise_changes.h). */
struct promise_changes {
	struct buf keys, names;
	unsigned count;
	bool missed;     /* something was changed while nobody else held anything, and not noted */
	bool everything; /* something was changed, who knows what */
	struct promise_wait *waits;
	unsigned waiting; /* replies in those */
	uint64_t last_ticket;
};

/* Leases that the client has (leases.h). */
struct leases {
	struct lease *first;
	unsigned count;
	uint32_t *bucket_rows; /* inodes of theirs in each bucket of the table */
	uint64_t recall;       /* the push that takes all back, 0 none is under way */
	bool ending;           /* some end with the transaction under way, */
	bool earlier_end;      /* and those of the client's earlier connections */
};

/* Who is asked for his leases, and the requests that wait for that (lease_gate.h). */
struct lease_gate {
	struct lease_ask *asks;
	struct parked *parked, **parked_tail;
	unsigned parked_count;
	uint64_t ticket; /* of the last question for the request that is being looked at */
	bool fewer;      /* somebody is in the way no more: what waited for him may go on */
	bool passing;    /* the request has waited */
};

/* Requests about locks that the hub has not answered (locking.h). */
struct locking {
	struct lock_call *first;
	unsigned count;
	uint64_t last_ticket;
};

#define BLOB_IDS_MAX 64u

struct blobs {
	struct tags *tags;
	struct blob_job *written; /* on disk, to be made ready in the next transaction */
	unsigned in_flight;
	struct id128 ids[BLOB_IDS_MAX];
	unsigned ids_left, ids_next_take;
};

struct reads {
	struct read_job *waiting, **waiting_tail; /* for a buffer */
	struct sum_job *sums, **sums_tail;        /* the first one is being computed */
	struct sum_job *summed;                   /* to be stored by the next transaction */
	struct receipts *receipts;                /* NULL until needed */
	unsigned in_flight;                       /* waiting ones included */
};

/* A subscription to events (watch.h). */
/* Numbers of events that this connection's own changes made, and the peer does not want to be told of: in order, by runs. */
struct watch_own {
	struct {
		uint64_t first, last;
	} runs[64];
	unsigned head, count;             /* a ring */
	uint64_t added_first, added_last; /* in the transaction under way; 0: none */
};

struct watch {
	bool on;
	bool behind;       /* more is in the table than was read */
	bool fresh;        /* it was not yet told that it has all there is */
	int epoll_fd;      /* -1: not listening */
	uint32_t filter;   /* enum event_filter */
	uint32_t kinds;    /* bits, 0 all */
	struct list paths; /* of m_path, in paths_bytes */
	struct buf paths_bytes;
	struct buf dirs; /* uint64_t: events_dir() of each path */
	struct buf list; /* of the push being made */
	uint64_t began;  /* the newest event then */
	uint64_t ahead;  /* where the peer was when that is none yet, until it is told; 0 else */
	uint64_t told;   /* where the last push ended */
	uint64_t cursor; /* read up to here */
	uint64_t pushes, acked;
	uint64_t rest_until; /* not to be read before */
	uint64_t span_from,
	    span_ns; /* cursor, and the time, when it was last judged whether these are busy times */
	bool busy;
	uint64_t pushed_ns; /* last push */
	struct watch_own own;
};

struct session {
	const struct session_args *args;
	const struct session_conf *conf;
	struct stream *stream;
	struct store *store;
	struct work_pool *workers;
	struct stats *stats, *own_stats; /* own_stats: where there is no hub */
	int slot;
	struct bufpool *put_bufs, *read_bufs;

	struct cred cred;
	struct person me;
	char device[PEOPLE_DEVICE_MAX + 1];
	struct sha256 device_key; /* that this connection signed in with */
	bool has_device;
	bool signed_in;
	bool told_key; /* of the server's next key, if there is one */
	bool has_stream;
	struct stream_state changes;

	struct frame_reader *reader;
	struct frame_writer *writer;
	struct change *incoming;      /* a change whose bulk is being received */
	struct poolbuf *incoming_buf; /* a blob that is being received */
	struct frame frame;           /* that came last */
	int kept; /* its enum frame_result while it waits for a buffer, else 0 */
	struct batch batch;
	struct blobs blobs;
	struct reads reads;
	struct durable durable;
	struct watch watch;
	struct promises promises;
	struct promise_changes changed;
	struct leases leases;
	struct lease_gate gate;
	struct census census;
	struct {
		struct buf transfers, ops, log;
	} top; /* lists of the answer to TOP, beside scratch */
	struct locking locking;
	struct buf scratch;      /* lists and strings of the reply being made */
	struct walk_result walk; /* of the call under way */
	char secret[64];         /* of the invite just made */
	char server_name[64];    /* program and version */
	union m_any req, rep;    /* of the call under way */

	uint64_t signin_deadline;
	uint64_t heard_ns;  /* last frame from the peer */
	uint64_t active_ns; /* last work done */
	struct spin spin;
	uint64_t close_deadline; /* ending: give up then */
	uint64_t hold_until;     /* nothing is sent before: a refused sign-in is answered late */
	bool out_blocked;        /* the stream takes no more for now */
	bool readable;           /* the stream has something, by poll(2) */
	bool trimmed, db_idle;   /* done since the last work */
	bool ending;             /* no more requests; ends when all is answered and sent */
	bool failed;             /* ends now */
	bool dropping;           /* ended: finished jobs are only freed */
	int status;              /* why it ends; the first one wins */
};

/* ---- how it ends ---- */

/* Tells the client, if one is signed in, of the key that the server is going to have (zeros: none). */
void session_tell_key(struct session *s, const struct sha256 *next);

/* Ends the session as soon as what is queued was sent: no further request is read. */
void session_end(struct session *s, int status);

/* Ends it because of something broken: logs err, and drops everything. */
void session_fail(struct session *s, const struct cfs_err *err);

#endif

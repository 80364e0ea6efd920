/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_XFER_H
#define CFS_CLIENT_XFER_H

/*
 * The engine behind cfs_xfer: items (files) cut into chunks, and each chunk carried from step to step by a call to the
 * server or a job on a worker. One thread, the user's, runs every step; memory is bounded by what chunks hold.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/work.h"
#include "client/blobs.h"
#include "client/call.h"
#include "client/cfs.h"
#include "client/local.h"

/* Bytes of content that all chunks together may hold; one more is always allowed. */
#define XFER_MEMORY  (20u * 1024 * 1024)
/* Calls under way: enough small files for a long line, few enough that the server can answer them in a moment. */
#define XFER_CALLS   256u
#define XFER_THREADS 2u

struct item;

/* Some bytes of an item, and what is being done with them. */
struct chunk {
	struct work_job job;
	struct item *item;
	struct chunk *next; /* in x->completed, or in an item's own list */
	struct chunk *live_next, **live_prev;
	struct chunk *rider;                /* the next that shares this one's job */
	struct sha256_ctx *sha;             /* for its job, shared with riders; NULL: none */
	void (*ride)(struct work_job *job); /* what run is to a job of its own */
	void (*step)(
	    struct chunk *ch); /* what comes when call or job has ended; in the user's thread */
	struct call *call;
	struct outblob *blob;
	unsigned char *data;
	size_t cap, len;
	uint64_t offset;
	bool end; /* upload: nothing behind it */
	int code; /* of the job */
	struct cfs_err err;
};

struct item {
	struct cfs_xfer *x;
	struct item *next, **prev;
	/* Sets more of it on its way; false when there is no room now, or nothing is left (then all_issued is set). */
	bool (*issue)(struct item *it);
	/* All was issued, nothing is pending and nothing failed: ends it well, or sets more on its way. */
	void (*complete)(struct item *it);
	void (*fini)(struct item *it);
	char *local, *remote;
	void *tag;
	unsigned pending; /* calls and jobs */
	bool all_issued;
	bool finished; /* complete() has nothing more to do */
	int code;
	struct cfs_err err;
	struct cfs_xfer_done report;
};

struct cfs_xfer {
	struct cfs *c;
	struct cfs_xfer_hooks hooks;
	struct work_pool *pool;
	struct waiter waiter;
	struct item *items;                        /* not reported yet */
	struct item *current;                      /* being issued */
	struct chunk *live;                        /* all chunks */
	struct chunk *completed, **completed_last; /* whose call is answered; c->lock */
	struct work_job *jobs;                     /* collected and not stepped yet */
	struct chunk *riders, **riders_last;       /* of the job that is being filled */
	unsigned rider_count;
	size_t memory, calls;
	unsigned char *spare[XFER_MEMORY / CFS_BLOB_MAX]; /* buffers of CFS_BLOB_MAX */
	size_t spare_count;
	atomic_bool cancel; /* jobs that wait for a pipe give up */
	uint64_t progress, progress_ns;
	_Atomic uint64_t temp_number; /* of the next temporary name */
	unsigned failed;
	struct cfs_err fatal; /* code 0: none */
};

/* Adds an item, which the engine owns from here on; returns when all of it is issued. */
int xfer_add(struct cfs_xfer *x, struct item *it, struct cfs_err *err);
/* Waits until every item is reported; on an error they all end with it. */
int xfer_drain(struct cfs_xfer *x, struct cfs_err *err);
/* Whether a chunk of this size may be made now. */
bool xfer_has_room(const struct cfs_xfer *x, size_t size);
/* A chunk with a buffer of size bytes (0: none); NULL when memory is out. */
struct chunk *chunk_new(struct item *it, size_t size);
/* Gives the buffer back early, or all of it. */
void chunk_drop_data(struct chunk *ch);
void chunk_free(struct chunk *ch);
/* Runs ch->job.run on a worker; then step. */
void chunk_work(struct chunk *ch, void (*run)(struct work_job *job),
		void (*step)(struct chunk *ch));
/* The same, a few chunks in one job: for what is too small to be worth a worker by itself. */
void chunk_ride(struct chunk *ch, void (*run)(struct work_job *job),
		void (*step)(struct chunk *ch));
/* Sends ch->call; then step. */
int chunk_call(struct chunk *ch, void (*step)(struct chunk *ch));
/* The item fails with this error, if it has not failed before. */
void item_fail(struct item *it, int code, const struct cfs_err *err);
/* Counts bytes for the progress hook. */
void xfer_progress(struct cfs_xfer *x, uint64_t bytes);

#endif

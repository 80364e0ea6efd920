/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_SCRUB_H
#define CFS_STORE_SCRUB_H

/*
 * Reading everything again: each blob is hashed and compared with the SHA-256 that was noted when it was written. Changes
 * no row, so that any process may do it while others work; a damaged blob is written anew, with the very bytes that it
 * had, where another user's blob has the same content.
 */

#include "base/err.h"
#include "store/types.h"

struct store;

/*
 * Where a scrub is: ids are random numbers, so it goes round the circle of them, each time on from where the last one
 * ended. Kept in the store's directory, file scrub.
 */
struct scrub_state {
	uint64_t position; /* first 64 bits of the next id */
	uint64_t left;     /* of the circle; 0: done, UINT64_MAX all of it */
	uint64_t blobs, bytes, damaged, healed;
};

/* CFS_ENOENT if none was ever kept. */
int scrub_state_load(const char *path, struct scrub_state *out, struct cfs_err *err);
int scrub_state_save(const char *path, const struct scrub_state *st, struct cfs_err *err);

/* A damaged blob, or a file that it is in. */
struct scrub_finding {
	struct id128 blob;
	bool healed;
	const char *why;  /* what is wrong with the blob; NULL for a file */
	const char *path; /* NULL for the blob itself; else the file, and these bytes of it */
	const char *owner;
	uint64_t version, from, to;
	bool old; /* it is in the attic */
	uint64_t
	    whole; /* newest old version of the file that has none of the damaged bytes, 0 none */
	int64_t whole_time_ns; /* of that version's content */
};
typedef void scrub_fn(void *arg, const struct scrub_finding *f);

/*
 * Checks some blobs and moves on: st->left is 0 at the end. heal: damaged blobs are written anew where that is possible.
 * Calls report() for each damaged blob and then for each file that has it.
 */
int scrub_step(struct store *s, struct scrub_state *st, bool heal, scrub_fn *report, void *arg,
	       struct cfs_err *err);

#endif

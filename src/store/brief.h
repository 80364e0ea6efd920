/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BRIEF_H
#define CFS_STORE_BRIEF_H

/*
 * What each of the newest events is about, in the memory that the processes of a store share: a reader who wants few of
 * many (a folder's, one's own) passes over the rest without reading the table, and without opening the database at all.
 * A brief may say "perhaps" of an event that is not wanted, and does of one that it knows nothing of any more; it never
 * says "no" of one that is. One process writes at a time (the write mutex); any number read meanwhile.
 */

#include <stdatomic.h>

#include "store/events.h"

#define BRIEFS 4096u /* the newest so many; a power of two */

struct brief {
	_Atomic uint64_t id; /* 0: none, or being written */
	_Atomic uint64_t owner, user;
	_Atomic uint64_t dirs[2]; /* a Bloom filter of the folders that its paths are in */
	_Atomic unsigned kind;
};

/* change. e->id is known to readers only when they learn that it was committed. */
void brief_write(struct brief ring[BRIEFS], const struct event *e);

/* The last number in since..newest up to which cred wants nothing of what comes after since. */
uint64_t brief_pass(const struct brief ring[BRIEFS], const struct cred *cred,
		    const struct event_want *want, uint64_t since, uint64_t newest);

/* The last number in since..newest up to which everything after since may be wanted. */
uint64_t brief_run(const struct brief ring[BRIEFS], const struct cred *cred,
		   const struct event_want *want, uint64_t since, uint64_t newest);

#endif

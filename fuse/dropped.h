/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_DROPPED_H
#define CFS_FUSE_DROPPED_H

/*
 * What is left of inodes whose entry in the table was dropped, in memory that does not grow: which of them the kernel may
 * remember, their generation, of which version it has pages, and when they were changed. What is not known for certain counts as the worse case. No locks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cfs.h"

/* A bit for each number, and for all numbers that are so far apart. */
#define DROPPED_NUMBERS (UINT64_C(1) << 23)
/* Incarnations of the store, which gives rising numbers: each has numbers of its own, from a first to a last. */
#define DROPPED_GENS    16u
#define DROPPED_CHANGES 1024u
#define DROPPED_PAGES   65536u

struct dropped {
	uint64_t *known; /* DROPPED_NUMBERS bits */
	struct {
		uint64_t first, last;
		uint32_t gen;
	} gens[DROPPED_GENS];
	size_t n_gens;
	struct {
		uint64_t ino, ns;
	} changes[DROPPED_CHANGES];
	struct dropped_pages *pages; /* DROPPED_PAGES, by number */
	uint64_t lost_ns;            /* the last change that has no room there: anybody's */
};

/* Returns 0 or CFS_ENOMEM. */
int dropped_init(struct dropped *d);
void dropped_fini(struct dropped *d);

/*
 * The entry of an inode that the kernel knows is about to be dropped. False: it could not be made again, since numbers between
 * some of its generation belong to another, and must stay.
 */
bool dropped_add(struct dropped *d, struct cfs_ref ref);
/* Whether the kernel may know an inode of that number whose entry was dropped; *out is what it was. */
bool dropped_find(const struct dropped *d, uint64_t ino, struct cfs_ref *out);

/* The kernel may have pages of this version of its content; 0: of none. */
void dropped_note_pages(struct dropped *d, uint64_t ino, uint64_t version);
/* That version; 0: of none, or it is not known any more. */
uint64_t dropped_pages(const struct dropped *d, uint64_t ino);

/* An inode without an entry was changed, or one that was changed then loses its entry; 0: never. */
void dropped_note_change(struct dropped *d, uint64_t ino, uint64_t ns);
/* When it was changed last while it had no entry, or later. */
uint64_t dropped_changed_ns(const struct dropped *d, uint64_t ino);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_DISK_PLACES_H
#define CFS_CLIENT_DISK_PLACES_H

/* What disk_cache.c knows of its places: found by blob and part, ordered by use. Plain data: no locks, no files, no time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/disk_files.h"

#define PLACE_NONE  UINT32_MAX
/* Counters of disk_cache_knows(). */
#define PLACE_HINTS 32768u

enum place_state {
	PLACE_FREE,
	PLACE_TAKEN, /* somebody writes to it: neither found nor given away */
	PLACE_HELD,
};

struct place {
	struct disk_record r;
	uint32_t next; /* in its bucket, or among the free ones */
	uint32_t older, newer;
	uint32_t turn; /* counted up when its bytes stop being what they were */
	uint8_t state;
	bool touched; /* used since its record was written */
};

struct places {
	struct place *all;
	uint32_t *buckets, *hints;
	uint32_t count, mask; /* mask: of the number of buckets */
	uint32_t free;        /* first free one */
	uint32_t oldest, newest;
	uint64_t clock; /* counts uses */
};

/* All of them free. 0 or CFS_ENOMEM. */
int places_init(struct places *p, uint32_t count);
void places_fini(struct places *p);
/* All of them free again, but for those that are taken: they are whoever writes to them's, to be freed. */
void places_clear(struct places *p);

/* PLACE_NONE: it is not held. */
uint32_t places_find(const struct places *p, uint64_t scope, const struct id128 *blob,
		     uint32_t part);
/* It is the newest now. */
void places_use(struct places *p, uint32_t at);
/* A place to write to: a free one, or the one that was used least recently. PLACE_NONE: all are taken. */
uint32_t places_take(struct places *p);
/* It is written, with that record; its time is now. */
void places_hold(struct places *p, uint32_t at, const struct disk_record *r);
/* Held or taken: it is free again. */
void places_free(struct places *p, uint32_t at);
/* Whether a held place has a record with this inode, or one that is counted with it. */
bool places_know(const struct places *p, uint64_t ino);

/*
 * Notes what a record of the file says, places in any order; places_settle() puts those that were noted in order, and the clock
 * behind them. What stands in two places is held in one.
 */
void places_note(struct places *p, uint32_t at, const struct disk_record *r);
int places_settle(struct places *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_DISK_IMPL_H
#define CFS_TESTS_FAULT_DISK_IMPL_H

/* The insides of a struct disk, for disk.c (which plays) and disk_crash.c (which chooses). */

#include <stdbool.h>
#include <stddef.h>

#include "disk.h"
#include "image.h"

/* One change of a file's bytes or size. */
struct change {
	uint32_t type; /* RECORD_WRITE, _TRUNCATE, _ALLOCATE */
	uint64_t seq, offset, length;
	const unsigned char *data;
};

struct object {
	bool folder;
	struct image safe; /* promised content */
	struct change *pending;
	size_t pending_count, pending_cap;
};

/* One change of names: to is made and names object, from is gone; a rename does both. */
struct name_change {
	uint64_t seq;
	unsigned from, to; /* paths, 0: none */
	unsigned object;
	bool promised;
};

struct flush {
	uint64_t number, seq; /* it covers changes up to seq */
	unsigned object, path;
};

struct disk {
	enum disk_lie lie;
	bool lying;           /* from the first mark on: the store was made properly */
	uint64_t seq;         /* of the last change */
	uint64_t journal_seq; /* changes of names that a flush of anything has covered */
	struct path {
		char *text;
		unsigned parent;
	} * paths;
	size_t path_count, path_cap;
	unsigned *live, *safe; /* path to object: as played, as promised */
	struct object *objects;
	size_t object_count, object_cap;
	struct name_change *names; /* not promised yet, in order */
	size_t name_count, name_cap;
	struct token {
		unsigned object, path;
	} * tokens;
	size_t token_count, token_cap;
	struct flush *flushes, *held; /* under way; held back by LIE_SWAP */
	size_t flush_count, flush_cap, held_count, held_cap;
};

unsigned disk_object_new(struct disk *d, bool folder);
unsigned disk_path(struct disk *d, const char *text, size_t len);
void change_apply(const struct change *c, struct image *im);
void name_apply(const struct name_change *n, unsigned *map);
/* Whether two changes are about the same name, so that their order counts. */
bool names_meet(const struct name_change *a, const struct name_change *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_RANGES_H
#define CFS_BASE_RANGES_H

/*
 * Which bytes of a file somebody has locked, and how: ranges that do not overlap, in order, neighbours of one kind being one range.
 * The rules are those of fcntl(2): a new lock replaces what its owner had there, an unlock may leave a piece on either side.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends are the last byte's offset; this one reaches to the end of the file, wherever that will be. */
#define RANGE_END UINT64_MAX

enum range_type { RANGE_NONE = 0, RANGE_READ = 1, RANGE_WRITE = 2 };

struct range {
	uint64_t start, end; /* inclusive */
	enum range_type type;
};

/* Zeros: none. */
struct ranges {
	struct range *at;
	size_t count;
};

void ranges_fini(struct ranges *r);

/* Everything from start to end (>= start) becomes of this type. Returns 0 or CFS_ENOMEM, and then nothing was changed. */
int ranges_set(struct ranges *r, uint64_t start, uint64_t end, enum range_type type);

/* The first range that has bytes in start..end and is at least of this type, or NULL. */
const struct range *ranges_find(const struct ranges *r, uint64_t start, uint64_t end,
				enum range_type type);

/* Whether every byte of start..end is at least of this type. */
bool ranges_cover(const struct ranges *r, uint64_t start, uint64_t end, enum range_type type);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_FILE_MAP_H
#define CFS_CLIENT_FILE_MAP_H

/*
 * Which blobs an open file consists of (MAP), as far as it was asked for. A map is of one version, and is good for as long as
 * the attributes are promised and say that version; a line that was lost ends it. Everything locked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "client/file.h"

/* After a map that could not be had, or was old when it came, the next one is asked for no sooner. */
#define FILE_MAP_RETRY_NS UINT64_C(1000000000)

enum run_kind { RUN_HOLE, RUN_OTHER, RUN_BLOB };

struct map_run {
	uint64_t at, length; /* in the file */
	enum run_kind kind;
	struct id128 blob;
	uint32_t blob_offset;
};

struct file_map {
	unsigned refs;
	uint64_t version, epoch;
	uint64_t from, to; /* bytes of the file that the runs cover */
	size_t count;
	struct map_run runs[];
};

/* Some bytes of one run, and where it is of a blob, of one part of that. */
struct map_bit {
	const struct map_run *run;
	uint64_t at;
	uint32_t len;
	uint32_t part,
	    from; /* where the bytes begin: in this part of the blob, behind so many bytes */
};

/* The map, if it is good and covers the byte at offset; borrowed. attr_out: the file as it is. */
struct file_map *file_map_find(struct cfs_file *f, uint64_t offset, struct cfs_attr *attr_out);
/* Asks for one that covers it, unless one is on its way or it is too soon. */
void file_map_ask(struct cfs_file *f, uint64_t offset);
/* Waits until none is on its way. */
void file_map_await(struct cfs_file *f);
void file_map_unref(struct file_map *m);

/*
 * The bytes from at on, up to end, which the map covers, as far as they are one bit: *run is where to look, 0 at first. false:
 * none are left.
 */
bool file_map_next(const struct file_map *m, size_t *run, uint64_t at, uint64_t end,
		   struct map_bit *out);

#endif

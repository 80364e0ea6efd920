/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_FILE_CACHE_H
#define CFS_CLIENT_FILE_CACHE_H

/*
 * What open files read from the cache on disk, and give to it. Everything locked.
 *
 * Only files of the user's own tree: of what he reads elsewhere the owner is told, by what the server has sent. Only blobs:
 * small content comes with its look-up anyway.
 */

#include "client/file_map.h"
#include "client/file_segment.h"

/* A read that can be answered from the cache; the map is held. */
struct cache_read {
	struct file_map *map;
	uint64_t offset;
	size_t len;
};

/*
 * Whether all of a read is in the cache (less at the end of the file); then *out is to be given to file_cache_read(). Asks for a
 * map, and waits for the first one of a file that there may be something of.
 */
bool file_cache_plan(struct cfs_file *f, size_t size, uint64_t offset, struct cache_read *out);
/* Unlocked meanwhile. false: something was not there, or was damaged; the server is to be asked. */
bool file_cache_read(struct cfs_file *f, struct cache_read *r, void *buf);

/* The first byte from offset on that is in the cache; to: none is. */
uint64_t file_cache_until(struct cfs_file *f, uint64_t offset, uint64_t to);

/* A segment was answered: what it has of blobs is kept. It is held until it is. */
void file_cache_keep_segment(struct cfs_file *f, struct segment *s);
/* The same of an answer that the caller has bytes of; they are copied. */
void file_cache_keep_answer(struct cfs_file *f, uint64_t offset, const struct file_answer *a);

#endif

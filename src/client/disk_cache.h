/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_DISK_CACHE_H
#define CFS_CLIENT_DISK_CACHE_H

/*
 * Parts of blobs on this machine's disk. A blob's bytes never change and its id is never given again, so what is in here is
 * never old; what it must be is whole, and bounded.
 *
 * One directory (0700) of two files (0600): `parts`, places of DISK_PART bytes each, and `index`, a record for each place: which
 * part of which blob is in it, its CRC32C, when it was used. Both grow to what fits into the size that was given, their records
 * and the file system's own blocks counted, and never further; then the part that was used least recently gives way.
 *
 * Nothing here is trusted when it is read: a place whose bytes do not fit their checksum is given up. So nothing is flushed
 * either, and it may end at any moment: a record is taken away before its place is written and made anew behind that. The
 * files or the directory may be removed at any moment: that is noticed within a second, and they are made again.
 *
 * One client uses a directory at a time (a lock on `index`), so that the bound is one for all. Another one finds nothing, keeps
 * nothing, and has it when the first has ended. Where nothing can be written (the disk is full) nothing is for DISK_PAUSE_NS.
 *
 * Any thread. No function waits for the network or flushes; only disk_cache_open() and disk_cache_put() write more than a record.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"
#include "client/cfs.h"

#define DISK_PART     65536u
/* For so long nothing is written after a write has failed. */
#define DISK_PAUSE_NS (30 * UINT64_C(1000000000))
/* How often somebody looks whether the files are still there, or a lock is free. */
#define DISK_LOOK_NS  UINT64_C(1000000000)
/* For so long disk_cache_open() waits for a client that is just ending. */
#define DISK_LOCK_MS  1000u

struct disk_cache;

/*
 * Opens the cache in dir, which is made if it is not there, for at most size bytes (CFS_CACHE_MIN to CFS_CACHE_MAX). Fails only
 * for what somebody must mend: CFS_EUSAGE (the size), CFS_EDENIED (it belongs to another user, or others may write to it), or
 * the code of what open(2) said. Freed with disk_cache_close().
 */
int disk_cache_open(const char *dir, uint64_t size, struct disk_cache **out, struct cfs_err *err);
/* Nobody uses it any more. NULL is fine. */
void disk_cache_close(struct disk_cache *d);

/*
 * Whose blobs the next calls are about: a number for the store and the user. What was kept under others is not found, and gives
 * way like the rest. Before other threads use it.
 */
void disk_cache_set_scope(struct disk_cache *d, uint64_t scope);

/* Whether the first len bytes of part number `part` of a blob are there, as far as one can know without reading them. */
bool disk_cache_has(struct disk_cache *d, const struct id128 *blob, uint32_t part, uint32_t len);
/* Whether there may be something of the inode's blobs: rarely wrong where there is not, never where there is. */
bool disk_cache_knows(struct disk_cache *d, uint64_t ino);

/* Bytes [from, from + len) of that part, checked. false: they are not there; dst is not to be used then. */
bool disk_cache_read(struct disk_cache *d, const struct id128 *blob, uint32_t part, uint32_t from,
		     void *dst, uint32_t len);
/*
 * Keeps the first len bytes of a part (1 to DISK_PART), of a file with that inode. What cannot be kept is not; no more of the
 * same is kept than there was.
 */
void disk_cache_put(struct disk_cache *d, const struct id128 *blob, uint32_t part, const void *data,
		    uint32_t len, uint64_t ino);

/* Places that a cache of that size has. */
uint32_t disk_cache_places(uint64_t size);

#endif

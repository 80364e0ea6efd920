/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_DISK_FILES_H
#define CFS_CLIENT_DISK_FILES_H

/* The files of disk_cache.h: opening them safely, and the form of `index`. No locks, no memory of its own. */

#include <stdbool.h>
#include <stdint.h>

#include "client/disk_cache.h"

/*
 * `index`, little-endian: a header, then a record for each place.
 *
 *	header   8 bytes "CFSCACHE", u32 format (1), u32 DISK_PART; zeros up to DISK_INDEX_HEADER
 *	record   u32 CRC32C of the rest, u32 CRC32C of the part's bytes, u64 scope, 16 bytes blob, u32 part, u32 len,
 *	         u64 inode, u64 when it was used; zeros up to DISK_RECORD
 *
 * A record whose checksum does not fit, as of zeros, is of an empty place.
 */
#define DISK_INDEX_HEADER 64u
#define DISK_RECORD       64u

struct disk_record {
	uint32_t crc; /* of the part's bytes */
	uint32_t part, len;
	uint64_t scope, ino, used;
	struct id128 blob;
};

struct disk_files {
	int index, parts; /* -1: not open */
};

void disk_record_encode(const struct disk_record *r, unsigned char out[DISK_RECORD]);
/* false: of an empty place. */
bool disk_record_decode(struct disk_record *r, const unsigned char in[DISK_RECORD]);

/*
 * Opens both and cuts them to so many places; what is in another format is emptied. CFS_EBUSY: another client has them;
 * CFS_EDENIED: they or the directory are not the user's alone to write.
 */
int disk_files_open(const char *dir, uint32_t places, struct disk_files *out, struct cfs_err *err);
void disk_files_close(struct disk_files *f);
/* Whether both still have their names. */
bool disk_files_are_there(const struct disk_files *f);
/* They are of no use any more: what they take is given back, even while somebody has them open. */
void disk_files_give_up(const struct disk_files *f);

/* 0 or a code. record NULL: the place is empty. */
int disk_files_write_record(const struct disk_files *f, uint32_t place,
			    const struct disk_record *r);

#endif

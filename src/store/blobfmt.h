/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BLOBFMT_H
#define CFS_STORE_BLOBFMT_H

/*
 * The stored form of a blob, format 1: header (magic, format, codec, raw length), table (for each frame its stored offset and the
 * CRC32C of its stored bytes), frames of 64 KiB raw each (the last may be shorter). The table stands in front, so
 * that a blob is written in one go and a part read in two. Header and table carry a CRC32C of their own.
 */

#include "store/blob.h"

/* Stores raw (1 to STORE_BLOB_MAX bytes) under id, durable on return; *stored_out is the size of the stored form. */
int blobfmt_write(struct blob_backend *b, const struct id128 *id, const void *raw, uint32_t length,
		  uint32_t *stored_out, struct cfs_err *err);

/* Stores raw anew in the place of a damaged blob, which had these very bytes. */
int blobfmt_replace(struct blob_backend *b, const struct id128 *id, const void *raw,
		    uint32_t length, struct cfs_err *err);

/*
 * Reads raw bytes [offset, offset + length) into dst, checking the CRC32C of each frame touched. raw_length is what the
 * caller knows the blob's length to be. hash, if not NULL: the whole blob is read and must have it. CFS_ECORRUPT names
 * the damaged raw range.
 */
int blobfmt_read(struct blob_backend *b, const struct id128 *id, uint32_t raw_length,
		 uint32_t offset, uint32_t length, const struct sha256 *hash, void *dst,
		 struct cfs_err *err);

/*
 * The same if that can be done without waiting: the frames are in memory, and header and table are known. CFS_EBUSY for everything
 * else, whatever is the matter; dst is not to be used then.
 */
int blobfmt_read_now(struct blob_backend *b, const struct id128 *id, uint32_t raw_length,
		     uint32_t offset, uint32_t length, void *dst);

/* Size of the stored form of `length` raw bytes with the plain codec. */
uint32_t blobfmt_stored_size(uint32_t length);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BLOB_HEADS_H
#define CFS_STORE_BLOB_HEADS_H

/*
 * A small cache of blobs' headers and tables that were read and verified, so that a random read costs the read of its
 * frame alone. Blobs never change and ids are never used again, so an entry cannot go stale. Any thread.
 */

#include "store/blob.h"

#define BLOB_FRAMES_MAX (STORE_BLOB_MAX / STORE_FRAME_RAW)

/* A verified header and table (store/blobfmt.c has the bytes). Plain data. */
struct blob_head {
	uint32_t raw_length;
	uint32_t frame_count;
	struct blob_frame {
		uint32_t offset; /* in the stored form */
		uint32_t crc;    /* CRC32C of the stored bytes */
	} frames[BLOB_FRAMES_MAX];
};

/* An empty cache; NULL when memory is out. It grows to 256 entries (a GiB of whole blobs), about 140 KiB. */
struct blob_heads *blob_heads_new(void);
void blob_heads_free(struct blob_heads *h);

/* Copies the entry of id to *out; false if there is none. */
bool blob_heads_get(struct blob_heads *h, const struct id128 *id, struct blob_head *out);

/* Keeps a copy in place of the entry that was not used for longest in its set. Does nothing when memory is out. */
void blob_heads_put(struct blob_heads *h, const struct id128 *id, const struct blob_head *head);

/* Drops the entry of id, or all. */
void blob_heads_forget(struct blob_heads *h, const struct id128 *id);
void blob_heads_clear(struct blob_heads *h);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_SCRUB_FILES_H
#define CFS_STORE_SCRUB_FILES_H

/* Which files a damaged blob is in, and which bytes of them; for scrub.c alone. */

#include "store/impl.h"
#include "store/scrub.h"

#define SCRUB_FRAMES (STORE_BLOB_MAX / STORE_FRAME_RAW)

struct scrub_damage {
	struct id128 blob;
	uint32_t length;
	bool bad[SCRUB_FRAMES]; /* by frame of 64 KiB raw */
};

/* Fills bad; raw: STORE_FRAME_RAW bytes at least, to read into. When no frame is bad by itself all of them count. */
void scrub_find_frames(struct store *s, struct scrub_damage *d, void *raw);

/* Reports each file that has a bad frame, with the range. */
int scrub_name_files(struct store *s, const struct scrub_damage *d, scrub_fn *report, void *arg,
		     struct cfs_err *err);

#endif

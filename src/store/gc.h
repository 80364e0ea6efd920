/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_GC_H
#define CFS_STORE_GC_H

/* What the keeper would remove: store_keep() does it. */

#include "base/err.h"
#include "store/types.h"

struct store;

struct gc_report {
	uint64_t blobs, blob_bytes;       /* that nothing refers to, and whose time is over */
	uint64_t waiting, waiting_bytes;  /* ... whose time is not over */
	uint64_t versions, version_bytes; /* old versions past their time; bytes that they cover */
	uint64_t nameless; /* abandoned uploads, and removed files that nobody has open */
};
int gc_look(struct store *s, struct gc_report *out, struct cfs_err *err);

#endif

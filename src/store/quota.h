/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_QUOTA_H
#define CFS_STORE_QUOTA_H

/* How many bytes a user's files may have together: logical bytes, those of holes too. */

#include "base/err.h"
#include "store/types.h"

struct store;

struct quota {
	uint64_t limit;  /* 0: none */
	bool is_default; /* the one of the server's settings */
	uint64_t used_bytes, files, attic_bytes;
};
int quota_get(struct store *s, uint64_t user, struct quota *out, struct cfs_err *err);

/* change. limit 0: none; or is_default. CFS_ENOENT for an unknown user. */
int quota_set(struct store *s, uint64_t user, bool is_default, uint64_t limit, struct cfs_err *err);

/* change. Between change_begin() and change_end(): CFS_EQUOTA if the change has let a user grow to more than the quota. */
int quota_check(struct store *s, struct cfs_err *err);

/* CFS_EQUOTA if not a byte more fits: before content is taken that no change could name. */
int quota_check_full(struct store *s, uint64_t user, struct cfs_err *err);

#endif

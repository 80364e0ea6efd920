/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_ATTIC_PATH_H
#define CFS_STORE_ATTIC_PATH_H

/* Paths that lead through directories of which some were removed, perhaps more than once. */

#include "store/impl.h"

#define DIR_SET_MAX 64u

/* All directories that a path leads to: the one that is there, and those that were removed. */
struct dir_set {
	uint64_t inos[DIR_SET_MAX];
	size_t count;
	uint64_t live; /* the one that is there, 0 none */
};

struct attic_place {
	struct dir_set parents;  /* of the last name */
	struct bytes_view name;  /* a view of the path or of walk */
	struct walk_result walk; /* what is there now; found */
};

/* Where path leads from base; empty parents: nowhere. CFS_EINVAL for the root. */
int attic_find_place(struct store *s, const struct cred *cred, struct inode_ref base,
		     struct bytes_view path, struct attic_place *out, struct cfs_err *err);

/* Goes on from the directories of set to those of a name in them. */
int dir_set_enter(struct store *s, struct dir_set *set, struct bytes_view name,
		  struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_PAST_H
#define CFS_CLIENT_CFS_PAST_H

/* A part of cfs.h: what was. Old versions of files, what was removed, and bringing it back. */

#include "client/cfs.h"

/* What became of a version; as in message version of proto/ops.def. */
enum cfs_version_how {
	CFS_VERSION_PRESENT = 0,
	CFS_VERSION_REPLACED = 1,
	CFS_VERSION_REMOVED = 2,
	CFS_VERSION_OVERWRITTEN = 3,
	CFS_VERSION_NAME_GONE =
	    4, /* only the name was removed; attr is of the file that has others */
	CFS_VERSION_DIR_GONE = 5,
};
struct cfs_version {
	uint64_t id; /* 0: it is there */
	enum cfs_version_how how;
	uint64_t version;
	uint64_t source; /* it was made by restoring this one, 0 none */
	int64_t removed_ns;
	uint64_t remover;
	const char *dir, *name; /* where it was; valid for the callback; dir "" for what is there */
	struct cfs_attr
	    attr; /* content is read through this, as of any file; of a directory the mode alone */
};

/*
 * Versions of the name that path leads to, the newest first, until each() returns non-zero (returned then). Paths as in
 * cfs_stat(), from base (ino 0: the own tree), also through directories that were removed. None is no error. For the owner: CFS_EDENIED.
 */
int cfs_versions(struct cfs *c, struct cfs_ref base, const char *path,
		 int (*each)(void *arg, const struct cfs_version *v), void *arg,
		 struct cfs_err *err);
/* What was removed from a directory and is not there now. A name comes more than once if its directory was removed and made again. */
int cfs_removed(struct cfs *c, struct cfs_ref base, const char *path,
		int (*each)(void *arg, const struct cfs_version *v), void *arg,
		struct cfs_err *err);
/* All that is kept of the own tree. */
int cfs_attic(struct cfs *c, int (*each)(void *arg, const struct cfs_version *v), void *arg,
	      struct cfs_err *err);
/* Gives dir/name the content of v (id and attr.ref count): durable when it returns; what is there becomes an old version. */
int cfs_restore(struct cfs *c, const struct cfs_version *v, struct cfs_ref dir, const char *name,
		bool noclobber, struct cfs_attr *out, struct cfs_err *err);
/* Gives versions up for good (id and attr.ref count): how many there were, and their bytes. */
int cfs_prune(struct cfs *c, const struct cfs_version *v, size_t count, uint64_t *count_out,
	      uint64_t *bytes_out, struct cfs_err *err);

#endif

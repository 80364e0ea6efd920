/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_VERSIONS_H
#define CFS_FUSE_VERSIONS_H

/*
 * Old versions in the mount: every directory has a directory .versions, which is not listed; in it one directory for each
 * name, of files that are there and of those that were removed; in that one read-only file for each old version, called
 * NUMBER-TIME. None of this exists on the server: the files are the inodes in its attic, the directories are made here.
 *
 * Their node ids have the highest bit set, which the store's numbers never have. versions_wrap() puts handlers of its own
 * before those of the mount, which see nothing of such ids.
 */

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stddef.h>

#include "client/cfs.h"

#define VERSIONS_NAME ".versions"

/* One directory .versions/NAME that the kernel knows of. */
struct versions_dir {
	struct cfs_ref dir; /* ino 0: a free place */
	char *name;
	uint64_t lookups;
};

struct versions {
	pthread_mutex_t lock;
	struct versions_dir *dirs;
	size_t count;
	struct fuse_lowlevel_ops plain; /* the handlers for everything else */
};

void versions_init(struct versions *v);
void versions_fini(struct versions *v);

/* Takes over from the handlers in ops, which are those of the mount. */
void versions_wrap(struct versions *v, struct fuse_lowlevel_ops *ops);

#endif

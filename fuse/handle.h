/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_HANDLE_H
#define CFS_FUSE_HANDLE_H

/* What fuse_file_info.fh of an open file points to. */

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "inode.h"
#include "lock.h"

struct handle {
	struct inode *inode; /* held and open */
	bool writes;         /* and bars stores, see pages.h */
	bool searched;       /* whether its reads here and there count, see around.h */
	struct handle_locks locks;
};

static inline struct handle *
handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

/* CFS_ELOCKLOST once a lock that was taken through it is lost, else 0. */
static inline int
handle_check(const struct fuse_file_info *fi)
{
	return atomic_load(&handle_of(fi)->locks.lost) ? CFS_ELOCKLOST : 0;
}

static inline struct inode *
handle_inode(const struct fuse_file_info *fi)
{
	return handle_of(fi)->inode;
}

#endif

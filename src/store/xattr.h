/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_XATTR_H
#define CFS_STORE_XATTR_H

/*
 * Extended attributes of files and directories: names that begin with "user." and values of any bytes, as xattr(7) has
 * them. They belong to the inode, count in its owner's usage, and go with it.
 *
 * Common errors: those of store/names.h; CFS_EUNSUPPORTED for a name that does not begin with "user.", CFS_ERANGE for one
 * that is too long, CFS_EINVAL for "user." alone.
 */

#include "base/buf.h"
#include "store/names.h"

#define STORE_XATTR_VALUE_MAX (64u * 1024)   /* XATTR_SIZE_MAX of Linux */
#define STORE_XATTR_LIST_MAX  (64u * 1024)   /* bytes of all names of one inode: XATTR_LIST_MAX */
#define STORE_XATTR_BYTES_MAX (1024u * 1024) /* names and values of one inode */

/* Appends the value to out. CFS_ENODATA. */
int xattr_get(struct store *s, const struct cred *cred, struct inode_ref ref,
	      struct bytes_view name, struct buf *out, struct cfs_err *err);

/* Appends the names to out, each with a NUL behind it. */
int xattr_list(struct store *s, const struct cred *cred, struct inode_ref ref, struct buf *out,
	       struct cfs_err *err);

enum xattr_flags { XATTR_SET_CREATE = 1, XATTR_SET_REPLACE = 2 };

/*
 * change. CFS_EEXIST (create), CFS_ENODATA (replace), CFS_EFBIG (value), CFS_ENOSPC (too many for one inode), CFS_EPERM for
 * what is neither file nor directory, and for names that the server answers itself ("user.cfs.…").
 */
int xattr_set(struct store *s, const struct cred *cred, struct inode_ref ref,
	      struct bytes_view name, struct bytes_view value, unsigned flags,
	      struct inode_attr *out, struct cfs_err *err);

/* change. CFS_ENODATA, CFS_EPERM. */
int xattr_remove(struct store *s, const struct cred *cred, struct inode_ref ref,
		 struct bytes_view name, struct inode_attr *out, struct cfs_err *err);

#endif

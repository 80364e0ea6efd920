/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "mount.h"

/*
 * Extended attributes. The kernel asks for one of security's before each write, and ls for those of access lists: whatever
 * does not begin with "user." is answered here.
 */

static bool
is_stored(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

/* What the server says of the content must not be older than what was written. */
static int
settle_for(struct inode *i, const char *name)
{
	return strncmp(name, "user.cfs.", 9) == 0 ? inode_settle(i) : 0;
}

/* size 0 asks how much there is. */
static void
reply_bytes(fuse_req_t req, const char *buf, size_t len, size_t size)
{
	if (size == 0) {
		fuse_reply_xattr(req, len);
	} else if (len > size) {
		fuse_reply_err(req, ERANGE);
	} else {
		fuse_reply_buf(req, buf, len);
	}
}

/* name NULL: the list of names. */
static void
get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	size_t len = CFS_XATTR_MAX;
	char *buf = malloc(len);
	int rc = i == NULL ? CFS_ESTALE : buf == NULL ? CFS_ENOMEM : 0;

	if (rc == 0 && name != NULL) {
		rc = settle_for(i, name);
	}
	if (rc == 0) {
		rc = name != NULL ? cfs_getxattr(m->c, i->ref, name, buf, &len, NULL)
				  : cfs_listxattr(m->c, i->ref, buf, &len, NULL);
	}
	if (rc == 0) {
		reply_bytes(req, buf, len, size);
	} else {
		reply_code(req, rc);
	}
	free(buf);
	inode_put(&m->inodes, i);
}

static void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	if (is_stored(name)) {
		get(req, ino, name, size);
	} else {
		fuse_reply_err(req, EOPNOTSUPP);
	}
}

static void
op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	get(req, ino, NULL, size);
}

/* value NULL: removes it. */
static void
change(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct mount *m = mount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	int rc = CFS_ESTALE;

	if (i != NULL) {
		inode_change_begin(i);
		rc = value == NULL ? cfs_removexattr(m->c, i->ref, name, NULL)
				   : cfs_setxattr(m->c, i->ref, name, value, size,
						  (flags & XATTR_CREATE) != 0,
						  (flags & XATTR_REPLACE) != 0, NULL);
		inode_change_end(i);
	}
	reply_code(req, rc);
	inode_put(&m->inodes, i);
}

static void
op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	    int flags)
{
	if (is_stored(name)) {
		change(req, ino, name, value, size, flags);
	} else {
		fuse_reply_err(req, EOPNOTSUPP);
	}
}

static void
op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	if (is_stored(name)) {
		change(req, ino, name, NULL, 0, 0);
	} else {
		fuse_reply_err(req, EOPNOTSUPP);
	}
}

void
ops_xattrs(struct fuse_lowlevel_ops *ops)
{
	ops->getxattr = op_getxattr;
	ops->listxattr = op_listxattr;
	ops->setxattr = op_setxattr;
	ops->removexattr = op_removexattr;
}

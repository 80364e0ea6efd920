/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "handle.h"
#include "mount.h"

/* Where files have bytes and where holes: lseek, fallocate, and copies that the server makes. */

/* The kernel asks for SEEK_DATA and SEEK_HOLE alone. */
static void
op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct inode *i = handle_inode(fi);
	uint64_t found = 0;
	int rc = whence == SEEK_DATA || whence == SEEK_HOLE ? inode_settle(i) : CFS_EINVAL;

	(void)ino;
	if (rc == 0) {
		rc = cfs_seek(mount_of(req)->c, i->ref, (uint64_t)off, whence == SEEK_HOLE, &found,
			      NULL);
	}
	if (rc == 0) {
		fuse_reply_lseek(req, (off_t)found);
	} else {
		reply_code(req, rc);
	}
}

static void
op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
	     struct fuse_file_info *fi)
{
	const int clearing = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	struct inode *i = handle_inode(fi);
	struct cfs_attr a;
	int rc;

	(void)ino;
	if ((mode & ~(clearing | FALLOC_FL_KEEP_SIZE)) != 0) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	rc = inode_settle(i);
	if (rc == 0) {
		inode_change_begin(i);
		rc = cfs_allocate(mount_of(req)->c, i->ref, (mode & clearing) != 0,
				  (mode & FALLOC_FL_KEEP_SIZE) != 0, (uint64_t)off, (uint64_t)len,
				  &a, NULL);
		if (rc == 0) {
			cfs_file_changed(i->file, a.size);
		}
		inode_change_end(i);
	}
	reply_code(req, rc);
}

/* The server shares the extents: no data moves. Both sides' own writes are sent first. */
static int
copy_range(struct mount *m, struct inode *from, uint64_t off_in, struct inode *to, uint64_t off_out,
	   size_t len, uint64_t *copied)
{
	struct cfs_attr a;
	int rc = inode_settle(from);

	if (rc == 0) {
		rc = inode_settle(to);
	}
	if (rc != 0) {
		return rc;
	}
	inode_change_begin(to);
	rc = cfs_copy_range(m->c, from->ref, off_in, len, to->ref, off_out, copied, NULL);
	if (rc == 0) {
		rc = cfs_getattr(m->c, to->ref, &a, NULL);
	}
	if (rc == 0) {
		cfs_file_changed(to->file, a.size);
	}
	inode_change_end(to);
	return rc;
}

static void
op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in,
		   fuse_ino_t out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
		   int flags)
{
	uint64_t copied = 0;
	int rc = flags == 0 ? copy_range(mount_of(req), handle_inode(fi_in), (uint64_t)off_in,
					 handle_inode(fi_out), (uint64_t)off_out, len, &copied)
			    : CFS_EINVAL;

	(void)in;
	(void)out;
	if (rc == 0) {
		fuse_reply_write(req, (size_t)copied);
	} else {
		reply_code(req, rc);
	}
}

void
ops_space(struct fuse_lowlevel_ops *ops)
{
	ops->lseek = op_lseek;
	ops->fallocate = op_fallocate;
	ops->copy_file_range = op_copy_file_range;
}

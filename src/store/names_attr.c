/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

#define MODE_BITS 07777u

int
inode_writable(struct store *s, const struct cred *cred, const struct inode *in, bool *unnamed_out,
	       struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT person FROM unnamed WHERE ino = ?1"};
	uint64_t person = in->a.owner;
	int rc = 0;

	*unnamed_out = false;
	if (in->a.ino == STORE_ROOT_INO)
		return err_code(err, cred->admin ? CFS_EPERM : CFS_EDENIED);
	if (in->a.nlink == 0) {
		rc = sql_get(s, &sql, SQL_ARGS(in->a.ino), &person, err);
		*unnamed_out = rc == 1;
	}
	if (rc < 0)
		return rc;
	return cred_check_owns(cred, person, err);
}

int
inode_clear_sum(struct store *s, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE inode SET sum = NULL, sum_version = NULL WHERE ino = ?1 AND sum IS NOT NULL"};
	int rc = sql_run(s, &sql, SQL_ARGS(ino), err);

	return rc < 0 ? rc : 0;
}

static int
set_size(struct store *s, const struct cred *cred, struct inode *in, uint64_t size, bool unnamed,
	 struct cfs_err *err)
{
	uint64_t freed = 0;
	int rc = 0;

	if (in->a.type != INODE_FILE)
		return err_code(err, in->a.type == INODE_DIR ? CFS_EISDIR : CFS_EINVAL);
	if (size > (uint64_t)STORE_FILE_MAX)
		return err_code(err, CFS_EFBIG);
	if (size == in->a.size)
		return 0;
	rc = attic_keep_before(s, cred, in, size, in->a.size, err);
	if (rc == 0 && size == 0) {
		freed = in->a.stored;
		rc = extents_drop(s, in->a.ino, err);
	} else if (rc == 0 && size < in->a.size) {
		rc = extents_punch(s, in->a.ino, size, in->a.size, &freed, err);
	}
	if (rc == 0)
		rc = inode_clear_sum(s, in->a.ino, err);
	in->a.stored -= freed;
	in->a.size = size;
	/* Nobody has seen a version of what has no name yet. */
	in->a.version += unnamed ? 0 : 1;
	return rc;
}

static void
set_times(struct inode_attr *attr, const struct setattr_args *a, int64_t now)
{
	if ((a->valid & SETATTR_SIZE) != 0)
		attr->mtime_ns = now;
	if ((a->valid & SETATTR_ATIME) != 0)
		attr->atime_ns = a->atime_ns;
	if ((a->valid & SETATTR_MTIME) != 0)
		attr->mtime_ns = a->mtime_ns;
	if ((a->valid & SETATTR_ATIME_NOW) != 0)
		attr->atime_ns = now;
	if ((a->valid & SETATTR_MTIME_NOW) != 0)
		attr->mtime_ns = now;
	attr->ctime_ns = now;
}

int
names_setattr(struct store *s, const struct cred *cred, const struct setattr_args *a,
	      struct inode_attr *out, struct cfs_err *err)
{
	struct inode in, old;
	bool unnamed;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = inode_get(s, cred, a->ref, &in, err);
	if (rc == 0)
		rc = inode_writable(s, cred, &in, &unnamed, err);
	if (rc != 0)
		return rc;
	old = in;
	if ((a->valid & SETATTR_SIZE) != 0)
		rc = set_size(s, cred, &in, a->size, unnamed, err);
	if (rc != 0)
		return rc;
	if ((a->valid & SETATTR_MODE) != 0)
		in.a.mode = a->mode & MODE_BITS;
	if ((a->valid & SETATTR_UID) != 0)
		in.a.uid = a->uid;
	if ((a->valid & SETATTR_GID) != 0)
		in.a.gid = a->gid;
	set_times(&in.a, a, store_now(s));
	rc = inode_update(s, &in, &old, err);
	if (rc == 0 && !unnamed)
		rc = attic_resize(s, &in, &old, err);
	*out = in.a;
	return rc;
}

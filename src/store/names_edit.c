/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>

#include "store/impl.h"

#define MODE_BITS 07777u
#define LINKS_MAX 65000u

static int
check_target(const struct create_args *a, struct cfs_err *err)
{
	if (a->type != INODE_SYMLINK)
		return a->target.len == 0 ? 0 : err_code(err, CFS_EINVAL);
	if (a->target.len == 0 || memchr(a->target.data, '\0', a->target.len) != NULL)
		return err_set(err, CFS_EINVAL, "not a valid target of a symbolic link");
	return a->target.len <= STORE_SYMLINK_MAX ? 0 : err_code(err, CFS_ENAMETOOLONG);
}

static int
check_type(const struct create_args *a, struct cfs_err *err)
{
	switch (a->type) {
	case INODE_FILE:
	case INODE_DIR:
	case INODE_SYMLINK:
	case INODE_FIFO:
	case INODE_CHR:
	case INODE_BLK:
	case INODE_SOCK:
		return check_target(a, err);
	default:
		return err_set(err, CFS_EINVAL, "no such type of inode");
	}
}

static struct inode
new_inode(const struct store *s, const struct cred *cred, const struct create_args *a)
{
	int64_t now = store_now(s);

	return (struct inode){
	    .a = {.ino = a->ino,
		  .gen = s->gen,
		  .type = a->type,
		  .mode = a->mode & MODE_BITS,
		  .uid = a->uid,
		  .gid = a->gid,
		  .size = a->type == INODE_SYMLINK ? a->target.len : 0,
		  .version = 1,
		  .atime_ns = a->mtime_ns != 0 ? a->mtime_ns : now,
		  .mtime_ns = a->mtime_ns != 0 ? a->mtime_ns : now,
		  .ctime_ns = now,
		  .btime_ns = now,
		  .owner = cred->user,
		  .uploader = cred->user,
		  .rdev = a->type == INODE_CHR || a->type == INODE_BLK ? a->rdev : 0},
	};
}

/* A setgid directory hands its group on, and the bit to directories (inode(7)). */
static void
inherit_group(struct inode *in, const struct inode *dir)
{
	if ((dir->a.mode & S_ISGID) == 0)
		return;
	in->a.gid = dir->a.gid;
	if (in->a.type == INODE_DIR)
		in->a.mode |= S_ISGID;
}

static int
create_unnamed(struct store *s, const struct cred *cred, const struct create_args *a,
	       struct inode_attr *out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO unnamed (ino, person, stream, since) VALUES (?1, ?2, ?3, ?4)"};
	struct inode in = new_inode(s, cred, a);
	struct db_stmt *st;
	int rc;

	if (a->type != INODE_FILE || cred->user == 0)
		return err_set(err, CFS_EINVAL, "only a user's file can be without a name");
	rc = inode_insert(s, &in, (struct bytes_view){NULL, 0}, err);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, a->ino);
	db_bind_u64(st, 2, cred->user);
	db_bind_blob(st, 3, a->stream.b, sizeof(a->stream.b));
	db_bind_i64(st, 4, in.a.ctime_ns);
	rc = db_run(st, err);
	*out = in.a;
	return rc < 0 ? rc : 0;
}

int
names_create(struct store *s, const struct cred *cred, const struct create_args *a,
	     struct inode_attr *out, struct cfs_err *err)
{
	struct inode dir, in;
	struct dentry d;
	uint64_t known = 0;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = check_type(a, err);
	if (rc == 0 && a->dir.ino != 0)
		rc = inode_get_own_dir(s, cred, a->dir, &dir, err);
	if (rc == 0)
		rc = number_check(s, &a->stream, a->ino, err);
	if (rc != 0)
		return rc;
	if (a->dir.ino == 0)
		return create_unnamed(s, cred, a, out, err);
	rc = dentry_check_name(a->name, err);
	if (rc != 0)
		return rc;
	in = new_inode(s, cred, a);
	if (a->type != INODE_DIR)
		rc = attic_last_version(s, dir.a.ino, a->name, &known, err);
	if (rc != 0)
		return rc;
	in.a.version += known;
	in.a.owner = dir.a.owner;
	inherit_group(&in, &dir);
	in.a.nlink = a->type == INODE_DIR ? 2 : 1;
	in.parent = dir.a.ino;
	in.dent = in.a.ino;
	d = (struct dentry){dir.a.ino, in.a.ino, in.a.ino};
	rc = inode_insert(s, &in, a->target, err);
	if (rc == 0)
		rc = dentry_insert(s, &d, a->name, err);
	if (rc == 0)
		rc = inode_touch_dir(s, dir.a.ino, 1, a->type == INODE_DIR, in.a.ctime_ns, err);
	*out = in.a;
	return rc;
}

static int
remove_directory(struct store *s, const struct cred *cred, const struct inode *in,
		 const struct dentry *d, struct bytes_view name, struct cfs_err *err)
{
	int rc;

	if (in->a.size != 0)
		return err_code(err, CFS_ENOTEMPTY);
	rc = dentry_delete(s, d, err);
	if (rc == 0)
		rc = inode_delete_dir(s, in, err);
	return rc == 0 ? attic_bury_dir(s, cred, in, d->parent, name, err) : rc;
}

int
names_unlink(struct store *s, const struct cred *cred, struct inode_ref dir, struct bytes_view name,
	     bool directory, uint64_t *ino_inout, struct cfs_err *err)
{
	struct inode parent, in, old;
	struct dentry d;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = inode_get_own_dir(s, cred, dir, &parent, err);
	if (rc == 0)
		rc = dentry_check_name(name, err);
	if (rc != 0)
		return rc;
	rc = dentry_find_inode(s, parent.a.ino, name, &d, &in, err);
	if (rc <= 0)
		return rc < 0 ? rc : err_code(err, CFS_ENOENT);
	if (directory != (in.a.type == INODE_DIR))
		return err_code(err, directory ? CFS_ENOTDIR : CFS_EISDIR);
	if (*ino_inout != 0 && *ino_inout != in.a.ino)
		return err_set(err, CFS_ESTALE, "the name is another file's by now");
	*ino_inout = in.a.ino;
	if (directory) {
		rc = remove_directory(s, cred, &in, &d, name, err);
	} else {
		old = in;
		rc = dentry_delete(s, &d, err);
		if (rc == 0)
			rc = dentry_detach(s, &in, &d, err);
		if (rc == 0)
			rc = attic_bury(s, cred, &in, &old, parent.a.ino, name, 0, err);
	}
	if (rc == 0)
		rc = inode_touch_dir(s, parent.a.ino, -1, directory ? -1 : 0, store_now(s), err);
	return rc;
}

int
names_link(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode_ref dir,
	   struct bytes_view name, struct inode_attr *out, struct cfs_err *err)
{
	struct inode parent, in, old;
	struct dentry d;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = inode_get_own_dir(s, cred, dir, &parent, err);
	if (rc == 0)
		rc = inode_get(s, cred, ref, &in, err);
	if (rc == 0)
		rc = dentry_check_name(name, err);
	if (rc != 0)
		return rc;
	if (in.a.type == INODE_DIR)
		return err_code(err, CFS_EPERM);
	if (in.a.owner != parent.a.owner)
		return err_code(err, CFS_EXDEV);
	if (in.a.nlink == 0)
		return err_code(err, CFS_ENOENT);
	if (in.a.nlink >= LINKS_MAX)
		return err_code(err, CFS_EMLINK);
	d = (struct dentry){.parent = parent.a.ino, .ino = in.a.ino};
	rc = number_take(s, &d.id, err);
	if (rc == 0)
		rc = dentry_insert(s, &d, name, err);
	if (rc != 0)
		return rc;
	old = in;
	in.a.ctime_ns = store_now(s);
	rc = dentry_attach(s, &in, &d, err);
	if (rc == 0)
		rc = inode_update(s, &in, &old, err);
	if (rc == 0)
		rc = inode_touch_dir(s, parent.a.ino, 1, 0, in.a.ctime_ns, err);
	*out = in.a;
	return rc;
}

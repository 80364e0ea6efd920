/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/xattr.h"

#include <string.h>

#include "store/impl.h"

static bool
begins_with(struct bytes_view name, const char *prefix)
{
	size_t n = strlen(prefix);

	return name.len >= n && memcmp(name.data, prefix, n) == 0;
}

static int
check_name(struct bytes_view name, struct cfs_err *err)
{
	if (!begins_with(name, "user."))
		return err_set(err, CFS_EUNSUPPORTED, "an attribute's name begins with user.");
	if (name.len > STORE_NAME_MAX)
		return err_set(err, CFS_ERANGE, "an attribute's name has %u bytes at most",
			       STORE_NAME_MAX);
	if (name.len == strlen("user.") || memchr(name.data, '\0', name.len) != NULL)
		return err_set(err, CFS_EINVAL, "not an attribute's name");
	return 0;
}

static int
look_up(struct store *s, uint64_t ino, struct bytes_view name, struct buf *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT value FROM xattr WHERE ino = ?1 AND name = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, ino);
	db_bind_blob(st, 2, name.data, name.len);
	int rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view value = db_col_blob(st, 0);

		rc = buf_append(out, value.data, value.len) != 0 ? err_code(err, CFS_ENOMEM) : 0;
	} else if (rc == 0) {
		rc = err_code(err, CFS_ENODATA);
	}
	db_done(st);
	return rc;
}

int
xattr_get(struct store *s, const struct cred *cred, struct inode_ref ref, struct bytes_view name,
	  struct buf *out, struct cfs_err *err)
{
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = inode_get(s, cred, ref, &in, err);
	if (rc == 0)
		rc = check_name(name, err);
	if (rc == 0)
		rc = in.xattrs > 0 ? look_up(s, in.a.ino, name, out, err)
				   : err_code(err, CFS_ENODATA);
	store_read_end(s, began);
	return rc;
}

int
xattr_list(struct store *s, const struct cred *cred, struct inode_ref ref, struct buf *out,
	   struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT name FROM xattr WHERE ino = ?1 ORDER BY name"};
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = inode_get(s, cred, ref, &in, err);
	if (rc == 0 && in.xattrs > 0) {
		struct db_stmt *st = db_use(s->db, &sql, err);

		db_bind_u64(st, 1, in.a.ino);
		while ((rc = db_step(st, err)) == 1) {
			struct bytes_view name = db_col_blob(st, 0);

			if (buf_append(out, name.data, name.len) != 0 ||
			    buf_append_byte(out, '\0') != 0) {
				rc = err_code(err, CFS_ENOMEM);
				break;
			}
		}
		db_done(st);
	}
	store_read_end(s, began);
	return rc;
}

/* The inode, which may be changed, and what the attribute takes now: 0 where it is not there. */
static int
open_change(struct store *s, const struct cred *cred, struct inode_ref ref, struct bytes_view name,
	    struct inode *in, uint64_t *bytes_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT length(name) + length(value) FROM xattr WHERE ino = ?1 AND name = ?2"};
	struct db_stmt *st;
	bool unnamed;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = inode_get(s, cred, ref, in, err);
	if (rc == 0)
		rc = check_name(name, err);
	if (rc == 0)
		rc = inode_writable(s, cred, in, &unnamed, err);
	if (rc != 0)
		return rc;
	if (in->a.type != INODE_FILE && in->a.type != INODE_DIR)
		return err_set(err, CFS_EPERM, "only files and directories have attributes");
	if (begins_with(name, "user.cfs."))
		return err_set(err, CFS_EPERM, "user.cfs. attributes are the server's");
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, in->a.ino);
	db_bind_blob(st, 2, name.data, name.len);
	rc = db_step(st, err);
	*bytes_out = rc == 1 ? db_col_u64(st, 0) : 0;
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* Whether the names of an inode leave room for one more. */
static int
check_list(struct store *s, uint64_t ino, size_t more, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT COALESCE(sum(length(name) + 1), 0) FROM xattr WHERE ino = ?1"};
	uint64_t bytes = 0;
	int rc = sql_get(s, &sql, SQL_ARGS(ino), &bytes, err);

	if (rc < 0)
		return rc;
	return bytes + more + 1 <= STORE_XATTR_LIST_MAX
		   ? 0
		   : err_set(err, CFS_ENOSPC, "too many attributes of one file");
}

static int
finish(struct store *s, struct inode *in, uint64_t was, uint64_t is, struct inode_attr *out,
       struct cfs_err *err)
{
	struct inode old = *in;

	in->xattrs = in->xattrs - was + is;
	in->a.ctime_ns = store_now(s);
	*out = in->a;
	return inode_update(s, in, &old, err);
}

int
xattr_set(struct store *s, const struct cred *cred, struct inode_ref ref, struct bytes_view name,
	  struct bytes_view value, unsigned flags, struct inode_attr *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO xattr (ino, name, value) VALUES (?1, ?2, ?3)"
					  " ON CONFLICT (ino, name) DO UPDATE SET value = ?3"};
	struct inode in;
	struct db_stmt *st;
	uint64_t was, is = name.len + value.len;
	int rc = open_change(s, cred, ref, name, &in, &was, err);

	if (rc != 0)
		return rc;
	if (was > 0 && (flags & XATTR_SET_CREATE) != 0)
		return err_code(err, CFS_EEXIST);
	if (was == 0 && (flags & XATTR_SET_REPLACE) != 0)
		return err_code(err, CFS_ENODATA);
	if (value.len > STORE_XATTR_VALUE_MAX)
		return err_set(err, CFS_EFBIG, "an attribute has %u bytes at most",
			       STORE_XATTR_VALUE_MAX);
	if (in.xattrs - was + is > STORE_XATTR_BYTES_MAX)
		return err_set(err, CFS_ENOSPC, "the attributes of one file have %u bytes at most",
			       STORE_XATTR_BYTES_MAX);
	rc = space_check(s, err);
	if (rc == 0 && was == 0)
		rc = check_list(s, in.a.ino, name.len, err);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, in.a.ino);
	db_bind_blob(st, 2, name.data, name.len);
	db_bind_blob(st, 3, value.len > 0 ? value.data : "", value.len);
	rc = db_run(st, err);
	return rc < 0 ? rc : finish(s, &in, was, is, out, err);
}

int
xattr_remove(struct store *s, const struct cred *cred, struct inode_ref ref, struct bytes_view name,
	     struct inode_attr *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM xattr WHERE ino = ?1 AND name = ?2"};
	struct inode in;
	struct db_stmt *st;
	uint64_t was;
	int rc = open_change(s, cred, ref, name, &in, &was, err);

	if (rc == 0 && was == 0)
		rc = err_code(err, CFS_ENODATA);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, in.a.ino);
	db_bind_blob(st, 2, name.data, name.len);
	rc = db_run(st, err);
	return rc < 0 ? rc : finish(s, &in, was, 0, out, err);
}

int
xattr_inherit(struct store *s, struct inode *in, const struct inode *from, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO xattr (ino, name, value)"
					  " SELECT ?2, name, value FROM xattr WHERE ino = ?1"};
	int rc;

	if (in->xattrs > 0 || from->xattrs == 0)
		return 0;
	in->xattrs = from->xattrs;
	rc = sql_run(s, &sql, SQL_ARGS(from->a.ino, in->a.ino), err);
	return rc < 0 ? rc : 0;
}

int
xattr_drop(struct store *s, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM xattr WHERE ino = ?1"};
	int rc = sql_run(s, &sql, SQL_ARGS(ino), err);

	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

void
inode_from_row(struct db_stmt *st, int c, struct inode *out)
{
	struct inode_attr *a = &out->a;

	a->ino = db_col_u64(st, c);
	a->gen = (uint32_t)db_col_u64(st, c + 1);
	a->type = (enum inode_type)db_col_i64(st, c + 2);
	a->mode = (uint32_t)db_col_u64(st, c + 3);
	a->nlink = (uint32_t)db_col_u64(st, c + 4);
	a->uid = (uint32_t)db_col_u64(st, c + 5);
	a->gid = (uint32_t)db_col_u64(st, c + 6);
	a->size = db_col_u64(st, c + 7);
	a->stored = db_col_u64(st, c + 8);
	a->version = db_col_u64(st, c + 9);
	a->atime_ns = db_col_i64(st, c + 10);
	a->mtime_ns = db_col_i64(st, c + 11);
	a->ctime_ns = db_col_i64(st, c + 12);
	a->btime_ns = db_col_i64(st, c + 13);
	a->owner = db_col_u64(st, c + 14);
	a->uploader = db_col_u64(st, c + 15);
	a->rdev = db_col_u64(st, c + 16);
	out->parent = db_col_u64(st, c + 17);
	out->dent = db_col_u64(st, c + 18);
	out->xattrs = db_col_u64(st, c + 19);
}

int
inode_find(struct store *s, uint64_t ino, struct inode *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " INODE_COLUMNS " FROM inode i WHERE i.ino = ?1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, ino);
	int rc = db_step(st, err);
	if (rc == 1)
		inode_from_row(st, 0, out);
	db_done(st);
	return rc;
}

bool
cred_sees(const struct cred *cred, uint64_t owner)
{
	return owner == 0 || cred->admin || owner == cred->user || !cred->trees_private;
}

bool
cred_owns(const struct cred *cred, uint64_t owner)
{
	return cred->admin || (owner != 0 && owner == cred->user);
}

int
cred_check_owns(const struct cred *cred, uint64_t owner, struct cfs_err *err)
{
	return cred_owns(cred, owner)
		   ? 0
		   : err_set(err, CFS_EDENIED,
			     "permission denied: only the owner of a tree changes it");
}

#define STILL_OPEN_NS (3600 * NS_PER_S) /* others may have had open what was removed */

/*
 * Whether it is an upload of somebody else's, which nobody sees before it has a name, or in somebody else's attic, where
 * nobody looks who had not the file open. 1, 0, or a code.
 */
static int
is_others_secret(struct store *s, const struct cred *cred, const struct inode *in,
		 struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT person FROM unnamed WHERE ino = ?1 UNION ALL SELECT owner FROM attic"
	    " WHERE ino = ?1 AND kind = 1 AND (how = 3 OR removed < ?2)"};
	uint64_t person;

	if (in->a.nlink > 0 || cred_owns(cred, in->a.owner))
		return 0;
	return sql_get(s, &sql, SQL_ARGS(in->a.ino, (uint64_t)(store_now(s) - STILL_OPEN_NS)),
		       &person, err);
}

int
inode_get(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode *out,
	  struct cfs_err *err)
{
	int rc = inode_find(s, ref.ino, out, err);

	if (rc < 0)
		return rc;
	return rc == 1 ? inode_check(s, cred, ref, out, err) : err_code(err, CFS_ESTALE);
}

int
inode_check(struct store *s, const struct cred *cred, struct inode_ref ref, const struct inode *in,
	    struct cfs_err *err)
{
	int rc;

	if (ref.gen != 0 && ref.gen != in->a.gen)
		return err_code(err, CFS_ESTALE);
	if (!cred_sees(cred, in->a.owner))
		return err_code(err, CFS_ENOENT);
	rc = is_others_secret(s, cred, in, err);
	return rc == 1 ? err_code(err, CFS_ESTALE) : rc;
}

int
inode_get_dir(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode *out,
	      struct cfs_err *err)
{
	int rc = inode_get(s, cred, ref, out, err);

	if (rc == 0 && out->a.type != INODE_DIR)
		rc = err_code(err, CFS_ENOTDIR);
	return rc;
}

int
inode_get_own_dir(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode *out,
		  struct cfs_err *err)
{
	int rc = inode_get_dir(s, cred, ref, out, err);

	if (rc != 0)
		return rc;
	/* The users' trees come and go with the users. */
	if (out->a.ino == STORE_ROOT_INO)
		return err_set(err, cred->admin ? CFS_EPERM : CFS_EDENIED,
			       "the root holds the users' trees alone");
	return cred_check_owns(cred, out->a.owner, err);
}

/* What an inode counts for in its owner's usage. */
static int
count_usage(struct store *s, const struct inode *in, int sign, struct cfs_err *err)
{
	int64_t bytes = (int64_t)in->xattrs + (in->a.type == INODE_FILE ? (int64_t)in->a.size : 0);

	return in->a.nlink > 0 ? usage_add(s, in->a.owner, sign * bytes, sign, err) : 0;
}

int
inode_insert(struct store *s, const struct inode *in, struct bytes_view target, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO inode VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
	    " ?15, ?16, ?17, ?18, ?19, ?20, NULL, NULL, ?21)"};
	const struct inode_attr *a = &in->a;
	const uint64_t values[INODE_COLUMN_COUNT] = {
	    a->ino,
	    a->gen,
	    a->type,
	    a->mode,
	    a->nlink,
	    a->uid,
	    a->gid,
	    a->size,
	    a->stored,
	    a->version,
	    (uint64_t)a->atime_ns,
	    (uint64_t)a->mtime_ns,
	    (uint64_t)a->ctime_ns,
	    (uint64_t)a->btime_ns,
	    a->owner,
	    a->uploader,
	    a->rdev,
	    in->parent,
	    in->dent,
	    in->xattrs,
	};
	struct db_stmt *st = db_use(s->db, &sql, err);

	for (int i = 0; i < INODE_COLUMN_COUNT; i++)
		db_bind_u64(st, i + 1, values[i]);
	if (target.len > 0)
		db_bind_blob(st, INODE_COLUMN_COUNT + 1, target.data, target.len);
	else
		db_bind_null(st, INODE_COLUMN_COUNT + 1);
	int rc = db_run(st, err);
	if (rc == CFS_EEXIST)
		return err_set(err, CFS_EINVAL, "inode number %llu is in use",
			       (unsigned long long)a->ino);
	return rc < 0 ? rc : count_usage(s, in, 1, err);
}

int
inode_update(struct store *s, const struct inode *in, const struct inode *old, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE inode SET mode = ?2, nlink = ?3, uid = ?4, gid = ?5, size = ?6, stored = ?7,"
	    " version = ?8, atime = ?9, mtime = ?10, ctime = ?11, owner = ?12, uploader = ?13,"
	    " parent = ?14, dent = ?15, xattrs = ?16 WHERE ino = ?1"};
	const struct inode_attr *a = &in->a;
	int rc = sql_run(s, &sql,
			 SQL_ARGS(a->ino, a->mode, a->nlink, a->uid, a->gid, a->size, a->stored,
				  a->version, (uint64_t)a->atime_ns, (uint64_t)a->mtime_ns,
				  (uint64_t)a->ctime_ns, a->owner, a->uploader, in->parent,
				  in->dent, in->xattrs),
			 err);

	if (rc < 0)
		return rc;
	rc = count_usage(s, old, -1, err);
	return rc != 0 ? rc : count_usage(s, in, 1, err);
}

int
inode_copy_sum(struct store *s, uint64_t from, uint64_t to, uint64_t version, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE inode SET sum_version = ?3, sum = (SELECT f.sum FROM inode f WHERE f.ino = ?1)"
	    " WHERE ino = ?2 AND EXISTS (SELECT 1 FROM inode f WHERE f.ino = ?1"
	    " AND f.sum IS NOT NULL AND f.sum_version = f.version)"};
	int rc = sql_run(s, &sql, SQL_ARGS(from, to, version), err);

	return rc < 0 ? rc : 0;
}

int
inode_delete(struct store *s, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM inode WHERE ino = ?1"};
	int rc = extents_drop(s, ino, err);

	if (rc == 0)
		rc = xattr_drop(s, ino, err);
	if (rc == 0)
		rc = sql_run(s, &sql, SQL_ARGS(ino), err);
	return rc < 0 ? rc : 0;
}

int
inode_is_long(struct store *s, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT 1 FROM extent WHERE ino = ?1 LIMIT 1 OFFSET ?2"};
	uint64_t one;

	return sql_get(s, &sql, SQL_ARGS(ino, (uint64_t)EXTENTS_AT_ONCE), &one, err);
}

int
inode_delete_some(struct store *s, uint64_t ino, bool *more_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE inode SET stored = stored - ?2, gen = ?3 WHERE ino = ?1"};
	uint64_t bytes = 0;
	int rc = inode_is_long(s, ino, err);

	*more_out = rc == 1;
	if (rc != 1)
		return rc < 0 ? rc : inode_delete(s, ino, err);
	rc = extents_drop_some(s, ino, EXTENTS_AT_ONCE, &bytes, err);
	if (rc >= 0)
		rc = sql_run(s, &sql, SQL_ARGS(ino, bytes, (uint64_t)GEN_TAKEN_APART), err);
	return rc < 0 ? rc : 0;
}

int
inode_delete_dir(struct store *s, const struct inode *in, struct cfs_err *err)
{
	int rc = count_usage(s, in, -1, err);

	return rc == 0 ? inode_delete(s, in->a.ino, err) : rc;
}

int
inode_touch_dir(struct store *s, uint64_t dir, int entries, int subdirs, int64_t now,
		struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE inode SET size = size + ?2, nlink = nlink + ?3,"
					  " mtime = ?4, ctime = ?4 WHERE ino = ?1"};
	int rc = sql_run(
	    s, &sql,
	    SQL_ARGS(dir, (uint64_t)(int64_t)entries, (uint64_t)(int64_t)subdirs, (uint64_t)now),
	    err);

	return rc < 0 ? rc : 0;
}

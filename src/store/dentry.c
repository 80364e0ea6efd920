/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/path.h"
#include "store/impl.h"

int
dentry_check_name(struct bytes_view name, struct cfs_err *err)
{
	int rc = name_check(name.data, name.len);

	return rc == 0 ? 0 : err_code(err, rc);
}

const char *
name_text(char out[NAME_TEXT_SIZE], struct bytes_view name)
{
	const unsigned char *p = name.data;
	size_t n = name.len < NAME_TEXT_SIZE - 1 ? name.len : NAME_TEXT_SIZE - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(p[i] >= ' ' && p[i] != 127 ? p[i] : '?');
	out[n] = '\0';
	return out;
}

int
dentry_find(struct store *s, uint64_t dir, struct bytes_view name, struct dentry *out,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT id, ino FROM dentry WHERE parent = ?1 AND name = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, name.data, name.len);
	int rc = db_step(st, err);
	if (rc == 1)
		*out = (struct dentry){dir, db_col_u64(st, 0), db_col_u64(st, 1)};
	db_done(st);
	return rc;
}

int
dentry_find_inode(struct store *s, uint64_t dir, struct bytes_view name, struct dentry *d_out,
		  struct inode *in_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT d.id, " INODE_COLUMNS
					  " FROM dentry d JOIN inode i ON i.ino = d.ino"
					  " WHERE d.parent = ?1 AND d.name = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, name.data, name.len);
	int rc = db_step(st, err);
	if (rc == 1) {
		inode_from_row(st, 1, in_out);
		*d_out = (struct dentry){dir, db_col_u64(st, 0), in_out->a.ino};
	}
	db_done(st);
	return rc;
}

int
dentry_insert(struct store *s, const struct dentry *d, struct bytes_view name, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO dentry (parent, id, ino, name) VALUES (?1, ?2, ?3, ?4)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, d->parent);
	db_bind_u64(st, 2, d->id);
	db_bind_u64(st, 3, d->ino);
	db_bind_blob(st, 4, name.data, name.len);
	int rc = db_run(st, err);
	if (rc == CFS_EEXIST)
		return err_code(err, CFS_EEXIST);
	return rc < 0 ? rc : 0;
}

int
dentry_delete(struct store *s, const struct dentry *d, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM dentry WHERE parent = ?1 AND id = ?2"};
	int rc = sql_run(s, &sql, SQL_ARGS(d->parent, d->id), err);

	return rc < 0 ? rc : 0;
}

int
dentry_attach(struct store *s, struct inode *in, const struct dentry *d, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO alias (ino, parent, id) VALUES (?1, ?2, ?3)"};
	int rc = 0;

	if (in->a.nlink == 0) {
		in->parent = d->parent;
		in->dent = d->id;
	} else {
		rc = sql_run(s, &sql, SQL_ARGS(in->a.ino, d->parent, d->id), err);
	}
	in->a.nlink++;
	return rc < 0 ? rc : 0;
}

/* Another of its names becomes the one that the inode is known by. */
static int
promote_alias(struct store *s, struct inode *in, struct dentry *d_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT parent, id FROM alias WHERE ino = ?1 ORDER BY parent, id LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, in->a.ino);
	int rc = db_step(st, err);
	if (rc == 1)
		*d_out = (struct dentry){db_col_u64(st, 0), db_col_u64(st, 1), in->a.ino};
	db_done(st);
	if (rc == 0)
		rc = err_set(err, CFS_ECORRUPT, "inode %llu has lost a name",
			     (unsigned long long)in->a.ino);
	return rc < 0 ? rc : 0;
}

int
dentry_detach(struct store *s, struct inode *in, const struct dentry *d, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "DELETE FROM alias WHERE ino = ?1 AND parent = ?2 AND id = ?3"};
	struct dentry gone = *d;
	int rc = 0;

	if (in->a.nlink == 0)
		return err_set(err, CFS_ECORRUPT, "inode %llu has more names than links",
			       (unsigned long long)in->a.ino);
	in->a.nlink--;
	if (in->a.nlink == 0) {
		in->parent = in->dent = 0;
		return 0;
	}
	if (in->parent == d->parent && in->dent == d->id) {
		rc = promote_alias(s, in, &gone, err);
		if (rc != 0)
			return rc;
		in->parent = gone.parent;
		in->dent = gone.id;
	}
	rc = sql_run(s, &sql, SQL_ARGS(in->a.ino, gone.parent, gone.id), err);
	return rc < 0 ? rc : 0;
}

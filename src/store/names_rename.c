/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/impl.h"

/* Both ends of a rename, looked up and checked. */
struct move {
	struct inode from_dir, to_dir;
	struct bytes_view name, to_name;
	struct dentry from, to; /* to.ino 0: the new name is free */
	struct inode in, target;
	int64_t now;
};

static bool
is_dir(const struct inode *in)
{
	return in->a.type == INODE_DIR;
}

/* CFS_EINVAL if directory `ino` is dir or above it: it would be cut off from the tree. */
static int
check_not_below(struct store *s, uint64_t ino, uint64_t dir, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT parent FROM inode WHERE ino = ?1"};
	int rc = 1;

	while (rc == 1 && dir != 0) {
		if (dir == ino)
			return err_set(err, CFS_EINVAL, "a directory cannot move into itself");
		rc = sql_get(s, &sql, SQL_ARGS(dir), &dir, err);
	}
	return rc < 0 ? rc : 0;
}

static int
look_up(struct store *s, const struct cred *cred, struct inode_ref dir, struct inode_ref to_dir,
	struct move *m, struct cfs_err *err)
{
	int rc = inode_get_own_dir(s, cred, dir, &m->from_dir, err);

	if (rc == 0)
		rc = inode_get_own_dir(s, cred, to_dir, &m->to_dir, err);
	if (rc == 0)
		rc = dentry_check_name(m->name, err);
	if (rc == 0)
		rc = dentry_check_name(m->to_name, err);
	if (rc != 0)
		return rc;
	rc = dentry_find_inode(s, m->from_dir.a.ino, m->name, &m->from, &m->in, err);
	if (rc <= 0)
		return rc < 0 ? rc : err_code(err, CFS_ENOENT);
	if (m->from_dir.a.owner != m->to_dir.a.owner)
		return err_code(err, CFS_EXDEV);
	rc = dentry_find_inode(s, m->to_dir.a.ino, m->to_name, &m->to, &m->target, err);
	if (rc == 0)
		m->to.ino = 0;
	return rc < 0 ? rc : 0;
}

/* What rename(2) refuses, given both ends. */
static int
check_move(struct store *s, const struct move *m, bool noreplace, bool exchange,
	   struct cfs_err *err)
{
	bool across = m->from_dir.a.ino != m->to_dir.a.ino;
	int rc = 0;

	if (noreplace && exchange)
		return err_code(err, CFS_EINVAL);
	if (m->to.ino != 0 && noreplace)
		return err_code(err, CFS_EEXIST);
	if (m->to.ino == 0 && exchange)
		return err_code(err, CFS_ENOENT);
	if (across && is_dir(&m->in))
		rc = check_not_below(s, m->in.a.ino, m->to_dir.a.ino, err);
	if (rc != 0 || m->to.ino == 0 || m->to.ino == m->in.a.ino)
		return rc;
	if (exchange)
		return across && is_dir(&m->target)
			   ? check_not_below(s, m->target.a.ino, m->from_dir.a.ino, err)
			   : 0;
	if (is_dir(&m->in) && !is_dir(&m->target))
		return err_code(err, CFS_ENOTDIR);
	if (!is_dir(&m->in) && is_dir(&m->target))
		return err_code(err, CFS_EISDIR);
	if (is_dir(&m->target) && m->target.a.size != 0)
		return err_code(err, CFS_ENOTEMPTY);
	return 0;
}

/* The versions of a name count up: what comes in the place of another is newer than that. */
static int
count_on(struct store *s, struct move *m, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE inode SET sum_version = ?3"
					  " WHERE ino = ?1 AND sum_version = ?2"};
	uint64_t version = m->target.a.version + 1;
	int rc;

	if (m->in.a.type != INODE_FILE || m->in.a.version >= version)
		return 0;
	rc = sql_run(s, &sql, SQL_ARGS(m->in.a.ino, m->in.a.version, version), err);
	m->in.a.version = version;
	return rc < 0 ? rc : 0;
}

/* Takes the target out of the way; its entry goes with it. */
static int
replace_target(struct store *s, const struct cred *cred, struct move *m, struct cfs_err *err)
{
	struct inode old = m->target;
	int rc = dentry_delete(s, &m->to, err);

	if (rc != 0)
		return rc;
	if (is_dir(&m->target))
		return inode_delete_dir(s, &old, err);
	rc = dentry_detach(s, &m->target, &m->to, err);
	if (rc == 0)
		rc = attic_bury(s, cred, &m->target, &old, m->to_dir.a.ino, m->to_name, m->in.a.ino,
				err);
	return rc == 0 ? count_on(s, m, err) : rc;
}

/* The inode is known by entry `to` where it was known by `from`. The row is written, with a new ctime. */
static int
rebind(struct store *s, struct inode *in, const struct dentry *from, const struct dentry *to,
       int64_t now, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE alias SET parent = ?4, id = ?5"
					  " WHERE ino = ?1 AND parent = ?2 AND id = ?3"};
	struct inode old = *in;
	int rc = 0;

	in->a.ctime_ns = now;
	if (in->parent == from->parent && in->dent == from->id) {
		in->parent = to->parent;
		in->dent = to->id;
	} else {
		rc = sql_run(s, &sql,
			     SQL_ARGS(in->a.ino, from->parent, from->id, to->parent, to->id), err);
	}
	return rc < 0 ? rc : inode_update(s, in, &old, err);
}

/* In its directory an entry keeps its number, so that a listing under way sees it once. */
static int
rename_within(struct store *s, struct move *m, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE dentry SET name = ?3 WHERE parent = ?1 AND id = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, m->from.parent);
	db_bind_u64(st, 2, m->from.id);
	db_bind_blob(st, 3, m->to_name.data, m->to_name.len);
	int rc = db_run(st, err);
	if (rc >= 0)
		rc = rebind(s, &m->in, &m->from, &m->from, m->now, err);
	if (rc == 0)
		rc = inode_touch_dir(s, m->from.parent, m->to.ino != 0 ? -1 : 0,
				     m->to.ino != 0 && is_dir(&m->in) ? -1 : 0, m->now, err);
	return rc < 0 ? rc : 0;
}

static int
rename_across(struct store *s, struct move *m, struct cfs_err *err)
{
	struct dentry to = {.parent = m->to_dir.a.ino, .ino = m->in.a.ino};
	int subdir = is_dir(&m->in) ? 1 : 0;
	int rc = number_take(s, &to.id, err);

	if (rc == 0)
		rc = dentry_delete(s, &m->from, err);
	if (rc == 0)
		rc = dentry_insert(s, &to, m->to_name, err);
	if (rc == 0)
		rc = rebind(s, &m->in, &m->from, &to, m->now, err);
	if (rc == 0)
		rc = inode_touch_dir(s, m->from.parent, -1, -subdir, m->now, err);
	if (rc == 0)
		rc = inode_touch_dir(s, to.parent, m->to.ino != 0 ? 0 : 1,
				     m->to.ino != 0 ? 0 : subdir, m->now, err);
	return rc;
}

static int
point_at(struct store *s, const struct dentry *d, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE dentry SET ino = ?3 WHERE parent = ?1 AND id = ?2"};
	int rc = sql_run(s, &sql, SQL_ARGS(d->parent, d->id, ino), err);

	return rc < 0 ? rc : 0;
}

static int
swap(struct store *s, struct move *m, struct cfs_err *err)
{
	int subdirs = (is_dir(&m->in) ? 1 : 0) - (is_dir(&m->target) ? 1 : 0);
	int rc = point_at(s, &m->from, m->target.a.ino, err);

	if (m->from.parent == m->to.parent)
		subdirs = 0;
	if (rc == 0)
		rc = point_at(s, &m->to, m->in.a.ino, err);
	if (rc == 0)
		rc = rebind(s, &m->in, &m->from, &m->to, m->now, err);
	if (rc == 0)
		rc = rebind(s, &m->target, &m->to, &m->from, m->now, err);
	if (rc == 0)
		rc = inode_touch_dir(s, m->from.parent, 0, -subdirs, m->now, err);
	if (rc == 0)
		rc = inode_touch_dir(s, m->to.parent, 0, subdirs, m->now, err);
	return rc;
}

int
names_rename(struct store *s, const struct cred *cred, struct inode_ref dir, struct bytes_view name,
	     struct inode_ref to_dir, struct bytes_view to_name, bool noreplace, bool exchange,
	     struct inode_attr *out, struct cfs_err *err)
{
	struct move m = {.name = name, .to_name = to_name, .now = store_now(s)};
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = look_up(s, cred, dir, to_dir, &m, err);
	if (rc == 0)
		rc = check_move(s, &m, noreplace, exchange, err);
	if (rc != 0)
		return rc;
	*out = m.in.a;
	/* Two names of one file, or the very same name: nothing happens (rename(2)). */
	if (m.to.ino == m.in.a.ino)
		return 0;
	if (is_dir(&m.in) || (m.to.ino != 0 && is_dir(&m.target)))
		s->path_dir = 0;
	if (exchange) {
		rc = swap(s, &m, err);
	} else {
		if (m.to.ino != 0)
			rc = replace_target(s, cred, &m, err);
		if (rc == 0)
			rc = m.from_dir.a.ino == m.to_dir.a.ino ? rename_within(s, &m, err)
								: rename_across(s, &m, err);
	}
	*out = m.in.a;
	return rc;
}

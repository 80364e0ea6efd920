/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/names.h"

#include <string.h>

#include "store/impl.h"

#define LISTING_NS     (100 * NS_PER_MS) /* no read transaction is older */
#define LISTING_CLOCK  64                /* entries between two looks at the clock */
#define PATH_DEPTH_MAX 4096

int
names_getattr(struct store *s, const struct cred *cred, struct inode_ref ref,
	      struct inode_attr *out, struct cfs_err *err)
{
	struct inode in;
	int rc = store_need_db(s, err);

	if (rc == 0)
		rc = inode_get(s, cred, ref, &in, err);
	if (rc == 0)
		*out = in.a;
	return rc;
}

/* Directory and entry in one statement: it is the most frequent question of all. 1, 0 without such an entry, or a code. */
static int
find_both(struct store *s, uint64_t dir, struct bytes_view name, struct inode *dir_out,
	  struct inode *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT p.gen, p.type, p.owner, " INODE_COLUMNS
					  " FROM inode p"
					  " LEFT JOIN dentry d ON d.parent = p.ino AND d.name = ?2"
					  " LEFT JOIN inode i ON i.ino = d.ino WHERE p.ino = ?1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	bool found = false;

	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, name.data, name.len);
	int rc = db_step(st, err);
	if (rc == 1) {
		dir_out->a.gen = (uint32_t)db_col_u64(st, 0);
		dir_out->a.type = (enum inode_type)db_col_i64(st, 1);
		dir_out->a.owner = db_col_u64(st, 2);
		found = !db_col_null(st, 3);
		if (found)
			inode_from_row(st, 3, out);
	}
	db_done(st);
	if (rc == 0)
		return err_code(err, CFS_ESTALE);
	return rc < 0 ? rc : found;
}

int
names_lookup(struct store *s, const struct cred *cred, struct inode_ref dir, struct bytes_view name,
	     struct inode_attr *out, struct cfs_err *err)
{
	struct inode parent = {0}, in = {0};
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	if (name.len > STORE_NAME_MAX)
		return err_code(err, CFS_ENAMETOOLONG);
	rc = find_both(s, dir.ino, name, &parent, &in, err);
	if (rc < 0)
		return rc;
	if (dir.gen != 0 && dir.gen != parent.a.gen)
		return err_code(err, CFS_ESTALE);
	if (parent.a.type != INODE_DIR && cred_sees(cred, parent.a.owner))
		return err_code(err, CFS_ENOTDIR);
	if (rc == 0 || !cred_sees(cred, parent.a.owner) || !cred_sees(cred, in.a.owner))
		return err_code(err, CFS_ENOENT);
	*out = in.a;
	return 0;
}

struct listing {
	const struct cred *cred;
	int (*each)(void *arg, uint64_t cookie, struct bytes_view name,
		    const struct inode_attr *attr);
	void *arg;
	bool eof;
};

static int
list_entries(struct store *s, uint64_t dir, uint64_t cookie, struct listing *l, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT d.id, d.name, " INODE_COLUMNS
					  " FROM dentry d JOIN inode i ON i.ino = d.ino"
					  " WHERE d.parent = ?1 AND d.id > ?2 ORDER BY d.id"};
	uint64_t end = now_mono_ns() + LISTING_NS;
	struct db_stmt *st = db_use(s->db, &sql, err);
	struct inode in;
	unsigned taken = 0;
	int rc;

	db_bind_u64(st, 1, dir);
	db_bind_u64(st, 2, cookie);
	while ((rc = db_step(st, err)) == 1) {
		inode_from_row(st, 2, &in);
		if (!cred_sees(l->cred, in.a.owner))
			continue;
		if (l->each(l->arg, db_col_u64(st, 0), db_col_blob(st, 1), &in.a) != 0)
			break;
		if (++taken % LISTING_CLOCK == 0 && now_mono_ns() > end)
			break;
	}
	db_done(st);
	l->eof = rc == 0;
	return rc < 0 ? rc : 0;
}

int
names_readdir(struct store *s, const struct cred *cred, struct inode_ref dir, uint64_t cookie,
	      int (*each)(void *arg, uint64_t cookie, struct bytes_view name,
			  const struct inode_attr *attr),
	      void *arg, bool *eof_out, uint64_t *parent_out, struct cfs_err *err)
{
	struct listing l = {.cred = cred, .each = each, .arg = arg};
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = inode_get_dir(s, cred, dir, &in, err);
	if (rc == 0) {
		*parent_out = in.parent != 0 ? in.parent : in.a.ino;
		/* Cookies are signed numbers of the database; none is behind the greatest. */
		rc = list_entries(s, in.a.ino, min_u64(cookie, INT64_MAX), &l, err);
	}
	store_read_end(s, began);
	*eof_out = l.eof;
	return rc;
}

/* Whether a name begins with a prefix: then 0, else which of the two is behind the other, as memcmp(). */
static int
compare_prefix(struct bytes_view name, struct bytes_view prefix)
{
	size_t n = min_size(name.len, prefix.len);
	int c = n > 0 ? memcmp(name.data, prefix.data, n) : 0;

	return c != 0 || name.len >= prefix.len ? c : -1;
}

struct name_listing {
	const struct cred *cred;
	struct bytes_view prefix, after;
	int (*each)(void *arg, struct bytes_view name, enum inode_type type);
	void *arg;
	bool eof;
};

static int
list_names(struct store *s, uint64_t dir, struct name_listing *l, struct cfs_err *err)
{
	/*
	 * The index has name and id, and an entry that is as it was made has the number of its inode as id, which says so: only
	 * for the others, entries themselves are looked up. That halves the time.
	 */
	static const struct db_sql sql = {
	    "SELECT d.name,"
	    " coalesce(i.type, (SELECT x.type FROM dentry e JOIN inode x ON x.ino = e.ino"
	    " WHERE e.parent = d.parent AND e.id = d.id)),"
	    " coalesce(i.owner, (SELECT x.owner FROM dentry e JOIN inode x ON x.ino = e.ino"
	    " WHERE e.parent = d.parent AND e.id = d.id))"
	    " FROM dentry d LEFT JOIN inode i"
	    " ON i.ino = d.id AND i.parent = d.parent AND i.dent = d.id"
	    " WHERE d.parent = ?1 AND d.name >= ?2 ORDER BY d.name"};
	/* Going on, the first name is the one that was the last. */
	struct bytes_view from = compare_prefix(l->after, l->prefix) >= 0 ? l->after : l->prefix;
	uint64_t end = now_mono_ns() + LISTING_NS;
	struct db_stmt *st = db_use(s->db, &sql, err);
	unsigned taken = 0;
	int rc;

	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, from.data, from.len);
	while ((rc = db_step(st, err)) == 1) {
		struct bytes_view name = db_col_blob(st, 0);

		if (compare_prefix(name, l->prefix) != 0) {
			rc = 0;
			break;
		}
		if (!cred_sees(l->cred, db_col_u64(st, 2)) ||
		    (name.len == l->after.len && compare_prefix(name, l->after) == 0))
			continue;
		if (l->each(l->arg, name, (enum inode_type)db_col_i64(st, 1)) != 0)
			break;
		if (++taken % LISTING_CLOCK == 0 && now_mono_ns() > end)
			break;
	}
	db_done(st);
	l->eof = rc == 0;
	return rc < 0 ? rc : 0;
}

int
names_list(struct store *s, const struct cred *cred, struct inode_ref dir, struct bytes_view prefix,
	   struct bytes_view after,
	   int (*each)(void *arg, struct bytes_view name, enum inode_type type), void *arg,
	   bool *eof_out, struct cfs_err *err)
{
	struct name_listing l = {
	    .cred = cred, .prefix = prefix, .after = after, .each = each, .arg = arg};
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = inode_get_dir(s, cred, dir, &in, err);
	if (rc == 0)
		rc = list_names(s, in.a.ino, &l, err);
	store_read_end(s, began);
	*eof_out = l.eof;
	return rc;
}

int
names_readlink(struct store *s, const struct cred *cred, struct inode_ref ref, char *buf,
	       size_t size, size_t *len_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT target FROM inode WHERE ino = ?1"};
	struct bytes_view target;
	struct db_stmt *st;
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = inode_get(s, cred, ref, &in, err);
	if (rc == 0 && in.a.type != INODE_SYMLINK)
		rc = err_set(err, CFS_EINVAL, "not a symbolic link");
	if (rc != 0)
		goto out;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, in.a.ino);
	rc = db_step(st, err);
	if (rc == 1) {
		target = db_col_blob(st, 0);
		rc = target.len <= size ? 0 : err_code(err, CFS_ERANGE);
		if (rc == 0) {
			memcpy(buf, target.data, target.len);
			*len_out = target.len;
		}
	}
	db_done(st);
out:
	store_read_end(s, began);
	return rc;
}

/* Puts "/name" in front of what stands at buf + *start; true as long as it fits. */
static bool
prepend(char *buf, size_t *start, struct bytes_view name)
{
	if (name.len + 1 > *start)
		return false;
	*start -= name.len;
	memcpy(buf + *start, name.data, name.len);
	buf[--*start] = '/';
	return true;
}

static int
climb(struct store *s, uint64_t ino, char *buf, size_t *start, bool *cut, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT i.parent, d.name FROM inode i JOIN dentry d"
					  " ON d.parent = i.parent AND d.id = i.dent"
					  " WHERE i.ino = ?1"};

	for (unsigned depth = 0; ino != STORE_ROOT_INO && !*cut; depth++) {
		struct db_stmt *st = db_use(s->db, &sql, err);

		db_bind_u64(st, 1, ino);
		int rc = db_step(st, err);
		if (rc == 1) {
			*cut = depth >= PATH_DEPTH_MAX || !prepend(buf, start, db_col_blob(st, 1));
			ino = db_col_u64(st, 0);
		}
		db_done(st);
		if (rc <= 0)
			return rc < 0 ? rc : err_code(err, CFS_ENOENT);
	}
	return 0;
}

int
names_path(struct store *s, uint64_t ino, char *buf, size_t size, struct cfs_err *err)
{
	static const char ellipsis[] = "…";
	size_t start, keep;
	bool began, cut = false;
	int rc;

	if (size < sizeof(ellipsis))
		return err_code(err, CFS_ERANGE);
	start = size - 1;
	buf[start] = '\0';
	rc = store_read_begin(s, &began, err);
	if (rc != 0)
		return rc;
	rc = climb(s, ino, buf, &start, &cut, err);
	store_read_end(s, began);
	if (rc != 0) {
		buf[0] = '\0';
		return rc;
	}
	if (start == size - 1 && !cut)
		buf[--start] = '/';
	if (cut && start < sizeof(ellipsis) - 1)
		start = sizeof(ellipsis) - 1;
	keep = size - start;
	memmove(buf + (cut ? sizeof(ellipsis) - 1 : 0), buf + start, keep);
	if (cut)
		memcpy(buf, ellipsis, sizeof(ellipsis) - 1);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/attic.h"

#include <string.h>

#include "store/impl.h"

/*
 * What comes into the attic. A dead inode itself is the entry: it keeps its number and extents, nothing is copied, and
 * whoever has it open goes on reading and writing it, so that what is kept is the content at the last close. Content that
 * is destroyed in place gets an inode of its own, which shares the extents.
 */

#define SHORT_LIVED_NS (60 * NS_PER_S) /* not worth keeping when removed, or written over */
#define OVERWRITE_NS   (60 * NS_PER_S) /* content written over is kept this often */
#define OVERWRITE_STEP 1000u           /* extents: for each so many of them, as much less often */
#define PATH_MAX_BYTES 4096

static int
load_path(struct store *s, uint64_t dir, struct cfs_err *err)
{
	char text[PATH_MAX_BYTES];
	int rc;

	if (s->path_dir == dir)
		return 0;
	rc = names_path(s, dir, text, sizeof(text), err);
	if (rc != 0)
		return rc;
	buf_clear(&s->path);
	if (buf_append_str(&s->path, text) != 0)
		return err_code(err, CFS_ENOMEM);
	s->path_dir = dir;
	return 0;
}

int
path_of_dir(struct store *s, uint64_t dir, struct bytes_view *out, struct cfs_err *err)
{
	int rc = load_path(s, dir, err);

	if (rc == 0)
		*out = (struct bytes_view){.data = s->path.data, .len = s->path.len};
	return rc;
}

/* A row of the table, but for what is the same for all kinds. */
struct entry {
	enum attic_kind kind;
	enum attic_how how;
	const struct inode *in;
	uint64_t ino, heir;
	uint64_t dir;
	struct bytes_view name;
	uint64_t size, extra;
};

static int
insert_entry(struct store *s, const struct cred *cred, const struct entry *e, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO attic (kind, how, ino, heir, owner, dir, name, path, removed, remover,"
	    " version, size, extra)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"};
	struct bytes_view path = {0};
	struct db_stmt *st;
	int rc = path_of_dir(s, e->dir, &path, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_i64(st, 1, e->kind);
	db_bind_i64(st, 2, e->how);
	db_bind_u64(st, 3, e->ino);
	db_bind_u64(st, 4, e->heir);
	db_bind_u64(st, 5, e->in->a.owner);
	db_bind_u64(st, 6, e->dir);
	db_bind_blob(st, 7, e->name.data, e->name.len);
	db_bind_blob(st, 8, path.data, path.len);
	db_bind_i64(st, 9, store_now(s));
	db_bind_u64(st, 10, cred->user);
	db_bind_u64(st, 11, e->in->a.version);
	db_bind_u64(st, 12, e->size);
	db_bind_u64(st, 13, e->extra);
	rc = db_run(st, err);
	if (rc < 0)
		return rc;
	return e->size > 0 ? usage_add_attic(s, e->in->a.owner, (int64_t)e->size, err) : 0;
}

static int
insert_orphan(struct store *s, const struct inode *in, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO orphan (ino, since) VALUES (?1, ?2)"};
	int rc = sql_run(s, &sql, SQL_ARGS(in->a.ino, (uint64_t)in->a.ctime_ns), err);

	return rc < 0 ? rc : 0;
}

static bool
is_young(const struct store *s, const struct inode *in)
{
	return store_now(s) - in->a.btime_ns < SHORT_LIVED_NS;
}

/* Whether a file lived too short to be kept when it is removed: 1, 0, or a code. One that replaced another did not. */
static int
is_short_lived(struct store *s, const struct inode *in, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT 1 FROM attic WHERE heir = ?1 AND heir <> 0"};
	uint64_t one;
	int rc;

	if (!is_young(s, in))
		return 0;
	rc = sql_get(s, &sql, SQL_ARGS(in->a.ino), &one, err);
	return rc < 0 ? rc : rc == 0;
}

int
attic_bury(struct store *s, const struct cred *cred, struct inode *in, const struct inode *old,
	   uint64_t dir, struct bytes_view name, uint64_t heir, struct cfs_err *err)
{
	struct entry e = {
	    .kind = ATTIC_CONTENT,
	    .how = heir != 0 ? ATTIC_REPLACED : ATTIC_REMOVED,
	    .in = in,
	    .ino = in->a.ino,
	    .heir = heir,
	    .dir = dir,
	    .name = name,
	};
	bool keep =
	    (in->a.type == INODE_FILE || in->a.type == INODE_SYMLINK) && s->conf->attic_keep_ms > 0;
	int rc;

	in->a.ctime_ns = store_now(s);
	rc = inode_update(s, in, old, err);
	if (rc != 0)
		return rc;
	if (in->a.nlink > 0) {
		e.kind = ATTIC_NAME;
		e.how = heir != 0 ? ATTIC_REPLACED : ATTIC_NAME_GONE;
		return keep ? insert_entry(s, cred, &e, err) : 0;
	}
	if (keep && heir == 0) {
		rc = is_short_lived(s, in, err);
		if (rc < 0)
			return rc;
		keep = rc == 0;
	}
	/* Holes take no room from what others have in the attic. */
	e.size = in->a.stored;
	return keep ? insert_entry(s, cred, &e, err) : insert_orphan(s, in, err);
}

int
attic_bury_dir(struct store *s, const struct cred *cred, const struct inode *in, uint64_t dir,
	       struct bytes_view name, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT 1 FROM attic WHERE dir = ?1"};
	const struct entry e = {
	    .kind = ATTIC_DIRECTORY,
	    .how = ATTIC_DIR_GONE,
	    .in = in,
	    .ino = in->a.ino,
	    .dir = dir,
	    .name = name,
	    .extra = in->a.mode,
	};
	uint64_t one;
	int rc = 1;

	if (s->conf->attic_keep_ms == 0)
		return 0;
	/* A young one counts if it is the way to something. */
	if (is_young(s, in))
		rc = sql_get(s, &sql, SQL_ARGS(in->a.ino), &one, err);
	return rc == 1 ? insert_entry(s, cred, &e, err) : rc;
}

int
attic_note(struct store *s, const struct cred *cred, const struct inode *in, uint64_t dir,
	   struct bytes_view name, uint64_t source, struct cfs_err *err)
{
	const struct entry e = {
	    .kind = ATTIC_NOTE,
	    .in = in,
	    .ino = in->a.ino,
	    .dir = dir,
	    .name = name,
	    .extra = source,
	};

	return insert_entry(s, cred, &e, err);
}

int
attic_resize(struct store *s, const struct inode *in, const struct inode *old, struct cfs_err *err)
{
	static const struct db_sql find = {"SELECT size FROM attic WHERE ino = ?1 AND kind = 1"};
	static const struct db_sql set = {"UPDATE attic SET size = ?2 WHERE ino = ?1 AND kind = 1"};
	uint64_t size;
	int rc;

	if (in->a.nlink > 0 || in->a.stored == old->a.stored)
		return 0;
	rc = sql_get(s, &find, SQL_ARGS(in->a.ino), &size, err);
	if (rc != 1)
		return rc;
	rc = sql_run(s, &set, SQL_ARGS(in->a.ino, in->a.stored), err);
	return rc < 0 ? rc : usage_add_attic(s, in->a.owner, (int64_t)(in->a.stored - size), err);
}

int
attic_last_version(struct store *s, uint64_t dir, struct bytes_view name, uint64_t *version_out,
		   struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT COALESCE(max(version), 0) FROM attic WHERE dir = ?1 AND name = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	*version_out = 0;
	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, name.data, name.len);
	int rc = db_step(st, err);
	if (rc == 1)
		*version_out = db_col_u64(st, 0);
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* ---- content that is destroyed in place ---- */

/* Whether [from, to) holds bytes: 1, 0, or a code. */
static int
holds_bytes(struct store *s, uint64_t ino, uint64_t from, uint64_t to, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT 1 FROM extent e WHERE e.ino = ?1 AND e.off < ?3 AND e.off >="
	    " COALESCE((SELECT max(p.off) FROM extent p WHERE p.ino = ?1 AND p.off <= ?2), ?2)"
	    " AND e.off + e.len > ?2 LIMIT 1"};
	uint64_t one;

	return sql_get(s, &sql, SQL_ARGS(ino, from, to), &one, err);
}

/*
 * Whether the last time is long enough ago: a minute, and more for a file in very many pieces, of which each time takes as
 * many rows. 1, 0, or a code.
 */
static int
is_due(struct store *s, const struct inode *in, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT removed, extra FROM attic WHERE heir = ?1"
					  " AND how = 3 ORDER BY id DESC LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int due = 1;

	db_bind_u64(st, 1, in->a.ino);
	int rc = db_step(st, err);
	if (rc == 1) {
		int64_t pause = OVERWRITE_NS * (1 + db_col_i64(st, 1) / OVERWRITE_STEP);

		due = store_now(s) - db_col_i64(st, 0) >= pause;
	}
	db_done(st);
	return rc < 0 ? rc : due;
}

/* The name that an inode is known by, into buf. */
static int
known_name(struct store *s, const struct inode *in, char buf[STORE_NAME_MAX],
	   struct bytes_view *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT name FROM dentry WHERE parent = ?1 AND id = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, in->parent);
	db_bind_u64(st, 2, in->dent);
	int rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view name = db_col_blob(st, 0);

		out->len = min_size(name.len, STORE_NAME_MAX);
		memcpy(buf, name.data, out->len);
		out->data = buf;
	}
	db_done(st);
	if (rc == 0)
		rc = err_set(err, CFS_ECORRUPT, "inode %llu has lost its name",
			     (unsigned long long)in->a.ino);
	return rc < 0 ? rc : 0;
}

static int
keep_copy(struct store *s, const struct cred *cred, const struct inode *in, struct cfs_err *err)
{
	struct inode copy = *in;
	struct entry e = {
	    .kind = ATTIC_CONTENT,
	    .how = ATTIC_OVERWRITTEN,
	    .in = &copy,
	    .heir = in->a.ino,
	    .dir = in->parent,
	    .size = in->a.stored,
	};
	char name[STORE_NAME_MAX];
	uint64_t added = 0;
	int rc = number_take(s, &copy.a.ino, err);

	copy.a.nlink = 0;
	copy.xattrs = 0;
	copy.parent = copy.dent = 0;
	e.ino = copy.a.ino;
	if (rc == 0)
		rc = known_name(s, in, name, &e.name, err);
	if (rc == 0)
		rc = xattr_inherit(s, &copy, in, err);
	if (rc == 0)
		rc = inode_insert(s, &copy, (struct bytes_view){0}, err);
	if (rc == 0)
		rc = extents_share(s, in, 0, in->a.size, &copy, 0, &added, &e.extra, err);
	if (rc == 0)
		rc = inode_copy_sum(s, in->a.ino, copy.a.ino, copy.a.version, err);
	return rc == 0 ? insert_entry(s, cred, &e, err) : rc;
}

int
attic_may_keep(struct store *s, const struct inode *in, struct cfs_err *err)
{
	if (in->a.nlink == 0 || s->conf->attic_keep_ms == 0 || is_young(s, in) ||
	    s->content_refused)
		return 0;
	return is_due(s, in, err);
}

int
attic_keep_range(struct store *s, const struct cred *cred, const struct inode *in, uint64_t from,
		 uint64_t to, struct cfs_err *err)
{
	int rc = from < to ? holds_bytes(s, in->a.ino, from, to, err) : 0;

	if (rc != 1)
		return rc;
	rc = keep_copy(s, cred, in, err);
	return rc == 0 ? 1 : rc;
}

int
attic_keep_before(struct store *s, const struct cred *cred, const struct inode *in, uint64_t from,
		  uint64_t to, struct cfs_err *err)
{
	int rc = from < to ? attic_may_keep(s, in, err) : 0;

	if (rc == 1)
		rc = attic_keep_range(s, cred, in, from, to, err);
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/impl.h"

/*
 * The dead inode itself is the entry: it keeps its number and extents, nothing is copied, and whoever has it open goes on
 * reading and writing it, so that what is kept is the content at the last close. Content destroyed in place (a
 * truncate) will need an inode of its own that shares the extents; kind ATTIC_CONTENT is for it too.
 */

#define SHORT_LIVED_NS (60 * NS_PER_S) /* not worth keeping when removed */
#define PATH_MAX_BYTES 4096
#define SUM_EVERY_NS   (60 * NS_PER_S)

enum attic_kind { ATTIC_CONTENT = 1, ATTIC_NAME = 2 };

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

static int
insert_entry(struct store *s, const struct cred *cred, enum attic_kind kind, const struct inode *in,
	     uint64_t dir, struct bytes_view name, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO attic (kind, ino, owner, dir, path, removed, remover, version, size)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
	struct db_stmt *st;
	size_t dir_len;
	int rc = load_path(s, dir, err);

	if (rc != 0)
		return rc;
	dir_len = s->path.len;
	if (buf_append_byte(&s->path, '/') != 0 || buf_append(&s->path, name.data, name.len) != 0) {
		buf_truncate(&s->path, dir_len);
		return err_code(err, CFS_ENOMEM);
	}
	st = db_use(s->db, &sql, err);
	db_bind_i64(st, 1, kind);
	db_bind_u64(st, 2, in->a.ino);
	db_bind_u64(st, 3, in->a.owner);
	db_bind_u64(st, 4, dir);
	db_bind_blob(st, 5, s->path.data, s->path.len);
	db_bind_i64(st, 6, in->a.ctime_ns);
	db_bind_u64(st, 7, cred->user);
	db_bind_u64(st, 8, in->a.version);
	db_bind_u64(st, 9,
		    in->a.stored); /* holes take no room from what others have in the attic */
	rc = db_run(st, err);
	buf_truncate(&s->path, dir_len);
	return rc < 0 ? rc : 0;
}

static int
insert_orphan(struct store *s, const struct inode *in, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO orphan (ino, since) VALUES (?1, ?2)"};
	int rc = sql_run(s, &sql, SQL_ARGS(in->a.ino, (uint64_t)in->a.ctime_ns), err);

	return rc < 0 ? rc : 0;
}

int
attic_bury(struct store *s, const struct cred *cred, struct inode *in, const struct inode *old,
	   uint64_t dir, struct bytes_view name, enum bury_reason reason, struct cfs_err *err)
{
	bool keep = in->a.type == INODE_FILE && s->conf->attic_keep_ms > 0;
	int64_t now = store_now(s);
	int rc;

	in->a.ctime_ns = now;
	rc = inode_update(s, in, old, err);
	if (rc != 0)
		return rc;
	if (in->a.nlink > 0)
		return keep ? insert_entry(s, cred, ATTIC_NAME, in, dir, name, err) : 0;
	if (reason == BURY_REMOVED && now - in->a.btime_ns < SHORT_LIVED_NS)
		keep = false;
	return keep ? insert_entry(s, cred, ATTIC_CONTENT, in, dir, name, err)
		    : insert_orphan(s, in, err);
}

/* ---- retention ---- */

struct attic_row {
	uint64_t id, kind, ino;
};

/* The oldest entry, if it was removed before `before`. 1, 0, or a code. */
static int
oldest(struct store *s, int64_t before, struct attic_row *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT id, kind, ino FROM attic WHERE removed < ?1"
					  " AND ino NOT IN (SELECT ino FROM hold)"
					  " ORDER BY removed LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_i64(st, 1, before);
	int rc = db_step(st, err);
	if (rc == 1)
		*out = (struct attic_row){db_col_u64(st, 0), db_col_u64(st, 1), db_col_u64(st, 2)};
	db_done(st);
	return rc;
}

static int
discard(struct store *s, const struct attic_row *row, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM attic WHERE id = ?1"};
	int rc = sql_run(s, &sql, SQL_ARGS(row->id), err);

	if (rc < 0)
		return rc;
	return row->kind == ATTIC_CONTENT ? inode_delete(s, row->ino, err) : 0;
}

/* Adding the attic up takes time that grows with it: once a minute will do, but for an attic that has to shrink. */
static int
is_over_size(struct store *s, bool *over_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT total(size) FROM attic WHERE kind = 1"};
	int64_t now = store_now(s);
	uint64_t bytes = 0;
	int rc;

	*over_out = false;
	if (s->conf->attic_max_bytes == 0 || now - s->attic_summed_ns < SUM_EVERY_NS)
		return 0;
	rc = sql_get(s, &sql, NULL, 0, &bytes, err);
	*over_out = rc == 1 && bytes > s->conf->attic_max_bytes;
	if (!*over_out)
		s->attic_summed_ns = now;
	return rc < 0 ? rc : 0;
}

/* Entries removed before this are to go: by age, or all of them while they take too much room. */
static int
threshold(struct store *s, int64_t *before_out, struct cfs_err *err)
{
	bool over;
	int rc = is_over_size(s, &over, err);

	*before_out = store_now(s) - s->conf->attic_keep_ms * NS_PER_MS;
	if (over || space_is_short(s))
		*before_out = INT64_MAX;
	return rc;
}

int
attic_expire(struct store *s, unsigned max, unsigned *count_out, struct cfs_err *err)
{
	uint64_t deadline = deadline_from_ms(STORE_KEEP_MS);
	struct attic_row row;
	int64_t before = 0;
	int rc;

	for (*count_out = 0; *count_out < max; (*count_out)++) {
		if (deadline_passed(deadline)) {
			*count_out = max;
			break;
		}
		/* The answer is good for a few entries. */
		rc = *count_out % 16 == 0 ? threshold(s, &before, err) : 0;
		if (rc == 0)
			rc = oldest(s, before, &row, err);
		if (rc == 1)
			rc = discard(s, &row, err);
		else
			return rc;
		if (rc != 0)
			return rc;
	}
	return 0;
}

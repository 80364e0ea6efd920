/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is kept of events, and for how long; what devices hold according to them. */

#include "store/events.h"
#include "store/impl.h"

#define PARTIAL_NS  (3600 * NS_PER_S)
#define SAMPLE_ROWS "256"

/* ---- retention ---- */

/* About how many of the newest events fit the limit of size, by the average of the last ones. */
static int
count_that_fits(struct store *s, uint64_t *count_out, struct cfs_err *err)
{
	/* 120: the numbers of a row, and its place in the tree. */
	static const struct db_sql sql = {
	    "SELECT ifnull(sum(n) / count(n), 0) FROM (SELECT 120 + length(name) + length(device)"
	    " + length(peer) + length(path) + length(target) AS n FROM event"
	    " ORDER BY id DESC LIMIT " SAMPLE_ROWS ")"};
	uint64_t average = 0;
	int rc;

	*count_out = UINT64_MAX;
	if (s->conf->events_max_bytes == 0)
		return 0;
	rc = sql_get(s, &sql, NULL, 0, &average, err);
	if (rc == 1 && average > 0)
		*count_out = s->conf->events_max_bytes / average;
	return rc < 0 ? rc : 0;
}

/* Where the oldest rows to go end: at most max of them behind gone, all at or below limit or before the time. */
static int
find_end(struct store *s, uint64_t gone, uint64_t limit, int64_t before, unsigned max,
	 uint64_t *end_out, unsigned *count_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT id, time FROM event WHERE id > ?1 ORDER BY id LIMIT ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	*end_out = gone;
	*count_out = 0;
	db_bind_u64(st, 1, gone);
	db_bind_u64(st, 2, max);
	while ((rc = db_step(st, err)) == 1) {
		if (db_col_u64(st, 0) > limit && db_col_i64(st, 1) >= before)
			break;
		*end_out = db_col_u64(st, 0);
		(*count_out)++;
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* Receipts that had been passed over, because nobody had seen them. */
static int
expire_seen(struct store *s, uint64_t gone, unsigned max, unsigned *count_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE kind = 1 AND seen <> 0"
	    " AND id <= ?1 ORDER BY id LIMIT ?2)"};
	int rc = sql_run(s, &sql, SQL_ARGS(gone, max), err);

	if (rc > 0)
		*count_out += (unsigned)rc;
	return rc < 0 ? rc : 0;
}

int
events_expire(struct store *s, unsigned max, unsigned *count_out, struct cfs_err *err)
{
	static const struct db_sql delete_sql = {"DELETE FROM event WHERE id > ?1 AND id <= ?2"
						 " AND (kind <> 1 OR seen <> 0 OR owner = person)"};
	static const struct db_sql note_sql = {
	    "INSERT INTO counter (name, value) VALUES ('events_gone', ?1)"
	    " ON CONFLICT (name) DO UPDATE SET value = ?1"};
	int64_t keep_ms = s->conf->events_keep_ms;
	int64_t before = keep_ms > 0 ? store_now(s) - keep_ms * NS_PER_MS : INT64_MIN;
	uint64_t gone, newest, fits, end;
	int rc = events_gone(s, &gone, err);

	*count_out = 0;
	if (rc == 0)
		rc = events_newest(s, &newest, err);
	if (rc == 0)
		rc = count_that_fits(s, &fits, err);
	if (rc == 0)
		rc = find_end(s, gone, newest - min_u64(newest, fits), before, max, &end, count_out,
			      err);
	if (rc != 0)
		return rc;
	if (end > gone) {
		rc = sql_run(s, &delete_sql, SQL_ARGS(gone, end), err);
		if (rc >= 0)
			rc = sql_run(s, &note_sql, SQL_ARGS(end), err);
		if (rc < 0)
			return rc;
	}
	return expire_seen(s, end, max, count_out, err);
}

/* ---- who has what ---- */

int
events_holders(struct store *s, uint64_t owner, uint64_t ino, struct bytes_view path,
	       int (*each)(void *arg, const struct event_holder *h), void *arg, struct cfs_err *err)
{
	/* Which version a device has is that of the last whole download, whichever inode held it then. */
	static const struct db_sql sql = {
	    "SELECT person, name, device,"
	    " ifnull(max(CASE WHEN complete <> 0 THEN version END), max(version)),"
	    " count(*), max(time), max(complete)"
	    " FROM event WHERE kind = 1 AND owner = ?1 AND person <> ?1"
	    " AND (ino = ?2 OR path = ?3) GROUP BY person, device ORDER BY max(time) DESC"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, owner);
	db_bind_u64(st, 2, ino);
	db_bind_blob(st, 3, path.data, path.len);
	while ((rc = db_step(st, err)) == 1) {
		struct event_holder h = {
		    .user = db_col_u64(st, 0),
		    .user_name = db_col_blob(st, 1),
		    .device = db_col_blob(st, 2),
		    .version = db_col_u64(st, 3),
		    .downloads = db_col_u64(st, 4),
		    .last_ns = db_col_i64(st, 5),
		    .complete = db_col_i64(st, 6) != 0,
		};

		rc = each(arg, &h);
		if (rc != 0)
			break;
	}
	db_done(st);
	return rc < 0 ? err_code(err, rc) : 0;
}

/* ---- what was sent so far ---- */

static void
bind_key(struct db_stmt *st, const struct partial_key *key)
{
	db_bind_u64(st, 1, key->user);
	db_bind_blob(st, 2, key->device.data, key->device.len);
	db_bind_u64(st, 3, key->ino);
	db_bind_u64(st, 4, key->version);
}

int
partial_load(struct store *s, const struct partial_key *key, struct buf *out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT ranges FROM partial WHERE person = ?1 AND device = ?2 AND ino = ?3"
	    " AND version = ?4 AND began > ?5"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	bind_key(st, key);
	db_bind_i64(st, 5, store_now(s) - PARTIAL_NS);
	rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view ranges = db_col_blob(st, 0);

		if (buf_append(out, ranges.data, ranges.len) != 0)
			rc = err_code(err, CFS_ENOMEM);
	}
	db_done(st);
	return rc;
}

int
partial_save(struct store *s, const struct partial_key *key, struct bytes_view ranges,
	     struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO partial (person, device, ino, version, began, ranges)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (person, device, ino, version)"
	    " DO UPDATE SET ranges = ?6, began = CASE WHEN began > ?7 THEN began ELSE ?5 END"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	bind_key(st, key);
	db_bind_i64(st, 5, store_now(s));
	db_bind_blob(st, 6, ranges.data, ranges.len);
	db_bind_i64(st, 7, store_now(s) - PARTIAL_NS);
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

int
partial_drop(struct store *s, const struct partial_key *key, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM partial WHERE person = ?1 AND device = ?2"
					  " AND ino = ?3 AND version = ?4"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	bind_key(st, key);
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

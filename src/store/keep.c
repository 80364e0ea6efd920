/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/io.h"
#include "store/impl.h"
#include "store/layout.h"

/*
 * The keeper's step: each kind of work in small transactions of its own, so that nobody waits long for the write mutex.
 */

#define BATCH           64u
#define DAY_NS          (24 * 3600 * NS_PER_S)
#define ANSWER_NS       DAY_NS            /* DESIGN 5 */
#define STREAM_NS       (30 * DAY_NS)     /* a mount may be idle for long */
#define INVITE_NS       (7 * DAY_NS)      /* after it ended: "expired" is told, not "unknown" */
#define PARTIAL_NS      (3600 * NS_PER_S) /* DESIGN 8: all bytes within an hour */
/* When space is short, what was in use lately goes at once, and what was sent and not named a few seconds later. */
#define BLOB_HURRY_NS   (600 * NS_PER_S)
#define UPLOAD_HURRY_NS (DAY_NS - 10 * NS_PER_S)
#define LOG_RESET_BYTES DB_LOG_KEPT_BYTES

/* One kind of work: does at most BATCH units inside the open transaction. *count_out BATCH: there may be more. */
typedef int keep_fn(struct store *s, unsigned *count_out, struct cfs_err *err);

static int
in_transaction(struct store *s, keep_fn *fn, unsigned *count_out, struct cfs_err *err)
{
	uint64_t commit;
	int rc = store_begin(s, err);

	*count_out = 0;
	if (rc != 0)
		return rc;
	rc = fn(s, count_out, err);
	if (rc != 0 || *count_out == 0) {
		store_rollback(s);
		return rc;
	}
	return store_commit(s, &commit, err);
}

/* ---- inodes without names ---- */

/*
 * A list of inodes without names: the one that stands in it longest, if since before ?1; out of the list; later in it (NULL: whoever is
 * in it goes, changed since or not).
 */
struct nameless {
	struct db_sql find, forget, renew;
};

/* One inode of the list: deleted, or a slice of it, or, when it was changed since, kept for as long again. */
static int
reap_one(struct store *s, const struct nameless *list, uint64_t ino, int64_t before,
	 struct cfs_err *err)
{
	struct inode in;
	bool more = false;
	int rc = inode_find(s, ino, &in, err);

	if (rc == 1 && in.a.ctime_ns >= before && list->renew.text != NULL) {
		rc = sql_run(s, &list->renew, SQL_ARGS(ino, (uint64_t)in.a.ctime_ns), err);
		return rc < 0 ? rc : 0;
	}
	if (rc >= 0)
		rc = inode_delete_some(s, ino, &more, err);
	if (rc == 0 && !more)
		rc = sql_run(s, &list->forget, SQL_ARGS(ino), err);
	return rc < 0 ? rc : 0;
}

static int
reap(struct store *s, const struct nameless *list, int64_t before, unsigned *count_out,
     struct cfs_err *err)
{
	uint64_t ino = 0, deadline = deadline_from_ms(STORE_KEEP_MS);
	int rc;

	for (*count_out = 0; *count_out < BATCH; (*count_out)++) {
		/* A file of many extents takes as long as many files. */
		if (deadline_passed(deadline)) {
			*count_out = BATCH;
			break;
		}
		rc = sql_get(s, &list->find, SQL_ARGS((uint64_t)before), &ino, err);
		if (rc == 1)
			rc = reap_one(s, list, ino, before, err);
		else
			return rc;
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
reap_unnamed(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	static const struct nameless list = {
	    {"SELECT ino FROM unnamed WHERE since < ?1 ORDER BY since LIMIT 1"},
	    {"DELETE FROM unnamed WHERE ino = ?1"},
	    {"UPDATE unnamed SET since = ?2 WHERE ino = ?1"},
	};

	return reap(s, &list, store_now(s) - STORE_UNNAMED_NS, count_out, err);
}

static int
reap_orphans(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	static const struct nameless list = {
	    {"SELECT ino FROM orphan WHERE since < ?1 AND since > 0"
	     " AND ino NOT IN (SELECT ino FROM hold)"
	     " ORDER BY since LIMIT 1"},
	    {"DELETE FROM orphan WHERE ino = ?1"},
	    {"UPDATE orphan SET since = ?2 WHERE ino = ?1"},
	};

	return reap(s, &list, store_now(s) - STORE_ORPHAN_NS, count_out, err);
}

/* What was given up, and is too long to go at once: see discard() in attic_expire.c. */
static int
reap_given_up(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	static const struct nameless list = {
	    {"SELECT ino FROM orphan WHERE since = 0 AND ?1 > 0 LIMIT 1"},
	    {"DELETE FROM orphan WHERE ino = ?1"},
	    {NULL},
	};

	return reap(s, &list, store_now(s), count_out, err);
}

static int
expire_attic(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	return attic_expire(s, BATCH, count_out, err);
}

/* ---- rows with an end ---- */

static int
expire_rows(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	static const struct {
		struct db_sql sql;
		int64_t age_ns;
	} kinds[] = {
	    {{"DELETE FROM answer WHERE stream IN (SELECT id FROM stream WHERE seen < ?1)"},
	     ANSWER_NS},
	    {{"DELETE FROM ino_range WHERE stream IN (SELECT id FROM stream WHERE seen < ?1)"},
	     STREAM_NS},
	    {{"DELETE FROM stream WHERE seen < ?1"}, STREAM_NS},
	    {{"DELETE FROM invite WHERE expires < ?1"}, INVITE_NS},
	    {{"DELETE FROM partial WHERE began < ?1"}, PARTIAL_NS},
	    {{"DELETE FROM hold WHERE until < ?1"}, 0},
	};
	int rc = 0;

	change_stream_forget(s);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && rc >= 0; i++) {
		rc = sql_run(s, &kinds[i].sql, SQL_ARGS((uint64_t)(store_now(s) - kinds[i].age_ns)),
			     err);
		if (rc > 0)
			*count_out += (unsigned)rc;
	}
	return rc < 0 ? rc : 0;
}

static int
expire_events(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	return events_expire(s, BATCH, count_out, err);
}

/* ---- blobs: doomed in one transaction, durably; then the bytes; then the rows ---- */

struct doomed {
	struct id128 ids[BATCH];
	size_t count;
};

static int
find_doomed(struct store *s, const struct db_sql *sql, int64_t before, struct doomed *d,
	    struct cfs_err *err)
{
	struct db_stmt *st = db_use(s->db, sql, err);
	int rc;

	d->count = 0;
	db_bind_i64(st, 1, before);
	while ((rc = db_step(st, err)) == 1) {
		struct bytes_view id = db_col_blob(st, 0);

		if (id.len == sizeof(d->ids[0].b))
			memcpy(d->ids[d->count++].b, id.data, id.len);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* For every id a statement with the id alone. */
static int
run_each(struct store *s, const struct db_sql *sql, const struct doomed *d, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < d->count && rc >= 0; i++) {
		struct db_stmt *st = db_use(s->db, sql, err);

		db_bind_blob(st, 1, d->ids[i].b, sizeof(d->ids[i].b));
		rc = db_run(st, err);
	}
	return rc < 0 ? rc : 0;
}

/* A doomed blob stands first in the index of idle ones: after a crash it is found again. */
static int
doom_blobs(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	static const struct db_sql find = {"SELECT id FROM blob WHERE refs = 0 AND state <> 2"
					   " AND idle_until < ?1 ORDER BY idle_until LIMIT 64"};
	static const struct db_sql find_sent = {
	    "SELECT id FROM blob WHERE refs = 0 AND state = 1"
	    " AND idle_until < ?1 ORDER BY idle_until LIMIT 64"};
	static const struct db_sql disown = {"DELETE FROM blob_owner WHERE blob = ?1"
					     " AND sha = (SELECT sha FROM blob WHERE id = ?1)"};
	static const struct db_sql doom = {
	    "UPDATE blob SET state = 2, idle_until = 0 WHERE id = ?1 AND refs = 0"};
	bool hurry = space_is_short(s);
	int64_t now = store_now(s);
	struct doomed d;
	int rc = find_doomed(s, &find, now + (hurry ? BLOB_HURRY_NS : 0), &d, err);

	/* A client that names one of these after all sends it again (CFS_EBLOBGONE). */
	if (rc == 0 && hurry && d.count == 0)
		rc = find_doomed(s, &find_sent, now + UPLOAD_HURRY_NS, &d, err);

	if (rc == 0)
		rc = run_each(s, &disown, &d, err);
	if (rc == 0)
		rc = run_each(s, &doom, &d, err);
	*count_out = (unsigned)d.count;
	return rc;
}

/* Removes the bytes. Only those that are gone stay in the list; what cannot be removed hinders nothing else. */
static int
remove_bytes(struct store *s, struct doomed *d, struct cfs_err *err)
{
	size_t gone = 0;
	int first = 0;

	for (size_t i = 0; i < d->count; i++) {
		int rc = blob_remove(s->blobs, &d->ids[i], first == 0 ? err : NULL);

		if (rc == 0)
			d->ids[gone++] = d->ids[i];
		else if (first == 0)
			first = rc;
	}
	d->count = gone;
	return first;
}

static int
forget_doomed(struct store *s, const struct doomed *d, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM blob WHERE id = ?1 AND state = 2"};
	uint64_t commit;
	int rc = store_begin(s, err);

	if (rc != 0)
		return rc;
	rc = run_each(s, &sql, d, err);
	if (rc != 0) {
		store_rollback(s);
		return rc;
	}
	return store_commit(s, &commit, err);
}

static int
remove_doomed(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	static const struct db_sql find = {
	    "SELECT id FROM blob WHERE refs = 0 AND idle_until = ?1 AND state = 2 LIMIT 64"};
	struct doomed d;
	int rc = store_need_db(s, err), left, unheld = -1;

	if (rc == 0)
		rc = find_doomed(s, &find, 0, &d, err);
	*count_out = 0;
	if (rc != 0 || d.count == 0)
		return rc;
	/* While a backup is made they wait: it may be of a moment when they were needed. */
	rc = s->memory ? 1 : layout_try_unheld(s->dir_fd, &unheld, err);
	if (rc != 1)
		return rc;
	/* That nobody can name it any more must be certain before the bytes go, and that they are gone before the row does. */
	rc = store_sync(s, store_last_commit(s), err);
	if (rc != 0) {
		fd_close(&unheld);
		return rc;
	}
	left = remove_bytes(s, &d, err);
	fd_close(&unheld);
	rc = blob_sync_removed(s->blobs, err);
	if (rc == 0 && d.count > 0)
		rc = forget_doomed(s, &d, left == 0 ? err : NULL);
	if (rc == 0)
		*count_out = (unsigned)d.count;
	return rc != 0 ? rc : left;
}

/* ---- the log and the file ---- */

static int
shrink_db(struct store *s, unsigned *count_out, struct cfs_err *err)
{
	return db_shrink(s->db, space_is_short(s), count_out, err);
}

/*
 * In passing while others write; only when the log has grown out of hand, or the disk is full and needs its room, do they
 * wait for the short rest.
 */
static int
checkpoint(struct store *s, bool need_room, struct cfs_err *err)
{
	int rc = db_checkpoint(s->db, DB_LOG_MOVE, err);

	if (rc == 0 && (need_room || db_log_bytes(s->db) > LOG_RESET_BYTES)) {
		rc = shared_lock_write(s->shared, err);
		if (rc != 0)
			return rc;
		rc = db_checkpoint(s->db, need_room ? DB_LOG_EMPTY : DB_LOG_AGAIN, err);
		shared_unlock_write(s->shared);
	}
	shared_note_failure(s->shared, rc);
	return rc;
}

/* Every kind of work once; what fails of one kind, but for a full disk, keeps no other kind from being done. */
static int
keep_round(struct store *s, bool *more_out, struct cfs_err *err)
{
	static keep_fn *const work[] = {reap_unnamed, reap_orphans,  expire_attic, reap_given_up,
					expire_rows,  expire_events, doom_blobs,   shrink_db};
	unsigned count = 0;
	int first = 0, rc;

	*more_out = false;
	for (size_t i = 0; i < ARRAY_SIZE(work) && first != CFS_ENOSPC; i++) {
		rc = in_transaction(s, work[i], &count, first == 0 ? err : NULL);
		*more_out = *more_out || (rc == 0 && count >= BATCH);
		first = first == 0 ? rc : first;
	}
	if (first == CFS_ENOSPC)
		return first;
	rc = remove_doomed(s, &count, first == 0 ? err : NULL);
	*more_out = *more_out || (rc == 0 && count >= BATCH);
	return first == 0 ? rc : first;
}

int
store_keep(struct store *s, unsigned max_ms, bool *more_out, struct cfs_err *err)
{
	uint64_t deadline = deadline_from_ms(max_ms);
	int rc = store_need_db(s, err), worked;

	*more_out = true;
	if (rc == 0 && space_is_short(s))
		rc = checkpoint(s, true, err);
	if (rc != 0)
		return rc;
	do {
		worked = keep_round(s, more_out, err);
		/* Room is made by moving the log, which was in the way, and then there is more to do. */
		if (worked == CFS_ENOSPC) {
			*more_out = true;
			break;
		}
	} while (worked == 0 && *more_out && !space_is_short(s) && !deadline_passed(deadline));
	/* The log is moved whatever else failed, or it would grow without end; but not after a failed flush. */
	rc = shared_check_writable(s->shared, err);
	if (rc == 0)
		rc = checkpoint(s, space_is_short(s), worked == 0 ? err : NULL);
	if (rc == 0 && worked != CFS_ENOSPC)
		rc = worked;
	return rc != 0 ? rc : space_restore(s, err);
}

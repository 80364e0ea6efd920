/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/events.h"

#include "store/impl.h"

#define MERGE_NS       (60 * NS_PER_S)
#define TEXT_MAX       255u
#define PATH_MAX_BYTES 4095u

static void
bind_text(struct db_stmt *st, int index, struct bytes_view text, size_t max)
{
	db_bind_blob(st, index, text.data, min_size(text.len, max));
}

/* Adds a repeated download to the one before it. 1 done, 0 there is none so recent, or a code. */
static int
merge_download(struct store *s, const struct event *e, int64_t now, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE event SET bytes = bytes + ?6, duration = duration + ?7,"
	    " complete = CASE WHEN complete > ?8 THEN complete ELSE ?8 END, result = ?9"
	    " WHERE id = (SELECT max(id) FROM event WHERE kind = 1 AND ino = ?1 AND person = ?2"
	    " AND version = ?3 AND device = ?4 AND time > ?5)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, e->ino);
	db_bind_u64(st, 2, e->user);
	db_bind_u64(st, 3, e->version);
	bind_text(st, 4, e->device, TEXT_MAX);
	db_bind_i64(st, 5, now - MERGE_NS);
	db_bind_u64(st, 6, e->bytes);
	db_bind_u64(st, 7, e->duration_us);
	db_bind_i64(st, 8, e->complete);
	db_bind_i64(st, 9, e->result);
	return db_run(st, err);
}

int
events_add(struct store *s, const struct event *e, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO event (time, kind, op, owner, person, name, device, peer, path, ino,"
	    " version, bytes, duration, result, complete, seen)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"};
	int64_t now = store_now(s);
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc == 0 && e->kind == EVENT_DOWNLOAD)
		rc = merge_download(s, e, now, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	st = db_use(s->db, &sql, err);
	db_bind_i64(st, 1, now);
	db_bind_i64(st, 2, e->kind);
	db_bind_u64(st, 3, e->op);
	db_bind_u64(st, 4, e->owner);
	db_bind_u64(st, 5, e->user);
	bind_text(st, 6, e->user_name, TEXT_MAX);
	bind_text(st, 7, e->device, TEXT_MAX);
	bind_text(st, 8, e->peer, TEXT_MAX);
	bind_text(st, 9, e->path, PATH_MAX_BYTES);
	db_bind_u64(st, 10, e->ino);
	db_bind_u64(st, 11, e->version);
	db_bind_u64(st, 12, e->bytes);
	db_bind_u64(st, 13, e->duration_us);
	db_bind_i64(st, 14, e->result);
	db_bind_i64(st, 15, e->complete);
	db_bind_i64(st, 16, e->seen);
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

static void
event_from_row(struct db_stmt *st, struct event *out)
{
	*out = (struct event){
	    .id = db_col_u64(st, 0),
	    .time_ns = db_col_i64(st, 1),
	    .kind = (enum event_kind)db_col_i64(st, 2),
	    .op = (uint16_t)db_col_u64(st, 3),
	    .owner = db_col_u64(st, 4),
	    .user = db_col_u64(st, 5),
	    .user_name = db_col_blob(st, 6),
	    .device = db_col_blob(st, 7),
	    .peer = db_col_blob(st, 8),
	    .path = db_col_blob(st, 9),
	    .ino = db_col_u64(st, 10),
	    .version = db_col_u64(st, 11),
	    .bytes = db_col_u64(st, 12),
	    .duration_us = db_col_u64(st, 13),
	    .result = (int)db_col_i64(st, 14),
	    .complete = db_col_i64(st, 15) != 0,
	    .seen = db_col_i64(st, 16) != 0,
	};
}

#define EVENT_COLUMNS                                                                              \
	"id, time, kind, op, owner, person, name, device, peer, path, ino, version, bytes,"        \
	" duration, result, complete, seen"

static const struct db_sql *
pick_list(const struct cred *cred, unsigned filter)
{
	static const struct db_sql all_sql = {"SELECT " EVENT_COLUMNS
					      " FROM event WHERE id > ?1 AND ?3 = ?3"
					      " ORDER BY id LIMIT ?2"};
	static const struct db_sql own_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE id > ?1 AND (owner = ?3 OR person = ?3)"
	    " ORDER BY id LIMIT ?2"};
	static const struct db_sql mine_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE kind = 1 AND owner = ?3 AND id > ?1"
	    " AND person <> ?3 ORDER BY id LIMIT ?2"};
	static const struct db_sql unseen_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE kind = 1 AND owner = ?3 AND id > ?1"
	    " AND person <> ?3 AND seen = 0 ORDER BY id LIMIT ?2"};

	if ((filter & EVENTS_UNSEEN) != 0)
		return &unseen_sql;
	if ((filter & EVENTS_MINE) != 0)
		return &mine_sql;
	return cred->admin ? &all_sql : &own_sql;
}

int
events_list(struct store *s, const struct cred *cred, uint64_t since, unsigned max, unsigned filter,
	    int (*each)(void *arg, const struct event *e), void *arg, uint64_t *last_out,
	    struct cfs_err *err)
{
	struct db_stmt *st;
	struct event e;
	int rc = store_need_db(s, err);

	*last_out = since;
	if (rc != 0)
		return rc;
	st = db_use(s->db, pick_list(cred, filter), err);
	db_bind_u64(st, 1, min_u64(since, INT64_MAX));
	db_bind_u64(st, 2, max);
	db_bind_u64(st, 3, cred->user);
	while ((rc = db_step(st, err)) == 1) {
		event_from_row(st, &e);
		if (each(arg, &e) != 0)
			break;
		*last_out = e.id;
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
events_seen(struct store *s, uint64_t user, uint64_t upto, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE event SET seen = 1 WHERE kind = 1 AND owner = ?1 AND id <= ?2 AND seen = 0"};
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = sql_run(s, &sql, SQL_ARGS(user, min_u64(upto, INT64_MAX)), err);
	return rc < 0 ? rc : 0;
}

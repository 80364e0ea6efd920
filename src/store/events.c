/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/events.h"

#include <unistd.h>

#include "store/impl.h"

#define MERGE_NS       (60 * NS_PER_S)
#define TEXT_MAX       255u
#define PATH_MAX_BYTES 4095u

static void
bind_text(struct db_stmt *st, int index, struct bytes_view text, size_t max)
{
	db_bind_blob(st, index, text.data, min_size(text.len, max));
}

/* ---- numbers ---- */

static const struct db_sql gone_sql = {"SELECT value FROM counter WHERE name = 'events_gone'"};

int
events_gone(struct store *s, uint64_t *gone_out, struct cfs_err *err)
{
	int rc = store_need_db(s, err);

	*gone_out = 0;
	if (rc == 0)
		rc = sql_get(s, &gone_sql, NULL, 0, gone_out, err);
	return rc < 0 ? rc : 0;
}

/* The newest of all may have been removed: its number is not given again. */
int
events_newest(struct store *s, uint64_t *newest_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT ifnull(max(id), 0) FROM event"};
	uint64_t gone;
	int rc = events_gone(s, &gone, err);

	*newest_out = 0;
	if (rc == 0)
		rc = sql_get(s, &sql, NULL, 0, newest_out, err);
	if (rc < 0)
		return rc;
	*newest_out = max_u64(*newest_out, gone);
	return 0;
}

uint64_t
events_hint(const struct store *s)
{
	return atomic_load(&s->shared->last_event);
}

/* change. */
static int
take_number(struct store *s, uint64_t *id_out, struct cfs_err *err)
{
	int rc = 0;

	if (s->last_event == 0)
		s->last_event = events_hint(s);
	if (s->last_event == 0)
		rc = events_newest(s, &s->last_event, err);
	*id_out = ++s->last_event;
	return rc;
}

/* ---- being told ---- */

void
events_published(struct store *s)
{
	static const uint64_t one = 1;

	if (s->last_event == 0)
		return;
	atomic_store(&s->shared->last_event, s->last_event);
	/* It is an edge that wakes; a counter that is full wakes as well. Oneself needs no waking. */
	if (atomic_load(&s->shared->listeners) > s->listening &&
	    write(s->shared->event_fd, &one, sizeof(one)) < 0)
		return;
}

void
events_listen(struct store *s, int *fd_out)
{
	(void)atomic_fetch_add(&s->shared->listeners, 1);
	s->listening++;
	*fd_out = s->shared->event_fd;
}

void
events_deaf(struct store *s)
{
	(void)atomic_fetch_sub(&s->shared->listeners, 1);
	s->listening--;
}

/* ---- adding ---- */

struct earlier {
	uint64_t id;
	bool complete;
};

/* The same download less than a minute ago: 1, 0 or a code. */
static int
find_earlier(struct store *s, const struct event *e, int64_t now, struct earlier *out,
	     struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT id, complete FROM event WHERE kind = 1 AND ino = ?1 AND person = ?2"
	    " AND version = ?3 AND device = ?4 AND time > ?5 ORDER BY id DESC LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	db_bind_u64(st, 1, e->ino);
	db_bind_u64(st, 2, e->user);
	db_bind_u64(st, 3, e->version);
	bind_text(st, 4, e->device, TEXT_MAX);
	db_bind_i64(st, 5, now - MERGE_NS);
	rc = db_step(st, err);
	if (rc == 1)
		*out = (struct earlier){db_col_u64(st, 0), db_col_i64(st, 1) != 0};
	db_done(st);
	return rc;
}

/*
 * A repeated download becomes one with that before it: 1. One that completes what was only opened takes its place, under
 * a new number, so that those who have read the old one are told: 0, as when there is none so recent.
 */
static int
merge_download(struct store *s, const struct event *e, int64_t now, struct cfs_err *err)
{
	static const struct db_sql add_sql = {
	    "UPDATE event SET bytes = bytes + ?2, duration = duration + ?3 WHERE id = ?1"};
	static const struct db_sql drop_sql = {"DELETE FROM event WHERE id = ?1"};
	struct earlier old = {0};
	int rc = find_earlier(s, e, now, &old, err);

	if (rc <= 0)
		return rc;
	if (e->complete && !old.complete) {
		rc = sql_run(s, &drop_sql, SQL_ARGS(old.id), err);
		return rc < 0 ? rc : 0;
	}
	return sql_run(s, &add_sql, SQL_ARGS(old.id, e->bytes, e->duration_us), err);
}

/* Strangers have as many addresses as they like, and each refusal would be a row and a transaction's flush. */
static bool
refused_too_often(struct store_shared *sh, int64_t now)
{
	int64_t minute = now / (60 * NS_PER_S);

	if (sh->refused_minute != minute) {
		sh->refused_minute = minute;
		sh->refused = 0;
	}
	return sh->refused++ >= EVENTS_REFUSED_MAX;
}

/* What events cost is measured beside a build that leaves them out (make EVENTS=0). */
#ifdef CFS_NO_EVENTS
enum { LEFT_OUT = 1 };
#else
enum { LEFT_OUT = 0 };
#endif

int
events_add(struct store *s, const struct event *e, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO event (id, time, kind, op, owner, person, name, device, peer, path, ino,"
	    " version, bytes, duration, result, complete, seen, target) VALUES (?17, ?1, ?2, ?3,"
	    " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?18)"};
	int64_t now = store_now(s);
	struct db_stmt *st;
	uint64_t id;
	int rc = store_need_txn(s, err);

	if (LEFT_OUT)
		return rc;
	if (rc == 0 && e->kind == EVENT_DOWNLOAD)
		rc = merge_download(s, e, now, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (e->kind == EVENT_REFUSED && refused_too_often(s->shared, now))
		return 0;
	rc = take_number(s, &id, err);
	if (rc != 0)
		return rc;
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
	db_bind_u64(st, 17, id);
	bind_text(st, 18, e->target, PATH_MAX_BYTES);
	rc = db_run(st, err);
	if (rc < 0)
		return rc;
	struct event numbered = *e;
	numbered.id = id;
	brief_write(s->shared->briefs, &numbered);
	return 0;
}

uint64_t
events_last_added(const struct store *s)
{
	return s->last_event;
}

int
events_path(struct store *s, uint64_t dir, struct bytes_view name, struct buf *out,
	    struct cfs_err *err)
{
	struct bytes_view path;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = path_of_dir(s, dir, &path, err);
	if (rc != 0)
		return rc;
	/* The root is "/" alone. */
	if ((path.len > 1 && buf_append(out, path.data, path.len) != 0) ||
	    buf_append_byte(out, '/') != 0 || buf_append(out, name.data, name.len) != 0)
		return err_code(err, CFS_ENOMEM);
	return 0;
}

/* ---- reading ---- */

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
	    .target = db_col_blob(st, 17),
	};
}

#define EVENT_COLUMNS                                                                              \
	"id, time, kind, op, owner, person, name, device, peer, path, ino, version, bytes,"        \
	" duration, result, complete, seen, target"

static const struct db_sql *
pick_list(const struct cred *cred, unsigned filter)
{
	static const struct db_sql all_sql = {"SELECT " EVENT_COLUMNS
					      " FROM event WHERE id > ?1 AND id <= ?4"
					      " AND ?3 = ?3 ORDER BY id LIMIT ?2"};
	static const struct db_sql own_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE id > ?1 AND id <= ?4"
	    " AND (owner = ?3 OR person = ?3) ORDER BY id LIMIT ?2"};
	static const struct db_sql visible_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE id > ?1 AND id <= ?4"
	    " AND (owner = ?3 OR person = ?3 OR kind = 2) ORDER BY id LIMIT ?2"};
	static const struct db_sql mine_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE kind = 1 AND owner = ?3 AND id > ?1"
	    " AND id <= ?4 AND person <> ?3 ORDER BY id LIMIT ?2"};
	static const struct db_sql unseen_sql = {
	    "SELECT " EVENT_COLUMNS " FROM event WHERE kind = 1 AND owner = ?3 AND id > ?1"
	    " AND id <= ?4 AND person <> ?3 AND seen = 0 ORDER BY id LIMIT ?2"};

	if ((filter & EVENTS_UNSEEN) != 0)
		return &unseen_sql;
	if ((filter & EVENTS_MINE) != 0)
		return &mine_sql;
	if (cred->admin)
		return &all_sql;
	return (filter & EVENTS_VISIBLE) != 0 && !cred->trees_private ? &visible_sql : &own_sql;
}

/* Where somebody works from is their own business, and that of the tree's owner. */
static void
hide_places(const struct cred *cred, struct event *e)
{
	if (cred->admin || e->owner == cred->user || e->user == cred->user)
		return;
	e->device = e->peer = (struct bytes_view){0};
}

struct listing {
	struct store *s;
	const struct cred *cred;
	unsigned filter, left; /* so many may still be given */
	int (*each)(void *arg, const struct event *e);
	void *arg;
	uint64_t last; /* that was given */
	bool ended;    /* by each(), or all that were asked for are given */
};

/* Those after since, up to upto. */
static int
list_range(struct listing *l, uint64_t since, uint64_t upto, struct cfs_err *err)
{
	struct db_stmt *st = db_use(l->s->db, pick_list(l->cred, l->filter), err);
	struct event e;
	int rc;

	db_bind_u64(st, 1, since);
	db_bind_u64(st, 2, l->left);
	db_bind_u64(st, 3, l->cred->user);
	db_bind_u64(st, 4, upto);
	while (!l->ended && (rc = db_step(st, err)) == 1) {
		event_from_row(st, &e);
		hide_places(l->cred, &e);
		if (l->each(l->arg, &e) != 0) {
			l->ended = true;
		} else {
			l->last = e.id;
			l->ended = --l->left == 0;
		}
	}
	db_done(st);
	return l->ended || rc >= 0 ? 0 : rc;
}

int
events_list(struct store *s, const struct cred *cred, uint64_t since, unsigned max,
	    const struct event_want *want, int (*each)(void *arg, const struct event *e), void *arg,
	    uint64_t *last_out, struct cfs_err *err)
{
	struct listing l = {s, cred, want->filter, max, each, arg, since, max == 0};
	const struct brief *briefs = s->shared->briefs;
	uint64_t newest = events_hint(s), at = min_u64(since, INT64_MAX), upto;
	bool began;
	int rc;

	*last_out = max_u64(since, newest);
	if (newest != 0)
		at = brief_pass(briefs, cred, want, at, newest);
	if (newest != 0 && at >= newest)
		return 0;
	rc = store_read_begin(s, &began, err);
	if (rc == 0 && newest == 0)
		rc = events_newest(s, &newest, err);
	while (rc == 0 && !l.ended && at < newest) {
		upto = brief_run(briefs, cred, want, at, newest);
		rc = list_range(&l, at, upto, err);
		at = brief_pass(briefs, cred, want, upto, newest);
	}
	/* Everything up to the newest was looked at: what is not for cred need not be looked at again. */
	*last_out = l.ended ? l.last : max_u64(since, newest);
	store_read_end(s, began);
	return rc != 0 ? rc : 1;
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/changes.h"

#include <string.h>

#include "store/impl.h"

#define RANGE_MAX   65536u
/* When a stream was seen last is in two indexes: it is written so often, and not with each change. */
#define SEEN_NS     (60 * NS_PER_S)
#define ANSWERS_MAX 65536u /* of a stream whose client never acknowledges; the oldest give way */

static void
bind_id(struct db_stmt *st, int index, const struct id128 *id)
{
	db_bind_blob(st, index, id->b, sizeof(id->b));
}

/* ---- attaching ---- */

/* Whoever attaches again and again gets a range each time; of the oldest he has had enough. */
static int
drop_old_ranges(struct store *s, const struct id128 *stream, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "DELETE FROM ino_range WHERE stream = ?1 AND first <= (SELECT first FROM ino_range"
	    " WHERE stream = ?1 ORDER BY first DESC LIMIT 1 OFFSET ?2)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, stream);
	db_bind_u64(st, 2, RANGES_MAX);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

static int
add_range(struct store *s, const struct id128 *stream, uint64_t user, uint32_t count,
	  uint64_t *first_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO ino_range (first, count, person, stream) VALUES (?1, ?2, ?3, ?4)"};
	struct db_stmt *st;
	int rc = number_reserve(s, count, first_out, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, *first_out);
	db_bind_u64(st, 2, count);
	db_bind_u64(st, 3, user);
	bind_id(st, 4, stream);
	rc = db_run(st, err);
	return rc < 0 ? rc : drop_old_ranges(s, stream, err);
}

static int
drop_stream(struct store *s, const struct id128 *stream, struct cfs_err *err)
{
	static const struct db_sql sql[] = {
	    {"DELETE FROM answer WHERE stream = ?1"},
	    {"DELETE FROM ino_range WHERE stream = ?1"},
	    {"DELETE FROM stream WHERE id = ?1"},
	};
	int rc = 0;

	change_stream_forget(s);
	for (size_t i = 0; i < ARRAY_SIZE(sql) && rc >= 0; i++) {
		struct db_stmt *st = db_use(s->db, &sql[i], err);

		bind_id(st, 1, stream);
		rc = db_run(st, err);
	}
	return rc < 0 ? rc : 0;
}

/* The user's streams beside this one are fewer than STREAMS_MAX afterwards. */
static int
drop_old_streams(struct store *s, uint64_t user, const struct id128 *but, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT id FROM stream WHERE person = ?1 AND id <> ?2"
					  " ORDER BY seen DESC LIMIT 1 OFFSET ?3"};
	struct id128 old;
	int rc;

	do {
		struct db_stmt *st = db_use(s->db, &sql, err);

		db_bind_u64(st, 1, user);
		bind_id(st, 2, but);
		db_bind_u64(st, 3, STREAMS_MAX - 1);
		rc = db_step(st, err);
		if (rc == 1)
			memcpy(old.b, db_col_blob(st, 0).data, sizeof(old.b));
		db_done(st);
		if (rc == 1 && (rc = drop_stream(s, &old, err)) == 0)
			rc = 1;
	} while (rc == 1);
	return rc;
}

static int
make_stream(struct store *s, uint64_t user, const struct id128 *stream, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO stream (id, person, epoch, last_seq, seen) VALUES (?1, ?2, 0, 0, ?3)"
	    " ON CONFLICT (id) DO NOTHING"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, stream);
	db_bind_u64(st, 2, user);
	db_bind_i64(st, 3, store_now(s));
	int rc = db_run(st, err);
	/* 1: it is new. */
	return rc <= 0 ? rc : drop_old_streams(s, user, stream, err);
}

static int
raise_epoch(struct store *s, uint64_t user, const struct id128 *stream, struct stream_state *out,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE stream SET epoch = epoch + 1, seen = ?3"
	    " WHERE id = ?1 AND person = ?2 RETURNING epoch, last_seq"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	change_stream_forget(s);
	bind_id(st, 1, stream);
	db_bind_u64(st, 2, user);
	db_bind_i64(st, 3, store_now(s));
	int rc = db_step(st, err);
	if (rc == 1) {
		out->epoch = db_col_u64(st, 0);
		out->last_seq = db_col_u64(st, 1);
	}
	db_done(st);
	if (rc == 0)
		rc = err_code(err, CFS_ESTREAMLOST);
	return rc < 0 ? rc : 0;
}

static int
commit_and_sync(struct store *s, int rc, struct cfs_err *err)
{
	uint64_t commit;

	if (rc != 0) {
		store_rollback(s);
		return rc;
	}
	rc = store_commit(s, &commit, err);
	return rc != 0 ? rc : store_sync(s, commit, err);
}

int
stream_attach(struct store *s, uint64_t user, const struct id128 *stream, bool create,
	      uint32_t inodes, struct stream_state *out, struct cfs_err *err)
{
	int rc;

	if (user == 0 || id128_is_zero(stream))
		return err_code(err, CFS_EINVAL);
	memset(out, 0, sizeof(*out));
	out->stream = *stream;
	out->user = user;
	out->ino_count = inodes < RANGE_MAX ? inodes : RANGE_MAX;
	rc = store_begin(s, err);
	if (rc != 0)
		return rc;
	out->gen = s->gen;
	if (create)
		rc = make_stream(s, user, stream, err);
	if (rc == 0)
		rc = raise_epoch(s, user, stream, out, err);
	if (rc == 0 && out->ino_count > 0)
		rc = add_range(s, stream, user, out->ino_count, &out->first_ino, err);
	return commit_and_sync(s, rc, err);
}

int
stream_grant_inodes(struct store *s, const struct stream_state *st, uint32_t inodes,
		    uint64_t *first_out, uint32_t *count_out, uint32_t *gen_out,
		    struct cfs_err *err)
{
	uint32_t count = inodes < RANGE_MAX ? inodes : RANGE_MAX;
	int rc;

	if (count == 0)
		return err_code(err, CFS_EINVAL);
	rc = store_begin(s, err);
	if (rc != 0)
		return rc;
	*gen_out = s->gen;
	*count_out = count;
	rc = add_range(s, &st->stream, st->user, count, first_out, err);
	return commit_and_sync(s, rc, err);
}

/* ---- changes ---- */

static int
forget_answers(struct store *s, const struct stream_cache *c, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM answer WHERE stream = ?1 AND seq <= ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, &c->stream);
	db_bind_u64(st, 2, c->ack);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

int
change_stream_flush(struct store *s, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE stream SET last_seq = ?2 WHERE id = ?1"};
	static const struct db_sql seen_sql = {
	    "UPDATE stream SET last_seq = ?2, seen = ?3 WHERE id = ?1"};
	struct stream_cache *c = &s->stream;
	int64_t now = store_now(s);
	int rc = 0;

	if (c->loaded && c->dirty) {
		bool seen = now - c->seen >= SEEN_NS || now < c->seen;
		struct db_stmt *st = db_use(s->db, seen ? &seen_sql : &sql, err);

		bind_id(st, 1, &c->stream);
		db_bind_u64(st, 2, c->last_seq);
		if (seen) {
			db_bind_i64(st, 3, now);
			c->seen = now;
		}
		rc = db_run(st, err);
		if (c->last_seq > ANSWERS_MAX)
			c->ack = max_u64(c->ack, c->last_seq - ANSWERS_MAX);
		if (rc >= 0)
			rc = c->ack > 0 ? forget_answers(s, c, err) : 0;
	}
	c->dirty = false;
	return rc < 0 ? rc : 0;
}

void
change_stream_forget(struct store *s)
{
	s->stream.loaded = false;
}

static int
load_stream(struct store *s, const struct stream_state *st, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT person, epoch, last_seq, seen FROM stream WHERE id = ?1"};
	struct stream_cache *c = &s->stream;
	struct db_stmt *q;
	int rc;

	if (c->loaded && id128_equal(&c->stream, &st->stream))
		return 0;
	rc = change_stream_flush(s, err);
	if (rc != 0)
		return rc;
	change_stream_forget(s);
	q = db_use(s->db, &sql, err);
	bind_id(q, 1, &st->stream);
	rc = db_step(q, err);
	if (rc == 1) {
		*c = (struct stream_cache){.loaded = true,
					   .stream = st->stream,
					   .user = db_col_u64(q, 0),
					   .epoch = db_col_u64(q, 1),
					   .last_seq = db_col_u64(q, 2),
					   .seen = db_col_i64(q, 3)};
	}
	db_done(q);
	if (rc == 0)
		rc = err_code(err, CFS_ESTREAMLOST);
	return rc < 0 ? rc : 0;
}

/* 1 and the stored answer, or CFS_ESTREAMLOST if it was acknowledged or is too old. */
static int
stored_answer(struct store *s, const struct stream_state *st, uint64_t seq, int *status_out,
	      struct buf *reply, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT status, reply FROM answer WHERE stream = ?1 AND seq = ?2"};
	struct db_stmt *q = db_use(s->db, &sql, err);

	bind_id(q, 1, &st->stream);
	db_bind_u64(q, 2, seq);
	int rc = db_step(q, err);
	if (rc == 1) {
		struct bytes_view text = db_col_blob(q, 1);

		*status_out = (int)db_col_i64(q, 0);
		if (buf_append(reply, text.data, text.len) != 0)
			rc = err_code(err, CFS_ENOMEM);
	} else if (rc == 0) {
		rc = err_set(err, CFS_ESTREAMLOST, "the answer of change %llu is no longer kept",
			     (unsigned long long)seq);
	}
	db_done(q);
	return rc;
}

int
change_begin(struct store *s, const struct stream_state *st, uint64_t seq, uint64_t ack,
	     int *status_out, struct buf *reply, struct cfs_err *err)
{
	struct stream_cache *c = &s->stream;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = load_stream(s, st, err);
	if (rc != 0)
		return rc;
	if (c->epoch > st->epoch)
		return err_code(err, CFS_ESUPERSEDED);
	if (c->epoch < st->epoch || c->user != st->user)
		return err_code(err, CFS_ESTREAMLOST);
	if (seq <= c->last_seq)
		return stored_answer(s, st, seq, status_out, reply, err);
	if (seq != c->last_seq + 1)
		return err_set(err, CFS_ESTREAMLOST, "change %llu came after %llu",
			       (unsigned long long)seq, (unsigned long long)c->last_seq);
	/* Only what was answered can have arrived. */
	c->ack = max_u64(c->ack, min_u64(ack, c->last_seq));
	s->usage_saved = s->usage;
	s->whole = db_write_is_clean(s->db);
	return s->whole ? 0 : db_savepoint(s->db, err);
}

/* Back to where the change began, in the database and in what is known of it here. */
static int
undo(struct store *s, int status, struct cfs_err *err)
{
	int rc = s->whole ? db_restart_write(s->db, err) : db_savepoint_rollback(s->db, err);

	s->usage = s->usage_saved;
	s->path_dir = 0;
	/* The range may have been reserved inside what was undone. */
	if (s->numbers_fresh)
		s->next_number = s->end_number = 0;
	/* No space, and not because content is refused: the engine found the disk full, and may have given up everything. */
	if (status == CFS_ENOSPC && !s->content_refused) {
		space_exhausted(s);
		if (rc != 0)
			rc = err_code(err, CFS_ENOSPC);
	}
	return rc;
}

static int
store_answer(struct store *s, const struct stream_state *st, uint64_t seq, int status,
	     struct bytes_view reply, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO answer (stream, seq, status, reply) VALUES (?1, ?2, ?3, ?4)"};
	struct db_stmt *q = db_use(s->db, &sql, err);

	bind_id(q, 1, &st->stream);
	db_bind_u64(q, 2, seq);
	db_bind_i64(q, 3, status);
	db_bind_blob(q, 4, reply.data, reply.len);
	int rc = db_run(q, err);
	return rc < 0 ? rc : 0;
}

int
change_end(struct store *s, const struct stream_state *st, uint64_t seq, int status,
	   struct bytes_view reply, struct cfs_err *err)
{
	int rc = 0;

	if (status != 0)
		rc = undo(s, status, err);
	else if (!s->whole)
		rc = db_savepoint_release(s->db, err);
	if (rc == 0)
		rc = store_answer(s, st, seq, status, reply, err);
	if (rc != 0)
		return rc;
	s->stream.last_seq = seq;
	s->stream.dirty = true;
	return 0;
}

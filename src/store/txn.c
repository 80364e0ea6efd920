/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/impl.h"

/* What is only true inside one transaction. */
static void
forget(struct store *s)
{
	s->in_txn = false;
	memset(&s->usage, 0, sizeof(s->usage));
	memset(&s->usage_saved, 0, sizeof(s->usage_saved));
	memset(&s->quota, 0, sizeof(s->quota));
	s->last_event = 0;
}

/* What is true as long as nobody else commits. */
static void
forget_known(struct store *s)
{
	memset(&s->stream, 0, sizeof(s->stream));
	s->path_dir = 0;
}

int
store_begin(struct store *s, struct cfs_err *err)
{
	int rc;

	if (s->in_txn || s->in_read)
		return err_set(err, CFS_EFAIL, "a transaction is open");
	store_held_end(s, false);
	rc = store_need_db(s, err);
	if (rc != 0)
		return rc;
	space_look(s);
	rc = shared_lock_write(s->shared, err);
	if (rc != 0)
		return rc;
	rc = shared_check_writable(s->shared, err);
	if (rc == 0)
		rc = space_make(s, err);
	if (rc == 0)
		rc = db_begin_write(s->db, err);
	if (rc != 0) {
		shared_unlock_write(s->shared);
		return rc;
	}
	forget(s);
	if (s->known_until != store_last_commit(s))
		forget_known(s);
	s->in_txn = true;
	return 0;
}

/* Numbers reserved in a transaction that came to nothing are somebody else's now. */
static void
drop_numbers(struct store *s)
{
	if (s->numbers_fresh)
		s->next_number = s->end_number = 0;
	s->numbers_fresh = false;
}

int
store_commit(struct store *s, uint64_t *commit_out, struct cfs_err *err)
{
	int rc;

	if (!s->in_txn)
		return store_need_txn(s, err);
	rc = store_need_txn(s, err);
	if (rc == 0)
		rc = change_stream_flush(s, err);
	if (rc == 0)
		rc = usage_flush(s, err);
	if (rc == 0)
		rc = db_commit(s->db, err);
	if (rc != 0) {
		if (rc == CFS_ENOSPC)
			space_exhausted(s);
		shared_note_failure(s->shared, rc);
		store_rollback(s);
		return rc;
	}
	*commit_out = atomic_fetch_add(&s->shared->committed, 1) + 1;
	s->known_until = *commit_out;
	s->numbers_fresh = false;
	events_published(s);
	forget(s);
	shared_unlock_write(s->shared);
	return 0;
}

void
store_rollback(struct store *s)
{
	if (!s->in_txn)
		return;
	db_rollback(s->db);
	drop_numbers(s);
	forget(s);
	forget_known(s);
	shared_unlock_write(s->shared);
}

bool
store_in_transaction(const struct store *s)
{
	return s->in_txn;
}

int
store_need_txn(struct store *s, struct cfs_err *err)
{
	return s->in_txn ? db_check_write(s->db, err)
			 : err_set(err, CFS_EFAIL, "no transaction is open");
}

/* DESIGN 5: the log cannot begin anew while somebody reads. */
#define HELD_NS (100 * (uint64_t)NS_PER_MS)

void
store_held_end(struct store *s, bool only_old)
{
	if (!s->held || s->in_read)
		return;
	/* A commit is counted before anybody hears of it, so what is not counted yet nobody can miss. */
	if (only_old && s->held_commit == store_last_commit(s) &&
	    now_mono_ns() - s->held_ns < HELD_NS && db_check_write(s->db, NULL) == 0)
		return;
	s->held = false;
	db_end_read(s->db);
}

void
store_hold_reads(struct store *s, bool hold)
{
	s->hold_reads = hold;
	if (!hold)
		store_held_end(s, false);
}

int
store_read_begin(struct store *s, bool *began, struct cfs_err *err)
{
	*began = false;
	int rc = store_need_db(s, err);
	if (rc != 0 || s->in_txn || s->in_read)
		return rc;
	if (!s->held) {
		s->held_commit = store_last_commit(s);
		s->held_ns = now_mono_ns();
		rc = db_begin_read(s->db, err);
	}
	if (rc == 0)
		s->held = s->in_read = *began = true;
	return rc;
}

void
store_read_end(struct store *s, bool began)
{
	if (!began)
		return;
	s->in_read = false;
	if (!s->hold_reads)
		store_held_end(s, false);
}

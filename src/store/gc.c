/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/gc.h"

#include "store/impl.h"

/* Two numbers of the first row; times are bound as ?1. */
static int
count(struct store *s, const struct db_sql *sql, int64_t time, uint64_t *a, uint64_t *b,
      struct cfs_err *err)
{
	struct db_stmt *st = db_use(s->db, sql, err);
	int rc;

	db_bind_i64(st, 1, time);
	rc = db_step(st, err);
	if (rc == 1) {
		*a = db_col_u64(st, 0);
		*b = db_col_u64(st, 1);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
gc_look(struct store *s, struct gc_report *out, struct cfs_err *err)
{
	static const struct db_sql due = {
	    "SELECT count(*), COALESCE(sum(stored), 0) FROM blob WHERE refs = 0 AND idle_until < ?1"};
	static const struct db_sql waiting = {
	    "SELECT count(*), COALESCE(sum(stored), 0) FROM blob WHERE refs = 0 AND idle_until >= ?1"};
	static const struct db_sql versions = {
	    "SELECT count(*), COALESCE(sum(size), 0) FROM attic WHERE kind = 1 AND removed < ?1"};
	static const struct db_sql nameless = {
	    "SELECT (SELECT count(*) FROM unnamed WHERE since < ?1 - ?2)"
	    " + (SELECT count(*) FROM orphan WHERE since < ?1 - ?3), 0"};
	int64_t now = store_now(s);
	bool began;
	int rc = store_read_begin(s, &began, err);

	*out = (struct gc_report){0};
	if (rc != 0)
		return rc;
	rc = count(s, &due, now, &out->blobs, &out->blob_bytes, err);
	if (rc == 0)
		rc = count(s, &waiting, now, &out->waiting, &out->waiting_bytes, err);
	if (rc == 0)
		rc = count(s, &versions, now - s->conf->attic_keep_ms * NS_PER_MS, &out->versions,
			   &out->version_bytes, err);
	if (rc == 0)
		rc = sql_get(
		    s, &nameless,
		    SQL_ARGS((uint64_t)now, (uint64_t)STORE_UNNAMED_NS, (uint64_t)STORE_ORPHAN_NS),
		    &out->nameless, err);
	store_read_end(s, began);
	return rc < 0 ? rc : 0;
}

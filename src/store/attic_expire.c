/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

/* What leaves the attic: by age, over its size, over its owner's quota, for want of disk; or because its owner says so. */

struct attic_row {
	uint64_t id, kind, ino, owner, size;
	int64_t removed;
};

static void
row_from(struct db_stmt *st, struct attic_row *out)
{
	*out = (struct attic_row){
	    .id = db_col_u64(st, 0),
	    .kind = db_col_u64(st, 1),
	    .ino = db_col_u64(st, 2),
	    .owner = db_col_u64(st, 3),
	    .size = db_col_u64(st, 4),
	    .removed = db_col_i64(st, 5),
	};
}

#define ROW_COLUMNS "a.id, a.kind, a.ino, a.owner, a.size, a.removed"

/*
 * Entries come in the order of time, so that the oldest has the lowest id; what somebody has open stays. 1, 0, or a code.
 */
static int
oldest(struct store *s, struct attic_row *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " ROW_COLUMNS
					  " FROM attic a WHERE a.ino NOT IN (SELECT ino FROM hold)"
					  " ORDER BY a.id LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc = db_step(st, err);

	if (rc == 1)
		row_from(st, out);
	db_done(st);
	return rc;
}

/* The oldest entry that can go of a user whose files and attic together are over the quota. */
static int
oldest_over_quota(struct store *s, struct attic_row *out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT " ROW_COLUMNS " FROM usage u JOIN person p ON p.id = u.person"
	    " JOIN attic a ON a.id = (SELECT b.id FROM attic b WHERE b.owner = u.person"
	    " AND b.ino NOT IN (SELECT ino FROM hold) ORDER BY b.id LIMIT 1)"
	    " WHERE u.attic > 0 AND COALESCE(p.quota, ?1) > 0"
	    " AND u.bytes + u.attic > COALESCE(p.quota, ?1) LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, s->conf->quota_bytes);
	int rc = db_step(st, err);
	if (rc == 1)
		row_from(st, out);
	db_done(st);
	return rc;
}

/* Content that nobody is to have any more: gone, or, where that takes long, the keeper's to take apart. */
static int
give_up(struct store *s, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql list = {"INSERT INTO orphan (ino, since) VALUES (?1, 0)"};
	static const struct db_sql hide = {"UPDATE inode SET gen = ?2 WHERE ino = ?1"};
	int rc = inode_is_long(s, ino, err);

	if (rc != 1)
		return rc < 0 ? rc : inode_delete(s, ino, err);
	rc = sql_run(s, &list, SQL_ARGS(ino), err);
	if (rc >= 0)
		rc = sql_run(s, &hide, SQL_ARGS(ino, (uint64_t)GEN_TAKEN_APART), err);
	return rc < 0 ? rc : 0;
}

static int
discard(struct store *s, const struct attic_row *row, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM attic WHERE id = ?1"};
	int rc = sql_run(s, &sql, SQL_ARGS(row->id), err);

	if (rc >= 0 && row->size > 0)
		rc = usage_add_attic(s, row->owner, -(int64_t)row->size, err);
	if (rc < 0)
		return rc;
	return row->kind == ATTIC_CONTENT ? give_up(s, row->ino, err) : 0;
}

/* Content that somebody has open goes when that ends. */
static int
keep_for_holders(struct store *s, struct attic_row *row, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO orphan (ino, since) SELECT ino, ?2 FROM hold"
					  " WHERE ino = ?1"};
	int rc = 0;

	if (row->kind == ATTIC_CONTENT)
		rc = sql_run(s, &sql, SQL_ARGS(row->ino, (uint64_t)store_now(s)), err);
	/* Then only the entry goes. */
	if (rc > 0)
		row->kind = ATTIC_NAME;
	return rc < 0 ? rc : 0;
}

static int
is_over_size(struct store *s, bool *over_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT COALESCE(sum(attic), 0) FROM usage"};
	uint64_t bytes = 0;
	int rc = 0;

	if (s->conf->attic_max_bytes != 0) {
		rc = usage_flush(s, err);
		if (rc == 0)
			rc = sql_get(s, &sql, NULL, 0, &bytes, err);
	}
	*over_out = bytes > s->conf->attic_max_bytes;
	return rc < 0 ? rc : 0;
}

/* The entry that has to go now: 1, 0, or a code. */
static int
next_to_go(struct store *s, struct attic_row *out, struct cfs_err *err)
{
	bool over = false;
	int rc = oldest(s, out, err);

	if (rc <= 0)
		return rc;
	if (out->removed < store_now(s) - s->conf->attic_keep_ms * NS_PER_MS || space_is_short(s))
		return 1;
	rc = is_over_size(s, &over, err);
	if (rc != 0 || over)
		return rc != 0 ? rc : 1;
	rc = usage_flush(s, err);
	return rc != 0 ? rc : oldest_over_quota(s, out, err);
}

int
attic_expire(struct store *s, unsigned max, unsigned *count_out, struct cfs_err *err)
{
	uint64_t deadline = deadline_from_ms(STORE_KEEP_MS);
	struct attic_row row;
	int rc;

	for (*count_out = 0; *count_out < max; (*count_out)++) {
		if (deadline_passed(deadline)) {
			*count_out = max;
			break;
		}
		rc = next_to_go(s, &row, err);
		if (rc == 1)
			rc = discard(s, &row, err);
		else
			return rc;
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
attic_prune(struct store *s, const struct cred *cred, uint64_t id, uint64_t ino,
	    uint64_t *bytes_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " ROW_COLUMNS
					  " FROM attic a WHERE a.id = ?1 AND a.ino = ?2"};
	struct attic_row row;
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	*bytes_out = 0;
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, id);
	db_bind_u64(st, 2, ino);
	rc = db_step(st, err);
	if (rc == 1)
		row_from(st, &row);
	db_done(st);
	if (rc != 1)
		return rc;
	if (!cred_owns(cred, row.owner))
		return err_code(err, CFS_EDENIED);
	*bytes_out = row.size;
	rc = keep_for_holders(s, &row, err);
	if (rc == 0)
		rc = discard(s, &row, err);
	return rc != 0 ? rc : 1;
}

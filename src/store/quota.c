/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/quota.h"

#include "store/impl.h"

/*
 * What a user's files may take together. Only growth is refused: who is over the quota, because it was lowered, may still
 * rename and delete. The attic does not count against its owner; it gives way where both together are over (attic_expire.c).
 */

int
quota_get(struct store *s, uint64_t user, struct quota *out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT COALESCE(u.bytes, 0), COALESCE(u.files, 0), COALESCE(u.attic, 0), p.quota"
	    " FROM person p LEFT JOIN usage u ON u.person = p.id WHERE p.id = ?1"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	*out = (struct quota){0};
	if (rc == 0 && s->in_txn)
		rc = usage_flush(s, err);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, user);
	rc = db_step(st, err);
	if (rc == 1) {
		out->used_bytes = db_col_u64(st, 0);
		out->files = db_col_u64(st, 1);
		out->attic_bytes = db_col_u64(st, 2);
		out->is_default = db_col_null(st, 3);
		out->limit = out->is_default ? s->conf->quota_bytes : db_col_u64(st, 3);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
quota_set(struct store *s, uint64_t user, bool is_default, uint64_t limit, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE person SET quota = ?2 WHERE id = ?1"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc == 0 && limit > (uint64_t)STORE_FILE_MAX)
		rc = err_set(err, CFS_EINVAL, "a quota cannot be as large as that");
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, user);
	if (is_default)
		db_bind_null(st, 2);
	else
		db_bind_u64(st, 2, limit);
	rc = db_run(st, err);
	if (rc == 0)
		return err_code(err, CFS_ENOENT);
	return rc < 0 ? rc : 0;
}

/* Without writing what the transaction has gathered, which quota_get() would. */
static int
load(struct store *s, uint64_t user, struct quota_cache *out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT COALESCE(p.quota, ?2), COALESCE(u.bytes, 0)"
	    " FROM person p LEFT JOIN usage u ON u.person = p.id WHERE p.id = ?1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	*out = (struct quota_cache){.owner = user};
	db_bind_u64(st, 1, user);
	db_bind_u64(st, 2, s->conf->quota_bytes);
	int rc = db_step(st, err);
	if (rc == 1) {
		out->limit = db_col_u64(st, 0);
		out->bytes = db_col_i64(st, 1);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
quota_check(struct store *s, struct cfs_err *err)
{
	const struct usage_delta *now = &s->usage, *before = &s->usage_saved;
	int64_t had = before->owner == now->owner ? before->bytes : 0;
	int rc = 0;

	if (now->owner == 0 || now->bytes <= had)
		return 0;
	if (s->quota.owner != now->owner)
		rc = load(s, now->owner, &s->quota, err);
	if (rc != 0 || s->quota.limit == 0)
		return rc;
	/* Holes count, so that the sum can be more than there are numbers. */
	return now->bytes > (int64_t)s->quota.limit - s->quota.bytes ? err_code(err, CFS_EQUOTA)
								     : 0;
}

int
quota_check_full(struct store *s, uint64_t user, struct cfs_err *err)
{
	struct quota_cache q;
	int rc = load(s, user, &q, err);

	return rc == 0 && q.limit != 0 && q.bytes >= (int64_t)q.limit ? err_code(err, CFS_EQUOTA)
								      : rc;
}

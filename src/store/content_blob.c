/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/blobfmt.h"
#include "store/impl.h"
#include "store/quota.h"

#define NAMED_WITHIN_NS   (24 * 3600 * NS_PER_S) /* from the reservation on */
#define WRITTEN_WITHIN_NS (3600 * NS_PER_S)      /* ... from when it is begun on, at the most */
#define KEEP_UNUSED_NS    (600 * NS_PER_S) /* of a blob that was in use: its bytes may come back */
#define RESERVE_MAX       1024u

static void
bind_id(struct db_stmt *st, int index, const struct id128 *id)
{
	db_bind_blob(st, index, id->b, sizeof(id->b));
}

static int
insert_reserved(struct store *s, uint64_t user, const struct id128 *id, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO blob (id, owner, state, refs, length, stored, sha, idle_until)"
	    " VALUES (?1, ?2, 0, 0, 0, 0, NULL, ?3)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, id);
	db_bind_u64(st, 2, user);
	db_bind_i64(st, 3, store_now(s) + NAMED_WITHIN_NS);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

int
content_blob_reserve(struct store *s, uint64_t user, unsigned count, struct id128 *ids_out,
		     struct cfs_err *err)
{
	uint64_t commit;
	int rc;

	if (user == 0 || count == 0 || count > RESERVE_MAX)
		return err_code(err, CFS_EINVAL);
	rc = store_begin(s, err);
	if (rc != 0)
		return rc;
	rc = space_check(s, err);
	if (rc == 0)
		rc = quota_check_full(s, user, err);
	for (unsigned i = 0; i < count && rc == 0; i++) {
		ids_out[i] = id128_random();
		rc = insert_reserved(s, user, &ids_out[i], err);
	}
	if (rc != 0) {
		store_rollback(s);
		return rc;
	}
	rc = store_commit(s, &commit, err);
	return rc != 0 ? rc : store_sync(s, commit, err);
}

/* Whether a statement of a blob and a time finds it: 1, 0 or a code. */
static int
is_there(struct store *s, const struct db_sql *sql, const struct id128 *id, int64_t until,
	 struct cfs_err *err)
{
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, sql, err);
	bind_id(st, 1, id);
	db_bind_i64(st, 2, until);
	rc = db_step(st, err);
	db_done(st);
	return rc;
}

int
content_blob_is_reserved(struct store *s, const struct id128 *id, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT 1 FROM blob WHERE id = ?1 AND state = 0 AND idle_until > ?2"};

	return is_there(s, &sql, id, store_now(s) + WRITTEN_WITHIN_NS, err);
}

int
content_blob_find(struct store *s, uint64_t user, const struct sha256 *hash, uint32_t length,
		  struct id128 *id_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT b.id FROM blob_owner o JOIN blob b ON b.id = o.blob"
	    " WHERE o.sha = ?1 AND o.owner = ?2 AND b.state = 1 AND b.length = ?3 LIMIT 1"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, hash->b, sizeof(hash->b));
	db_bind_u64(st, 2, user);
	db_bind_u64(st, 3, length);
	rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view id = db_col_blob(st, 0);

		if (id.len == sizeof(id_out->b))
			memcpy(id_out->b, id.data, id.len);
		else
			rc = err_set(err, CFS_ECORRUPT, "database: bad blob id");
	}
	db_done(st);
	return rc;
}

int
content_blob_stays(struct store *s, const struct id128 *id, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT 1 FROM blob WHERE id = ?1 AND state = 1 AND (refs > 0 OR idle_until > ?2)"};

	return is_there(s, &sql, id, store_now(s) + NAMED_WITHIN_NS / 2, err);
}

int
content_blob_keep(struct store *s, const struct id128 *id, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE blob SET idle_until = max(idle_until, ?2) WHERE id = ?1 AND state = 1"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	bind_id(st, 1, id);
	db_bind_i64(st, 2, store_now(s) + NAMED_WITHIN_NS);
	rc = db_run(st, err);
	if (rc == 0)
		return err_code(err, CFS_EBLOBGONE);
	return rc < 0 ? rc : 0;
}

int
content_blob_write(struct store *s, const struct id128 *id, const void *raw, uint32_t length,
		   uint32_t *stored_out, struct cfs_err *err)
{
	return blobfmt_write(s->blobs, id, raw, length, stored_out, err);
}

int
blob_add_owner(struct store *s, const struct id128 *blob, uint64_t owner, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO blob_owner (sha, owner, blob)"
					  " SELECT sha, ?2, id FROM blob WHERE id = ?1"
					  " ON CONFLICT DO NOTHING"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, blob);
	db_bind_u64(st, 2, owner);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

int
content_blob_ready(struct store *s, uint64_t user, const struct id128 *id,
		   const struct sha256 *hash, uint32_t length, uint32_t stored, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE blob SET state = 1, sha = ?3, length = ?4, stored = ?5, idle_until = ?6"
	    " WHERE id = ?1 AND owner = ?2 AND state = 0"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	bind_id(st, 1, id);
	db_bind_u64(st, 2, user);
	db_bind_blob(st, 3, hash->b, sizeof(hash->b));
	db_bind_u64(st, 4, length);
	db_bind_u64(st, 5, stored);
	db_bind_i64(st, 6, store_now(s) + NAMED_WITHIN_NS);
	rc = db_run(st, err);
	if (rc == 0)
		return err_code(err, CFS_EBLOBGONE);
	return rc < 0 ? rc : blob_add_owner(s, id, user, err);
}

int
blob_ref(struct store *s, const struct id128 *blob, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE blob SET refs = refs + 1 WHERE id = ?1 AND state = 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, blob);
	int rc = db_run(st, err);
	if (rc == 0)
		return err_set(err, CFS_ECORRUPT, "database: a blob in use is gone");
	return rc < 0 ? rc : 0;
}

int
blob_unref(struct store *s, const struct id128 *blob, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE blob SET refs = refs - 1,"
	    " idle_until = CASE WHEN refs = 1 THEN ?2 ELSE idle_until END"
	    " WHERE id = ?1 AND refs > 0"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	bind_id(st, 1, blob);
	db_bind_i64(st, 2, store_now(s) + KEEP_UNUSED_NS);
	int rc = db_run(st, err);
	if (rc == 0)
		return err_set(err, CFS_ECORRUPT, "database: a blob's references are miscounted");
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/impl.h"
#include "store/people.h"

/* ---- devices ---- */

#define DEVICE_COLUMNS "fingerprint, person, name, created, seen"

static void
device_from_row(struct db_stmt *st, struct person_device *out)
{
	struct bytes_view fp = db_col_blob(st, 0), name = db_col_blob(st, 2);

	memset(out, 0, sizeof(*out));
	memcpy(out->fingerprint.b, fp.data, min_size(fp.len, sizeof(out->fingerprint.b)));
	memcpy(out->name, name.data, min_size(name.len, PEOPLE_DEVICE_MAX));
	out->user = db_col_u64(st, 1);
	out->created_ns = db_col_i64(st, 3);
	out->last_seen_ns = db_col_i64(st, 4);
}

/* 1, 0 if the key is unknown, or a code. */
static int
find_device(struct store *s, const struct sha256 *fingerprint, struct person_device *out,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " DEVICE_COLUMNS
					  " FROM device WHERE fingerprint = ?1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_blob(st, 1, fingerprint->b, sizeof(fingerprint->b));
	int rc = db_step(st, err);
	if (rc == 1)
		device_from_row(st, out);
	db_done(st);
	return rc;
}

int
people_device_add(struct store *s, uint64_t user, const struct sha256 *fingerprint,
		  const char *name, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO device (fingerprint, person, name, created, seen)"
	    " VALUES (?1, ?2, ?3, ?4, ?4)"
	    " ON CONFLICT (fingerprint) DO UPDATE SET name = ?3 WHERE device.person = ?2"};
	char cut[PEOPLE_DEVICE_MAX + 1] = "";
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	memcpy(cut, name, strnlen(name, PEOPLE_DEVICE_MAX));
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, fingerprint->b, sizeof(fingerprint->b));
	db_bind_u64(st, 2, user);
	db_bind_text(st, 3, cut);
	db_bind_i64(st, 4, store_now(s));
	rc = db_run(st, err);
	if (rc == 0)
		return err_set(err, CFS_EEXIST, "this device key belongs to another user");
	return rc < 0 ? rc : 0;
}

int
people_by_device(struct store *s, const struct sha256 *fingerprint, struct person *out,
		 struct person_device *device_out, struct cfs_err *err)
{
	int rc = store_need_db(s, err);

	if (rc == 0)
		rc = find_device(s, fingerprint, device_out, err);
	if (rc == 0)
		return err_set(err, CFS_EAUTH, "this device is not enrolled");
	if (rc == 1)
		rc = people_by_id(s, device_out->user, out, err);
	if (rc == 0 && out->disabled)
		rc = err_set(err, CFS_EAUTH, "user %s is disabled", out->name);
	return rc;
}

int
people_devices(struct store *s, uint64_t user,
	       int (*each)(void *arg, const struct person_device *d), void *arg,
	       struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT " DEVICE_COLUMNS
	    " FROM device WHERE person = ?1 ORDER BY created, fingerprint"};
	struct person_device d;
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, user);
	while ((rc = db_step(st, err)) == 1) {
		device_from_row(st, &d);
		if (each(arg, &d) != 0)
			break;
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
people_device_revoke(struct store *s, uint64_t user, const struct sha256 *fingerprint,
		     struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "DELETE FROM device WHERE fingerprint = ?1 AND person = ?2"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, fingerprint->b, sizeof(fingerprint->b));
	db_bind_u64(st, 2, user);
	rc = db_run(st, err);
	if (rc == 0)
		return err_set(err, CFS_ENOENT, "no such device");
	return rc < 0 ? rc : 0;
}

int
people_devices_forget(struct store *s, uint64_t user, unsigned *count_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM device WHERE person = ?1"};
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	rc = sql_run(s, &sql, SQL_ARGS(user), err);
	*count_out = rc > 0 ? (unsigned)rc : 0;
	return rc < 0 ? rc : 0;
}

int
people_device_seen(struct store *s, const struct sha256 *fingerprint, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE device SET seen = ?2 WHERE fingerprint = ?1"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, fingerprint->b, sizeof(fingerprint->b));
	db_bind_i64(st, 2, store_now(s));
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

/* ---- invites ---- */

#define SECRET_BYTES 32

int
people_invite_make(struct store *s, uint64_t user, int64_t expires_ns, char *secret_out,
		   struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO invite (hash, person, expires, used) VALUES (?1, ?2, ?3, 0)"};
	unsigned char secret[SECRET_BYTES];
	struct sha256 hash;
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	rand_bytes(secret, sizeof(secret));
	size_t len = base64_encode(secret_out, BASE64_URL, secret, sizeof(secret));
	secure_wipe(secret, sizeof(secret));
	rc = sha256_once(s->sha, secret_out, len, &hash);
	if (rc != 0)
		return err_code(err, rc);
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, hash.b, sizeof(hash.b));
	db_bind_u64(st, 2, user);
	db_bind_i64(st, 3, expires_ns);
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

/* Only who holds the secret can ask for its hash, so telling what is wrong with it tells nobody else. */
static int
check_invite(struct store *s, const struct sha256 *hash, uint64_t *user_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT person, expires, used FROM invite WHERE hash = ?1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int64_t expires = 0, used = 0;

	db_bind_blob(st, 1, hash->b, sizeof(hash->b));
	int rc = db_step(st, err);
	if (rc == 1) {
		*user_out = db_col_u64(st, 0);
		expires = db_col_i64(st, 1);
		used = db_col_i64(st, 2);
	}
	db_done(st);
	if (rc == 0)
		return err_set(err, CFS_EAUTH, "not a valid invite");
	if (rc < 0)
		return rc;
	if (used != 0)
		return err_set(err, CFS_EAUTH, "this invite was used already");
	return expires > store_now(s) ? 0 : err_set(err, CFS_EAUTH, "this invite has expired");
}

int
people_invite_use(struct store *s, const char *secret, size_t len, struct person *out,
		  struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE invite SET used = ?2 WHERE hash = ?1"};
	struct sha256 hash;
	struct db_stmt *st;
	uint64_t user = 0;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = sha256_once(s->sha, secret, len, &hash);
	if (rc == 0)
		rc = check_invite(s, &hash, &user, err);
	if (rc == 0)
		rc = people_by_id(s, user, out, err);
	if (rc == 0 && out->disabled)
		rc = err_set(err, CFS_EAUTH, "user %s is disabled", out->name);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, hash.b, sizeof(hash.b));
	db_bind_i64(st, 2, store_now(s));
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

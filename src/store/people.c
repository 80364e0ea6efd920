/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/people.h"

#include <sodium.h>
#include <string.h>

#include "store/impl.h"

/* argon2id: about 0.1 s on one core; the memory is what makes guessing dear, and what many sign-ins at once cost. */
#define PASSWORD_OPS    crypto_pwhash_OPSLIMIT_INTERACTIVE
#define PASSWORD_MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

#define PERSON_COLUMNS                                                                             \
	"p.id, p.name, p.disabled, p.home, p.created,"                                             \
	" (SELECT count(*) FROM device d WHERE d.person = p.id)"

static void
person_from_row(struct db_stmt *st, struct person *out)
{
	struct bytes_view name = db_col_blob(st, 1);
	size_t len = min_size(name.len, PEOPLE_NAME_MAX);

	memset(out, 0, sizeof(*out));
	out->id = db_col_u64(st, 0);
	memcpy(out->name, name.data, len);
	out->disabled = db_col_i64(st, 2) != 0;
	out->home = db_col_u64(st, 3);
	out->created_ns = db_col_i64(st, 4);
	out->devices = (unsigned)db_col_u64(st, 5);
}

static int
check_user_name(const char *name, struct cfs_err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t len = strlen(name);

	if (len == 0 || len > PEOPLE_NAME_MAX || strspn(name, allowed) != len || name[0] == '.' ||
	    name[0] == '-')
		return err_set(
		    err, CFS_EBADNAME,
		    "a user name is 1 to %u of A-Z a-z 0-9 . _ - and begins with none of . -",
		    PEOPLE_NAME_MAX);
	return 0;
}

/* ---- adding ---- */

static int
insert_person(struct store *s, const char *name, uint64_t home, uint64_t *id_out,
	      struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO person (name, disabled, home, password, created)"
	    " VALUES (?1, 0, ?2, NULL, ?3) RETURNING id"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_text(st, 1, name);
	db_bind_u64(st, 2, home);
	db_bind_i64(st, 3, store_now(s));
	int rc = db_step(st, err);
	if (rc == 1)
		*id_out = db_col_u64(st, 0);
	db_done(st);
	if (rc == CFS_EEXIST)
		return err_set(err, CFS_EEXIST, "user %s: %s", name, err_text(CFS_EEXIST));
	return rc < 0 ? rc : 0;
}

static int
make_home(struct store *s, const char *name, uint64_t user, uint64_t home, struct cfs_err *err)
{
	int64_t now = store_now(s);
	struct dentry d = {STORE_ROOT_INO, home, home};
	struct inode in = {
	    .a = {.ino = home,
		  .gen = s->gen,
		  .type = INODE_DIR,
		  .mode = 0755,
		  .nlink = 2,
		  .version = 1,
		  .atime_ns = now,
		  .mtime_ns = now,
		  .ctime_ns = now,
		  .btime_ns = now,
		  .owner = user,
		  .uploader = user},
	    .parent = STORE_ROOT_INO,
	    .dent = home,
	};
	int rc = inode_insert(s, &in, (struct bytes_view){NULL, 0}, err);

	if (rc == 0)
		rc = dentry_insert(s, &d, (struct bytes_view){name, strlen(name)}, err);
	if (rc == 0)
		rc = inode_touch_dir(s, STORE_ROOT_INO, 1, 1, now, err);
	return rc;
}

int
people_add(struct store *s, const char *name, struct person *out, struct cfs_err *err)
{
	uint64_t home = 0, user = 0;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = check_user_name(name, err);
	if (rc == 0)
		rc = number_take(s, &home, err);
	if (rc == 0)
		rc = insert_person(s, name, home, &user, err);
	if (rc == 0)
		rc = make_home(s, name, user, home, err);
	return rc == 0 ? people_by_id(s, user, out, err) : rc;
}

/* ---- looking ---- */

/* One row of a bound statement with PERSON_COLUMNS. */
static int
one_person(struct db_stmt *st, struct person *out, struct cfs_err *err)
{
	int rc = db_step(st, err);

	if (rc == 1)
		person_from_row(st, out);
	db_done(st);
	if (rc == 0)
		return err_set(err, CFS_ENOENT, "no such user");
	return rc < 0 ? rc : 0;
}

int
people_by_name(struct store *s, const char *name, struct person *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " PERSON_COLUMNS
					  " FROM person p WHERE p.name = ?1"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_text(st, 1, name);
	return one_person(st, out, err);
}

int
people_by_id(struct store *s, uint64_t id, struct person *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " PERSON_COLUMNS
					  " FROM person p WHERE p.id = ?1"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, id);
	return one_person(st, out, err);
}

int
people_list(struct store *s, int (*each)(void *arg, const struct person *p), void *arg,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " PERSON_COLUMNS " FROM person p ORDER BY p.id"};
	struct db_stmt *st;
	struct person p;
	int rc = store_need_db(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	while ((rc = db_step(st, err)) == 1) {
		person_from_row(st, &p);
		if (each(arg, &p) != 0)
			break;
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
people_set_disabled(struct store *s, uint64_t user, bool disabled, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE person SET disabled = ?2 WHERE id = ?1"};
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	rc = sql_run(s, &sql, SQL_ARGS(user, disabled), err);
	if (rc == 0)
		return err_set(err, CFS_ENOENT, "no such user");
	return rc < 0 ? rc : 0;
}

/* ---- passwords ---- */

int
people_hash_password(const char *password, size_t len, char *out, struct cfs_err *err)
{
	_Static_assert(crypto_pwhash_STRBYTES <= PEOPLE_HASH_SIZE, "a hash fits");

	if (sodium_init() < 0 ||
	    crypto_pwhash_str(out, password, len, PASSWORD_OPS, PASSWORD_MEMORY) != 0)
		return err_set(err, CFS_ENOMEM, "hash a password: out of memory");
	return 0;
}

int
people_set_password(struct store *s, uint64_t user, const char *hash, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE person SET password = ?2 WHERE id = ?1"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, user);
	if (hash != NULL)
		db_bind_text(st, 2, hash);
	else
		db_bind_null(st, 2);
	rc = db_run(st, err);
	if (rc == 0)
		return err_set(err, CFS_ENOENT, "no such user");
	return rc < 0 ? rc : 0;
}

int
people_password_hash(struct store *s, const char *name, char hash[PEOPLE_HASH_SIZE],
		     struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT password FROM person WHERE name = ?1"};
	struct db_stmt *st;
	int rc = store_need_db(s, err);

	memset(hash, 0, PEOPLE_HASH_SIZE);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_text(st, 1, name);
	rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view v = db_col_blob(st, 0);

		if (v.len < PEOPLE_HASH_SIZE)
			memcpy(hash, v.data, v.len);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

int
people_password_right(const char *hash, const char *password, size_t len, bool *right_out,
		      struct cfs_err *err)
{
	char dummy[PEOPLE_HASH_SIZE];

	*right_out = false;
	/* Making a hash costs what checking one does: who does not exist looks like who does. */
	if (hash[0] == '\0')
		return people_hash_password(password, len, dummy, err);
	*right_out = crypto_pwhash_str_verify(hash, password, len) == 0;
	return 0;
}

int
people_by_password(struct store *s, const char *name, bool right, struct person *out,
		   struct cfs_err *err)
{
	int rc = right ? people_by_name(s, name, out, err)
		       : err_set(err, CFS_EAUTH, "wrong user name or password");

	if (rc == 0 && out->disabled)
		rc = err_set(err, CFS_EAUTH, "user %s is disabled", name);
	return rc;
}

int
people_check_password(struct store *s, const char *name, const char *password, size_t len,
		      struct person *out, struct cfs_err *err)
{
	char hash[PEOPLE_HASH_SIZE];
	bool right = false;
	int rc = people_password_hash(s, name, hash, err);

	if (rc == 0)
		rc = people_password_right(hash, password, len, &right, err);
	secure_wipe(hash, sizeof(hash));
	return rc != 0 ? rc : people_by_password(s, name, right, out, err);
}

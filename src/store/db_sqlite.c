/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/db_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "store/db_sqlite_log.h"

#define BUSY_TIMEOUT_MS 5000
#define FIRST_SLOTS     64u /* a power of two, as all later sizes of the table */

struct db_stmt {
	struct db *db;
	sqlite3_stmt *handle;
	const struct db_sql *sql;
	int bind_error; /* SQLite's code of the first failed bind */
	bool busy;
};

/*
 * Can only be chosen before the first page is made; later, asking for it again would wait for writers. Pages stay at
 * SQLite's 4 KiB: with 8 KiB a put of 2 KiB takes 29 us of the processor instead of 23, and no read is faster.
 */
static const char first_pragmas[] = "PRAGMA auto_vacuum = INCREMENTAL;";
#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
static const char pragmas[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA journal_size_limit = " TEXT_OF(
	DB_LOG_KEPT_BYTES) ";"
			   "PRAGMA secure_delete = FAST;" /* Debian's default writes every freed page */
			   "PRAGMA foreign_keys = OFF;"
			   "PRAGMA temp_store = MEMORY;"
			   "PRAGMA cache_size = -2048;"
			   "SELECT count(*) FROM sqlite_schema;"; /* makes the -wal file */

static int
code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		return CFS_EEXIST;
	case SQLITE_FULL:
		return CFS_ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return CFS_ECORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return CFS_EBUSY;
	case SQLITE_NOMEM:
		return CFS_ENOMEM;
	case SQLITE_READONLY:
		return CFS_EREADONLY;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return CFS_EIO;
	default:
		return CFS_EFAIL;
	}
}

int
db_sqlite_fail(struct db *db, int rc, struct cfs_err *err)
{
	db->failed = code_of(rc);
	/* Some errors undo the transaction. */
	if (db->handle != NULL && sqlite3_get_autocommit(db->handle) != 0)
		sqlite_log_forget(db->handle);
	return err_set(err, db->failed, "database: %s (%d)",
		       db->handle != NULL ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc), rc);
}

static int
open_wal(struct db *db, const char *path, struct cfs_err *err)
{
	char *wal = sqlite3_mprintf("%s-wal", path);
	int rc = 0;

	if (wal == NULL)
		return err_code(err, CFS_ENOMEM);
	db->wal_fd = io_open(wal, O_RDWR, 0);
	if (db->wal_fd < 0)
		rc = err_set_errno(err, errno, "open %s", wal);
	sqlite3_free(wal);
	return rc;
}

static bool
is_new(const char *path)
{
	struct stat st;

	return path == NULL || stat(path, &st) != 0 || st.st_size == 0;
}

struct db *
db_sqlite_new(struct cfs_err *err)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db != NULL) {
		db->wal_fd = -1;
		db->slots = calloc(FIRST_SLOTS, sizeof(struct db_stmt *));
		db->slot_count = FIRST_SLOTS;
	}
	if (db == NULL || db->slots == NULL) {
		free(db);
		(void)err_code(err, CFS_ENOMEM);
		return NULL;
	}
	return db;
}

/* Every allocation would be counted, under a mutex of the process. */
static void
stop_counting(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int
db_sqlite_open(const char *path, struct db **db_out, struct cfs_err *err)
{
	/* The caller's thread alone uses the handle; the schema makes the file, nobody else does. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db = db_sqlite_new(err);
	int res, rc = 0;

	(void)pthread_once(&once, stop_counting);

	*db_out = NULL;
	if (db == NULL)
		return CFS_ENOMEM;
	res = sqlite3_open_v2(path != NULL ? path : ":memory:", &db->handle, flags,
			      path != NULL ? sqlite_log_vfs() : NULL);
	if (res != SQLITE_OK) {
		rc = db_sqlite_fail(db, res, err);
		goto out;
	}
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	if (is_new(path))
		rc = db_exec(db, first_pragmas, err);
	if (rc == 0)
		rc = db_exec(db, pragmas, err);
	if (rc == 0 && path != NULL)
		rc = open_wal(db, path, err);
out:
	if (rc != 0) {
		db_close(db);
		return path != NULL ? err_wrap(err, "%s", path) : rc;
	}
	*db_out = db;
	return 0;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < db->slot_count; i++) {
		if (db->slots[i] != NULL) {
			(void)sqlite3_finalize(db->slots[i]->handle);
			free(db->slots[i]);
		}
	}
	free(db->slots);
	(void)sqlite3_close(db->handle);
	fd_close(&db->wal_fd);
	free(db);
}

int
db_exec(struct db *db, const char *sql, struct cfs_err *err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_sqlite_fail(db, rc, err);
}

/* The slot that holds sql, or the empty one where it belongs. */
static struct db_stmt **
find_slot(struct db_stmt **slots, size_t count, const struct db_sql *sql)
{
	size_t i = (size_t)(((uintptr_t)sql >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32);

	for (;; i++) {
		struct db_stmt **slot = &slots[i & (count - 1)];

		if (*slot == NULL || (*slot)->sql == sql)
			return slot;
	}
}

static int
grow_slots(struct db *db, struct cfs_err *err)
{
	size_t count = db->slot_count * 2;
	struct db_stmt **slots = calloc(count, sizeof(struct db_stmt *));

	if (slots == NULL)
		return err_code(err, CFS_ENOMEM);
	for (size_t i = 0; i < db->slot_count; i++) {
		if (db->slots[i] != NULL)
			*find_slot(slots, count, db->slots[i]->sql) = db->slots[i];
	}
	free(db->slots);
	db->slots = slots;
	db->slot_count = count;
	return 0;
}

static struct db_stmt *
prepare(struct db *db, const struct db_sql *sql, struct cfs_err *err)
{
	struct db_stmt *st;

	if (db->used >= db->slot_count / 2 && grow_slots(db, err) != 0)
		return NULL;
	st = calloc(1, sizeof(*st));
	if (st == NULL) {
		(void)err_code(err, CFS_ENOMEM);
		return NULL;
	}
	st->db = db;
	st->sql = sql;
	int rc = sqlite3_prepare_v3(db->handle, sql->text, -1, SQLITE_PREPARE_PERSISTENT,
				    &st->handle, NULL);
	if (rc != SQLITE_OK) {
		(void)db_sqlite_fail(db, rc, err);
		(void)err_wrap(err, "prepare \"%.60s\"", sql->text);
		free(st);
		return NULL;
	}
	*find_slot(db->slots, db->slot_count, sql) = st;
	db->used++;
	return st;
}

struct db_stmt *
db_use(struct db *db, const struct db_sql *sql, struct cfs_err *err)
{
	struct db_stmt *st = *find_slot(db->slots, db->slot_count, sql);

	if (st == NULL)
		st = prepare(db, sql, err);
	if (st == NULL)
		return NULL;
	if (st->busy) {
		(void)err_set(err, CFS_EFAIL, "statement in use: \"%.60s\"", sql->text);
		return NULL;
	}
	st->busy = true;
	st->bind_error = SQLITE_OK;
	return st;
}

static void
note_bind(struct db_stmt *st, int rc)
{
	if (rc != SQLITE_OK && st->bind_error == SQLITE_OK)
		st->bind_error = rc;
}

void
db_bind_i64(struct db_stmt *st, int index, int64_t value)
{
	if (st != NULL)
		note_bind(st, sqlite3_bind_int64(st->handle, index, value));
}

void
db_bind_u64(struct db_stmt *st, int index, uint64_t value)
{
	db_bind_i64(st, index, (int64_t)value);
}

void
db_bind_blob(struct db_stmt *st, int index, const void *data, size_t len)
{
	/* A NULL pointer would make it an SQL NULL, also for no bytes. */
	if (st != NULL)
		note_bind(st, sqlite3_bind_blob64(st->handle, index, data != NULL ? data : "", len,
						  SQLITE_STATIC));
}

void
db_bind_text(struct db_stmt *st, int index, const char *text)
{
	if (st != NULL)
		note_bind(st, sqlite3_bind_text(st->handle, index, text, -1, SQLITE_STATIC));
}

void
db_bind_null(struct db_stmt *st, int index)
{
	if (st != NULL)
		note_bind(st, sqlite3_bind_null(st->handle, index));
}

int
db_step(struct db_stmt *st, struct cfs_err *err)
{
	if (st == NULL)
		return err != NULL && err->code != 0 ? err->code : CFS_EFAIL;

	int rc = st->bind_error != SQLITE_OK ? st->bind_error : sqlite3_step(st->handle);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return db_sqlite_fail(st->db, rc, err);
}

int64_t
db_col_i64(struct db_stmt *st, int column)
{
	return sqlite3_column_int64(st->handle, column);
}

uint64_t
db_col_u64(struct db_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st->handle, column);
}

bool
db_col_null(struct db_stmt *st, int column)
{
	return sqlite3_column_type(st->handle, column) == SQLITE_NULL;
}

struct bytes_view
db_col_blob(struct db_stmt *st, int column)
{
	const void *data = sqlite3_column_blob(st->handle, column);
	int len = sqlite3_column_bytes(st->handle, column);

	return (struct bytes_view){data != NULL ? data : "", data != NULL ? (size_t)len : 0};
}

void
db_done(struct db_stmt *st)
{
	if (st == NULL)
		return;
	(void)sqlite3_reset(st->handle);
	(void)sqlite3_clear_bindings(st->handle);
	st->busy = false;
}

int
db_run(struct db_stmt *st, struct cfs_err *err)
{
	int rc;

	do
		rc = db_step(st, err);
	while (rc == 1);
	if (rc == 0)
		rc = sqlite3_changes(st->db->handle);
	db_done(st);
	return rc;
}

static int
run_plain(struct db *db, const struct db_sql *sql, struct cfs_err *err)
{
	int rc = db_run(db_use(db, sql, err), err);

	return rc < 0 ? rc : 0;
}

int
db_begin_write(struct db *db, struct cfs_err *err)
{
	static const struct db_sql sql = {"BEGIN IMMEDIATE"};

	db->changes_before = sqlite3_total_changes64(db->handle);
	return run_plain(db, &sql, err);
}

bool
db_write_is_clean(const struct db *db)
{
	return sqlite3_total_changes64(db->handle) == db->changes_before;
}

static const struct db_sql commit_sql = {"COMMIT"};
static const struct db_sql rollback_sql = {"ROLLBACK"};

int
db_begin_read(struct db *db, struct cfs_err *err)
{
	static const struct db_sql sql = {"BEGIN"};

	return run_plain(db, &sql, err);
}

void
db_end_read(struct db *db)
{
	if (run_plain(db, &commit_sql, NULL) != 0)
		db_rollback(db);
}

int
db_check_write(struct db *db, struct cfs_err *err)
{
	if (sqlite3_get_autocommit(db->handle) == 0)
		return 0;
	return err_set(err, db->failed < 0 ? db->failed : CFS_EIO,
		       "database: the transaction was undone");
}

int
db_commit(struct db *db, struct cfs_err *err)
{
	int rc = run_plain(db, &commit_sql, err);

	if (rc != 0)
		db_rollback(db);
	return rc;
}

void
db_rollback(struct db *db)
{
	/* After some errors SQLite has rolled back by itself. */
	if (sqlite3_get_autocommit(db->handle) == 0)
		(void)run_plain(db, &rollback_sql, NULL);
	sqlite_log_forget(db->handle);
}

int
db_restart_write(struct db *db, struct cfs_err *err)
{
	db_rollback(db);
	return db_begin_write(db, err);
}

int
db_savepoint(struct db *db, struct cfs_err *err)
{
	static const struct db_sql sql = {"SAVEPOINT c"};

	return run_plain(db, &sql, err);
}

static const struct db_sql release_sql = {"RELEASE c"};

int
db_savepoint_release(struct db *db, struct cfs_err *err)
{
	return run_plain(db, &release_sql, err);
}

int
db_savepoint_rollback(struct db *db, struct cfs_err *err)
{
	static const struct db_sql sql = {"ROLLBACK TO c"};
	int rc = run_plain(db, &sql, err);

	return rc != 0 ? rc : run_plain(db, &release_sql, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "store/db_sqlite.h"

#define WORTH_SHRINKING 16384 /* pages: 64 MiB */
#define SHRINK_PAGES    256   /* at once */
#define SHRINK_SQL      "PRAGMA incremental_vacuum(256)"

int
db_sync(struct db *db, struct cfs_err *err)
{
	if (db->wal_fd < 0 || io_fdatasync(db->wal_fd) == 0)
		return 0;
	return err_set_errno(err, errno, "flush the database's log");
}

int
db_checkpoint(struct db *db, enum db_log_end end, struct cfs_err *err)
{
	static const int modes[] = {
	    [DB_LOG_MOVE] = SQLITE_CHECKPOINT_PASSIVE,
	    [DB_LOG_AGAIN] = SQLITE_CHECKPOINT_RESTART,
	    [DB_LOG_EMPTY] = SQLITE_CHECKPOINT_TRUNCATE,
	};
	int rc;

	if (db->wal_fd < 0)
		return 0;
	rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, modes[end], NULL, NULL);
	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		return 0;
	return db_sqlite_fail(db, rc, err);
}

void
db_log_reserve(struct db *db, uint64_t bytes)
{
	/* What is allocated already is only looked at. */
	if (db->wal_fd >= 0)
		(void)fallocate(db->wal_fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
}

uint64_t
db_log_bytes(const struct db *db)
{
	struct stat st;

	return db->wal_fd >= 0 && fstat(db->wal_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The number that a pragma answers, -1 if it does not. */
static int64_t
ask_number(struct db *db, const struct db_sql *sql, struct cfs_err *err)
{
	struct db_stmt *st = db_use(db, sql, err);
	int64_t value = db_step(st, err) == 1 ? db_col_i64(st, 0) : -1;

	db_done(st);
	return value;
}

int
db_shrink(struct db *db, bool hurry, unsigned *pages_out, struct cfs_err *err)
{
	static const struct db_sql free_sql = {"PRAGMA freelist_count"};
	static const struct db_sql all_sql = {"PRAGMA page_count"};
	int64_t unused, all;
	int rc;

	*pages_out = 0;
	unused = ask_number(db, &free_sql, err);
	all = ask_number(db, &all_sql, err);
	if (unused < 0 || all < 0)
		return err != NULL && err->code != 0 ? err->code : CFS_EFAIL;
	if (unused == 0 || (!hurry && (unused < WORTH_SHRINKING || unused < all / 2)))
		return 0;
	rc = db_exec(db, SHRINK_SQL, err);
	if (rc == 0)
		*pages_out = unused < SHRINK_PAGES ? (unsigned)unused : SHRINK_PAGES;
	return rc;
}

int
db_verify(struct db *db, void (*report)(void *arg, const char *fault), void *arg,
	  struct cfs_err *err)
{
	static const struct db_sql sql = {"PRAGMA integrity_check"};
	struct db_stmt *st = db_use(db, &sql, err);
	int faults = 0, rc;

	while ((rc = db_step(st, err)) == 1) {
		struct bytes_view text = db_col_blob(st, 0);
		char line[256];

		if (text.len == 2 && memcmp(text.data, "ok", 2) == 0)
			continue;
		(void)snprintf(line, sizeof(line), "database: %.*s", (int)text.len,
			       (const char *)text.data);
		report(arg, line);
		faults++;
	}
	db_done(st);
	return rc < 0 ? rc : faults;
}

/* Quotes for a URI: everything but what stands for itself. */
static char *
immutable_uri(const char *path)
{
	static const char plain[] = "/._-abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(path), at = 5;
	char *uri = malloc(3 * n + 32);

	if (uri == NULL)
		return NULL;
	memcpy(uri, "file:", 5);
	for (size_t i = 0; i < n; i++) {
		if (strchr(plain, path[i]) != NULL)
			uri[at++] = path[i];
		else
			at += (size_t)sprintf(uri + at, "%%%02x", (unsigned char)path[i]);
	}
	strcpy(uri + at, "?immutable=1");
	return uri;
}

int
db_sqlite_open_readonly(const char *path, struct db **db_out, struct cfs_err *err)
{
	struct db *db = db_sqlite_new(err);
	char *uri = immutable_uri(path);
	int res, rc = db == NULL ? CFS_ENOMEM : 0;

	*db_out = NULL;
	if (rc == 0 && uri == NULL)
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0) {
		res = sqlite3_open_v2(uri, &db->handle,
				      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
				      NULL);
		if (res != SQLITE_OK)
			rc = db_sqlite_fail(db, res, err);
	}
	free(uri);
	if (rc != 0) {
		db_close(db);
		return db != NULL ? err_wrap(err, "%s", path) : rc;
	}
	*db_out = db;
	return 0;
}

int
db_copy(struct db *db, const char *path, struct cfs_err *err)
{
	static const struct db_sql sql = {"VACUUM INTO ?1"};
	struct db_stmt *st = db_use(db, &sql, err);

	db_bind_text(st, 1, path);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

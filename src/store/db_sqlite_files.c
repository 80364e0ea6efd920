/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
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
db_checkpoint(struct db *db, bool reset, struct cfs_err *err)
{
	int rc;

	if (db->wal_fd < 0)
		return 0;
	rc = sqlite3_wal_checkpoint_v2(
	    db->handle, NULL, reset ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL,
	    NULL);
	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		return 0;
	return db_sqlite_fail(db, rc, err);
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_DB_SQLITE_H
#define CFS_STORE_DB_SQLITE_H

/* What the files of the SQLite driver share: statements and transactions in db_sqlite.c, the care of its files apart. */

#include <sqlite3.h>

#include "store/db.h"

struct db {
	sqlite3 *handle;
	int wal_fd; /* -1 in memory. SQLite locks the database and -shm, never -wal: closing this drops no lock of its own */
	struct db_stmt **slots; /* open addressing by the address of the struct db_sql */
	size_t slot_count, used;
	int failed;                   /* code of what failed last */
	sqlite3_int64 changes_before; /* rows that were changed before the write transaction */
};

/* A handle without a database yet; db_close() frees. NULL with err set. */
struct db *db_sqlite_new(struct cfs_err *err);

/* Sets err from SQLite's code and message. Returns the code. */
int db_sqlite_fail(struct db *db, int rc, struct cfs_err *err);

#endif

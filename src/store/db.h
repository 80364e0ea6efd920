/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_DB_H
#define CFS_STORE_DB_H

/*
 * The SQL driver: a small interface that SQLite serves today and PostgreSQL can serve tomorrow. SQL is written once, for both, with
 * ?1 ?2 … parameters; what differs between engines is behind these calls. One struct db is used by one thread.
 */

#include "base/err.h"
#include "store/types.h"

struct db;
struct db_stmt;

/*
 * A statement of the program: a static constant, prepared at its first use on each database and kept. Compare by
 * address: declare each once, `static const struct db_sql lookup_sql = {"SELECT …"};`.
 */
struct db_sql {
	const char *text;
};

/* SQLite in WAL mode (DESIGN 5: synchronous NORMAL, no automatic checkpoints), or in memory for path NULL. */
int db_sqlite_open(const char *path, struct db **db_out, struct cfs_err *err);
/* A file that nobody changes: nothing is written, not even beside it. */
int db_sqlite_open_readonly(const char *path, struct db **db_out, struct cfs_err *err);
void db_close(struct db *db);

/* Writes the database as it is at one moment into a new file, while others change it; nothing is flushed. */
int db_copy(struct db *db, const char *path, struct cfs_err *err);

/* Runs statements without parameters or rows (schema). */
int db_exec(struct db *db, const char *sql, struct cfs_err *err);

/* The prepared statement, reset and unbound, ready to bind. NULL with err set. Owned by db. */
struct db_stmt *db_use(struct db *db, const struct db_sql *sql, struct cfs_err *err);

/*
 * Parameters count from 1. Blobs and texts are not copied: they stay valid until db_done(). All of these take the NULL
 * of a failed db_use(); db_step() and db_run() then return its error.
 */
void db_bind_i64(struct db_stmt *st, int index, int64_t value);
void db_bind_u64(struct db_stmt *st, int index, uint64_t value); /* kept as the same 64 bits */
void db_bind_blob(struct db_stmt *st, int index, const void *data, size_t len);
void db_bind_text(struct db_stmt *st, int index, const char *text);
void db_bind_null(struct db_stmt *st, int index);

/* Next row: 1 a row, 0 the end, or a negative code (CFS_EEXIST for a broken uniqueness). Bind errors show here. */
int db_step(struct db_stmt *st, struct cfs_err *err);

/* Columns count from 0; views are valid until the next db_step() or db_done(). */
int64_t db_col_i64(struct db_stmt *st, int column);
uint64_t db_col_u64(struct db_stmt *st, int column);
bool db_col_null(struct db_stmt *st, int column);
struct bytes_view db_col_blob(struct db_stmt *st, int column);

/* Ends the use; always called, also after errors; NULL accepted. */
void db_done(struct db_stmt *st);

/* For a bound statement: steps to the end and ends the use. Returns the number of changed rows or a code. */
int db_run(struct db_stmt *st, struct cfs_err *err);

int db_begin_write(struct db *db, struct cfs_err *err);
/* Whether no row was changed in the write transaction yet: then db_restart_write() is as good as a savepoint, which costs copies. */
bool db_write_is_clean(const struct db *db);
/* Undoes the write transaction and begins it again; the caller sees to it that nobody writes in between. */
int db_restart_write(struct db *db, struct cfs_err *err);

/* A read transaction: what is read until db_end_read() comes from one state of the database. */
int db_begin_read(struct db *db, struct cfs_err *err);
void db_end_read(struct db *db);

/*
 * 0 while the transaction that was begun stands; else the code of what failed in it: after some errors (a full disk in the
 * middle of a statement) the engine undoes all of it by itself, and what came then would be committed alone.
 */
int db_check_write(struct db *db, struct cfs_err *err);
int db_commit(struct db *db, struct cfs_err *err);
void db_rollback(struct db *db);
int db_savepoint(struct db *db, struct cfs_err *err);
int db_savepoint_release(struct db *db, struct cfs_err *err);
int db_savepoint_rollback(struct db *db, struct cfs_err *err);

/* Makes everything committed durable. Any thread. */
int db_sync(struct db *db, struct cfs_err *err);

/* Of the room of a log that begins anew is kept so much at most. A plain number: it goes into SQL. */
#define DB_LOG_KEPT_BYTES 67108864

/*
 * Moves the log into the database. What cannot be moved now is no error. The last two wait for readers (5 s at most), and
 * the caller sees to it that nobody writes meanwhile.
 */
enum db_log_end {
	DB_LOG_MOVE,  /* as far as readers allow */
	DB_LOG_AGAIN, /* and begins the log anew, in the room that it has: flushes of a file that does not grow are faster */
	DB_LOG_EMPTY, /* and gives its room back */
};
int db_checkpoint(struct db *db, enum db_log_end end, struct cfs_err *err);
/* Has the disk keep room for a log of so many bytes, as far as it is there and the file system can; a log that is emptied gives it back. */
void db_log_reserve(struct db *db, uint64_t bytes);

/*
 * Gives some unused pages back to the file system, inside a write transaction: when more than half of the file is unused,
 * or whatever there is with hurry. *pages_out of them; 0: nothing more to do. The file is shorter after a checkpoint.
 */
int db_shrink(struct db *db, bool hurry, unsigned *pages_out, struct cfs_err *err);

/* Bytes of the log file; 0 where there is none. */
uint64_t db_log_bytes(const struct db *db);

/* The engine's own check of its files: report() for each fault. Returns their number or a code. */
int db_verify(struct db *db, void (*report)(void *arg, const char *fault), void *arg,
	      struct cfs_err *err);

#endif

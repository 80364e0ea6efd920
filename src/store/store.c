/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/time.h"
#include "store/impl.h"
#include "store/layout.h"
#include "store/schema.h"

/* Others wait for a database, but opening one is not for nothing. */
#define YIELD_NS (100 * (uint64_t)NS_PER_MS)

static int
open_directory(struct store *s, const char *path, struct cfs_err *err)
{
	int blobs_fd = -1, rc = 0;

	s->dir_fd = io_open(path, O_PATH | O_DIRECTORY, 0);
	if (s->dir_fd < 0)
		return err_set_errno(err, errno, "open %s", path);
	blobs_fd = io_openat(s->dir_fd, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY, 0);
	if (blobs_fd < 0)
		return err_set_errno(err, errno, "open %s/%s", path, LAYOUT_BLOBS);
	rc = blob_dir_open(blobs_fd, &s->blobs, err);
	fd_close(&blobs_fd);
	return rc;
}

/* Without directory, blobs and database. NULL with err set. */
static struct store *
new_store(const struct store_conf *conf, struct store_shared *shared, struct cfs_err *err)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)err_code(err, CFS_ENOMEM);
		return NULL;
	}
	s->conf = conf;
	s->shared = shared;
	s->dir_fd = -1;
	s->db_slot = -1;
	buf_init(&s->path);
	(void)pthread_mutex_init(&s->db_lock, NULL);
	s->sha = sha256_new();
	if (s->sha == NULL) {
		store_close(s);
		(void)err_code(err, CFS_ENOMEM);
		return NULL;
	}
	return s;
}

int
store_open_with(const char *path, const struct store_conf *conf, struct store_shared *shared,
		struct db *db, struct store **out, struct cfs_err *err)
{
	struct store *s = new_store(conf, shared, err);
	int rc = s != NULL ? open_directory(s, path, err) : CFS_ENOMEM;

	if (rc == 0)
		rc = schema_identify(db, &s->id, &s->gen, err);
	if (rc != 0) {
		store_close(s);
		return rc;
	}
	s->db = db;
	*out = s;
	return 0;
}

int
store_open(const struct store_conf *conf, struct store_shared *shared, struct store **store_out,
	   struct cfs_err *err)
{
	struct store *s = new_store(conf, shared, err);
	int rc;

	*store_out = NULL;
	if (s == NULL)
		return CFS_ENOMEM;
	s->memory = strcmp(conf->path, "memory:") == 0;
	if (s->memory)
		rc = blob_memory_open(&s->blobs, err);
	else
		rc = layout_check(conf->path, err);
	if (rc == 0 && !s->memory)
		rc = open_directory(s, conf->path, err);
	if (rc != 0) {
		store_close(s);
		return rc;
	}
	*store_out = s;
	return 0;
}

static int
open_db(struct store *s, struct db **db_out, struct cfs_err *err)
{
	char *path = NULL;
	int rc;

	if (s->memory) {
		struct id128 id = id128_random();

		rc = db_sqlite_open(NULL, db_out, err);
		return rc != 0 ? rc : schema_create(*db_out, &id, err);
	}
	if (asprintf(&path, "%s/%s", s->conf->path, LAYOUT_DB) < 0)
		return err_code(err, CFS_ENOMEM);
	rc = db_sqlite_open(path, db_out, err);
	free(path);
	return rc;
}

static void
set_db(struct store *s, struct db *db)
{
	(void)pthread_mutex_lock(&s->db_lock);
	s->db = db;
	(void)pthread_mutex_unlock(&s->db_lock);
}

static void
give_slot(struct store *s)
{
	shared_give_db(s->shared, s->db_slot);
	s->db_slot = -1;
}

int
store_need_db(struct store *s, struct cfs_err *err)
{
	struct db *db = NULL;

	store_held_end(s, true);
	if (s->db != NULL)
		return 0;
	int rc = 0;
	if (s->conf->db_sessions > 0 && !s->memory)
		rc = shared_take_db(s->shared, s->conf->db_sessions, &s->db_slot, err);
	if (rc == 0)
		rc = open_db(s, &db, err);
	if (rc == 0)
		rc = schema_identify(db, &s->id, &s->gen, err);
	if (rc != 0) {
		db_close(db);
		give_slot(s);
		return rc;
	}
	s->db_opened_ns = now_mono_ns();
	set_db(s, db);
	return 0;
}

/* For store_sync() in a process that has the database closed: whoever has the log open wrote it, any descriptor flushes it. */
int
store_flush_closed(struct store *s, struct cfs_err *err)
{
	int rc = 0, fd;

	if (s->memory)
		return 0;
	fd = io_openat(s->dir_fd, LAYOUT_DB "-wal", O_RDONLY, 0);
	if (fd < 0 && errno == ENOENT)
		return 0; /* the last one who closed the database moved the log into it and flushed that */
	if (fd < 0 || io_fdatasync(fd) != 0)
		rc = err_set_errno(err, errno, "flush the database's log");
	fd_close(&fd);
	return rc;
}

bool
store_is_open(const struct store *s)
{
	return s->db != NULL;
}

void
store_idle(struct store *s)
{
	struct db *db = NULL;

	if (s->memory || s->in_txn || s->in_read)
		return;
	store_held_end(s, false);
	(void)pthread_mutex_lock(&s->db_lock);
	if (s->flushing == 0) {
		db = s->db;
		s->db = NULL;
	}
	(void)pthread_mutex_unlock(&s->db_lock);
	if (db == NULL)
		return;
	content_memo_drop(s);
	db_close(db);
	give_slot(s);
	/* An open descriptor would hold the space of a blob that the keeper removes. */
	blob_idle(s->blobs);
	/* An idle session is to be small; what the page cache was stays with the allocator else. */
	(void)malloc_trim(0);
}

void
store_yield(struct store *s)
{
	if (s->db_slot >= 0 && atomic_load(&s->shared->db_waiting) > 0 &&
	    now_mono_ns() - s->db_opened_ns > YIELD_NS)
		store_idle(s);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_rollback(s);
	store_held_end(s, false);
	db_close(s->db);
	give_slot(s);
	if (s->blobs != NULL)
		blob_close(s->blobs);
	fd_close(&s->dir_fd);
	buf_fini(&s->path);
	sha256_free(s->sha);
	content_memo_drop(s);
	(void)pthread_mutex_destroy(&s->db_lock);
	free(s);
}

int
store_id(struct store *s, struct id128 *id_out, uint32_t *gen_out, struct cfs_err *err)
{
	/* Kept from the first opening on: they never change. */
	int rc = id128_is_zero(&s->id) ? store_need_db(s, err) : 0;

	if (rc != 0)
		return rc;
	*id_out = s->id;
	*gen_out = s->gen;
	return 0;
}

int64_t
store_now(const struct store *s)
{
	return now_real_ns() + s->clock_shift_ns;
}

int
sql_run(struct store *s, const struct db_sql *sql, const uint64_t *args, size_t count,
	struct cfs_err *err)
{
	struct db_stmt *st = db_use(s->db, sql, err);

	for (size_t i = 0; i < count; i++)
		db_bind_u64(st, (int)i + 1, args[i]);
	return db_run(st, err);
}

int
sql_get(struct store *s, const struct db_sql *sql, const uint64_t *args, size_t count,
	uint64_t *value_out, struct cfs_err *err)
{
	struct db_stmt *st = db_use(s->db, sql, err);

	for (size_t i = 0; i < count; i++)
		db_bind_u64(st, (int)i + 1, args[i]);
	int rc = db_step(st, err);
	if (rc == 1)
		*value_out = db_col_u64(st, 0);
	db_done(st);
	return rc;
}

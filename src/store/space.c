/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "store/impl.h"
#include "store/layout.h"
#include "store/quota.h"

/* With less than this the next transaction may not fit: the ballast goes while it still helps. */
#define NEARLY_FULL_BYTES (2u * 1024 * 1024)
/* A log of this size is worth moving by a writer itself while it still fits. */
#define TIGHT_LOG_BYTES   (1024u * 1024)
/*
 * Room that the log always has, so that what removes can be written on a full disk, also when others took what the ballast left: a log
 * that is not moved yet, and a transaction.
 */
#define LOG_ROOM_BYTES    (TIGHT_LOG_BYTES + 1024u * 1024)
/* No log is so long. */
#define AMPLE_BYTES       (16u * (uint64_t)1024 * 1024 * 1024)

int
ballast_make(int dir_fd, struct cfs_err *err)
{
	int fd = io_openat(dir_fd, LAYOUT_BALLAST, O_WRONLY | O_CREAT, 0600);
	int res, rc = 0;

	if (fd < 0)
		return err_set_errno(err, errno, "open " LAYOUT_BALLAST);
	res = posix_fallocate(fd, 0, BALLAST_BYTES);
	if (res != 0) {
		rc = err_set_errno(err, res, "make " LAYOUT_BALLAST);
		(void)unlinkat(dir_fd, LAYOUT_BALLAST, 0);
	} else if (io_fsync(fd) != 0) {
		rc = err_set_errno(err, errno, "flush " LAYOUT_BALLAST);
	}
	fd_close(&fd);
	return rc;
}

void
space_exhausted(struct store *s)
{
	if (s->memory || atomic_exchange(&s->shared->ballast_gone, true))
		return;
	(void)unlinkat(s->dir_fd, LAYOUT_BALLAST, 0);
	log_warn("the store's disk is full: new content is refused until there is room again");
}

static bool
free_bytes(const struct store *s, uint64_t *free_out)
{
	uint64_t total;

	return blob_space(s->blobs, &total, free_out, NULL) == 0;
}

/* What stands in the database's log needs as much room again when it moves into the database. */
static bool
is_short(const struct store *s, uint64_t left)
{
	uint64_t log = s->db != NULL ? db_log_bytes(s->db) : 0;

	return left < max_u64(s->conf->min_free_bytes, log + NEARLY_FULL_BYTES) ||
	       atomic_load(&s->shared->ballast_gone);
}

void
space_look(struct store *s)
{
	uint64_t left;

	s->content_refused = false;
	s->ample = true;
	if (s->memory || !free_bytes(s, &left))
		return;
	s->ample = left > AMPLE_BYTES;
	if (left < NEARLY_FULL_BYTES)
		space_exhausted(s);
	s->content_refused =
	    left < s->conf->min_free_bytes || atomic_load(&s->shared->ballast_gone);
}

int
space_make(struct store *s, struct cfs_err *err)
{
	uint64_t left, log;

	if (s->ample || !free_bytes(s, &left))
		return 0;
	log = db_log_bytes(s->db);
	if (log < TIGHT_LOG_BYTES || left > log + BALLAST_BYTES)
		return 0;
	int rc = db_checkpoint(s->db, DB_LOG_EMPTY, err);
	db_log_reserve(s->db, LOG_ROOM_BYTES);
	shared_note_failure(s->shared, rc);
	return rc;
}

int
space_check(const struct store *s, struct cfs_err *err)
{
	return s->content_refused ? err_code(err, CFS_ENOSPC) : 0;
}

bool
space_is_short(const struct store *s)
{
	uint64_t left;

	if (s->memory || !free_bytes(s, &left))
		return false;
	return is_short(s, left);
}

int
space_restore(struct store *s, struct cfs_err *err)
{
	struct stat st;
	uint64_t left;

	if (s->memory)
		return 0;
	db_log_reserve(s->db, LOG_ROOM_BYTES);
	if (fstatat(s->dir_fd, LAYOUT_BALLAST, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size == BALLAST_BYTES) {
		atomic_store(&s->shared->ballast_gone, false);
		return 0;
	}
	if (!free_bytes(s, &left) || left < 2 * (uint64_t)BALLAST_BYTES + NEARLY_FULL_BYTES)
		return 0;
	int rc = ballast_make(s->dir_fd, err);
	if (rc == CFS_ENOSPC)
		return 0;
	if (rc == 0)
		atomic_store(&s->shared->ballast_gone, false);
	return rc;
}

/* ---- usage ---- */

int
usage_flush(struct store *s, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO usage (person, bytes, files, attic) VALUES (?1, ?2, ?3, ?4)"
	    " ON CONFLICT (person) DO UPDATE SET bytes = usage.bytes + ?2, files = usage.files + ?3,"
	    " attic = usage.attic + ?4 WHERE typeof(usage.bytes + ?2) = 'integer'"};
	struct usage_delta d = s->usage;
	int rc;

	memset(&s->usage, 0, sizeof(s->usage));
	memset(&s->quota, 0, sizeof(s->quota));
	if (d.owner != 0 && (d.bytes != 0 || d.files != 0 || d.attic != 0))
		rc = sql_run(
		    s, &sql,
		    SQL_ARGS(d.owner, (uint64_t)d.bytes, (uint64_t)d.files, (uint64_t)d.attic),
		    err);
	else
		rc = 1;
	/* Holes cost nothing, so that a few files can have more bytes together than there are numbers. */
	if (rc == 0)
		return err_set(err, CFS_EFBIG, "the user's files would be too large together");
	return rc < 0 ? rc : 0;
}

int
usage_add(struct store *s, uint64_t owner, int64_t bytes, int64_t files, struct cfs_err *err)
{
	int64_t sum;

	if (owner == 0 || (bytes == 0 && files == 0))
		return 0;
	if (s->usage.owner != owner || __builtin_add_overflow(s->usage.bytes, bytes, &sum)) {
		int rc = usage_flush(s, err);

		if (rc != 0)
			return rc;
		s->usage.owner = owner;
		sum = bytes;
	}
	s->usage.bytes = sum;
	s->usage.files += files;
	return 0;
}

int
usage_add_attic(struct store *s, uint64_t owner, int64_t bytes, struct cfs_err *err)
{
	int rc = 0;

	if (s->usage.owner != owner) {
		rc = usage_flush(s, err);
		s->usage.owner = owner;
	}
	s->usage.attic += bytes;
	return rc;
}

int
store_statfs(struct store *s, const struct cred *cred, struct store_space *out, struct cfs_err *err)
{
	struct quota q;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = quota_get(s, cred->user, &q, err);
	if (rc == 0)
		rc = blob_space(s->blobs, &out->total_bytes, &out->free_bytes, err);
	if (rc != 0)
		return rc;
	out->free_bytes -= min_u64(out->free_bytes, s->conf->min_free_bytes);
	if (q.limit != 0) {
		out->total_bytes = min_u64(out->total_bytes, q.limit);
		out->free_bytes =
		    min_u64(out->free_bytes, q.limit - min_u64(q.limit, q.used_bytes));
	}
	out->used_bytes = q.used_bytes;
	out->files = q.files;
	out->quota = q.limit;
	out->attic_bytes = q.attic_bytes;
	return 0;
}

int
store_stats(struct store *s, struct store_stats *out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT (SELECT count(*) FROM person),"
	    " (SELECT COALESCE(sum(files), 0) FROM usage), (SELECT total(bytes) FROM usage),"
	    " (SELECT count(*) FROM blob WHERE state = 1),"
	    " (SELECT COALESCE(sum(stored), 0) FROM blob WHERE state = 1),"
	    " (SELECT count(*) FROM attic WHERE kind = 1),"
	    " (SELECT COALESCE(sum(attic), 0) FROM usage)"};
	struct db_stmt *st;
	uint64_t total;
	int rc = store_need_db(s, err);

	if (rc == 0 && s->in_txn)
		rc = usage_flush(s, err);
	if (rc == 0)
		rc = blob_space(s->blobs, &total, &out->free_bytes, err);
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	rc = db_step(st, err);
	if (rc == 1) {
		out->users = db_col_u64(st, 0);
		out->files = db_col_u64(st, 1);
		out->logical_bytes = db_col_u64(st, 2);
		out->blobs = db_col_u64(st, 3);
		out->blob_bytes = db_col_u64(st, 4);
		out->attic_files = db_col_u64(st, 5);
		out->attic_bytes = db_col_u64(st, 6);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "store/backup_impl.h"
#include "store/layout.h"
#include "store/schema.h"

#define FOLDERS 256

/* A copy of blobs and files from one directory to another. */
struct copy {
	int from_dir, from_blobs, to_dir, to_blobs;
	bool link;
	struct backup_check *check; /* NULL: what is there is taken for whole */
	const struct backup_hooks *hooks;
	struct backup_result *out;
};

/* Copies a file under a name that is not its own yet, flushes it, and names it: a name stands for all its bytes. */
static int
copy_file(int from_dir, const char *from, int to_dir, const char *to, uint64_t *bytes_out,
	  struct cfs_err *err)
{
	char part[BLOB_FILE_SIZE + 300];
	int in = -1, out = -1;
	int rc = open_below(from_dir, from, 0, &in, err);

	(void)snprintf(part, sizeof(part), "%s.part", to);
	if (rc == 0)
		out = io_openat(to_dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (rc == 0 && out < 0)
		rc = err_set_errno(err, errno, "make %s", part);
	if (rc == 0)
		rc = io_copy(in, out, UINT64_MAX, bytes_out, err);
	if (rc == 0 && io_fdatasync(out) != 0)
		rc = err_set_errno(err, errno, "flush %s", part);
	if (rc == 0 && renameat(to_dir, part, to_dir, to) != 0)
		rc = err_set_errno(err, errno, "rename %s", part);
	fd_close(&in);
	fd_close(&out);
	return rc;
}

static int
copy_blob(void *arg, const struct snapshot_blob *b, struct cfs_err *err)
{
	struct copy *c = arg;
	char name[BLOB_FILE_SIZE];
	uint64_t bytes = 0, stored = b->stored;
	bool damaged = false;
	struct stat st;
	int rc = 0;

	(void)blob_file(name, &b->id);
	c->out->blobs++;
	c->out->bytes += stored;
	if (fstatat(c->to_blobs, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == stored) {
		damaged = c->check != NULL && !backup_check_whole(c->check, b);
		if (!damaged)
			return 0;
	}
	if (c->link && linkat(c->from_blobs, name, c->to_blobs, name, 0) == 0)
		bytes = stored;
	else
		rc = copy_file(c->from_blobs, name, c->to_blobs, name, &bytes, err);
	if (rc == 0 && bytes != stored)
		rc = err_set(err, CFS_ECORRUPT, "blob %s has %llu bytes, not %llu", name,
			     (unsigned long long)bytes, (unsigned long long)stored);
	c->out->copied_blobs += rc == 0;
	c->out->copied_bytes += bytes;
	c->out->damaged_blobs += damaged;
	c->out->lost_blobs += damaged && rc == 0 && !backup_check_whole(c->check, b);
	if (rc == 0 && c->hooks != NULL)
		c->hooks->progress(c->hooks->arg, c->out);
	return rc;
}

static int
copy_key(void *arg, const char *name, struct cfs_err *err)
{
	const struct copy *c = arg;
	uint64_t bytes;

	return copy_file(c->from_dir, name, c->to_dir, name, &bytes, err);
}

static int
make_folder(int dir, const char *name, struct cfs_err *err)
{
	if (mkdirat(dir, name, 0700) == 0 || errno == EEXIST)
		return 0;
	return err_set_errno(err, errno, "make %s", name);
}

/* Makes the folders that are not there, and opens the one of blobs. */
static int
make_folders(int dir, int *fd_out, struct cfs_err *err)
{
	char name[8];
	int rc = make_folder(dir, LAYOUT_META, err);

	if (rc == 0)
		rc = make_folder(dir, LAYOUT_KEYS, err);
	if (rc == 0)
		rc = make_folder(dir, LAYOUT_BLOBS, err);
	if (rc != 0)
		return rc;
	rc = open_below(dir, LAYOUT_BLOBS, O_DIRECTORY, fd_out, err);
	for (unsigned i = 0; rc == 0 && i < FOLDERS; i++) {
		(void)snprintf(name, sizeof(name), "%02x", i);
		rc = make_folder(*fd_out, name, err);
	}
	return rc;
}

/* Names are on stable storage after it. */
static int
flush_folders(int dir, int blobs, struct cfs_err *err)
{
	char name[8];

	for (unsigned i = 0; i < FOLDERS; i++) {
		(void)snprintf(name, sizeof(name), "%02x", i);
		if (io_fsync_dir(blobs, name) != 0)
			return err_set_errno(err, errno, "flush " LAYOUT_BLOBS "/%s", name);
	}
	if (io_fsync(blobs) != 0 || io_fsync_dir(dir, LAYOUT_KEYS) != 0 ||
	    io_fsync_dir(dir, LAYOUT_META) != 0 || io_fsync(dir) != 0)
		return err_set_errno(err, errno, "flush the folder");
	return 0;
}

/* ---- making one ---- */

/* Whether the folder holds nothing but what a backup is made of, finished or not. */
static int
check_folder(int dir, struct cfs_err *err)
{
	int fd = io_openat(dir, ".", O_RDONLY | O_DIRECTORY, 0), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool ours = faccessat(dir, LAYOUT_FORMAT, F_OK, 0) != 0 &&
		    faccessat(dir, LAYOUT_LOCK, F_OK, 0) != 0 &&
		    faccessat(dir, LAYOUT_META, F_OK, 0) == 0;
	bool strange = false;

	if (d == NULL) {
		fd_close(&fd);
		return err_set_errno(err, errno, "list the folder");
	}
	while ((e = readdir(d)) != NULL)
		strange = strange || e->d_name[0] != '.';
	(void)closedir(d);
	if (strange && !ours)
		rc = err_set(err, CFS_EEXIST, "the folder holds something that is no backup");
	return rc;
}

/* The folder's own name, in its parent. */
static int
flush_parent(const char *dir, struct cfs_err *err)
{
	struct path_view parent = path_dir(path_view_str(dir));
	char name[PATH_MAX];

	(void)snprintf(name, sizeof(name), "%.*s", (int)parent.len, parent.p);
	if (io_fsync_dir(AT_FDCWD, parent.len > 0 ? name : ".") != 0)
		return err_set_errno(err, errno, "flush the folder of %s", dir);
	return 0;
}

/* Opens and locks the folder, made if it is not there; *id_out is of the store whose backup it is, zero for none yet. */
static int
open_folder(const char *dir, int *fd_out, struct id128 *id_out, struct cfs_err *err)
{
	struct cfs_err why = CFS_ERR_INIT;
	int rc;

	*id_out = (struct id128){{0}};
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_set_errno(err, errno, "make %s", dir);
	*fd_out = io_open(dir, O_RDONLY | O_DIRECTORY, 0);
	if (*fd_out < 0)
		return err_set_errno(err, errno, "open %s", dir);
	if (flock(*fd_out, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, CFS_ELOCKED, "%s: another backup is being made there", dir);
	rc = mark_read(*fd_out, id_out, &why);
	if (rc == CFS_ENOENT)
		rc = check_folder(*fd_out, &why);
	return rc == 0 ? 0 : err_set(err, rc, "%s: %s", dir, why.text);
}

/* The database and the mark: from here on the folder is the new backup. */
static int
put_in_place(int dir, const struct id128 *id, struct cfs_err *err)
{
	char text[MARK_SIZE];
	int n = mark_text(text, id);

	if (renameat(dir, BACKUP_NEW, dir, LAYOUT_DB) != 0)
		return err_set_errno(err, errno, "rename " BACKUP_NEW);
	if (io_fsync_dir(dir, LAYOUT_META) != 0)
		return err_set_errno(err, errno, "flush " LAYOUT_META);
	return io_write_file(dir, BACKUP_MARK, text, (size_t)n, 0600, err);
}

/* Whether the database names the blob of that file name. */
static int
is_named(struct db *db, const char *name, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT 1 FROM blob WHERE id = ?1 AND state = 1"};
	struct db_stmt *st;
	struct id128 id;
	int rc;

	if (hex_decode(id.b, sizeof(id.b), name, strlen(name)) != 0)
		return 0;
	st = db_use(db, &sql, err);
	db_bind_blob(st, 1, id.b, sizeof(id.b));
	rc = db_step(st, err);
	db_done(st);
	return rc;
}

static int
clean_folder(int blobs, const char *folder, struct db *db, struct backup_result *out,
	     struct cfs_err *err)
{
	int fd = -1, rc = open_below(blobs, folder, O_DIRECTORY, &fd, err);
	DIR *d = rc == 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (d == NULL) {
		fd_close(&fd);
		return rc != 0 ? rc : err_set_errno(err, errno, "list %s", folder);
	}
	while (rc >= 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		rc = is_named(db, e->d_name, err);
		if (rc == 0 && unlinkat(dirfd(d), e->d_name, 0) == 0)
			out->removed_blobs++;
	}
	(void)closedir(d);
	return rc < 0 ? rc : 0;
}

/* What older backups needed. */
static int
clean_up(int blobs, struct db *db, struct backup_result *out, struct cfs_err *err)
{
	char name[8];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < FOLDERS; i++) {
		(void)snprintf(name, sizeof(name), "%02x", i);
		rc = clean_folder(blobs, name, db, out, err);
	}
	return rc;
}

/* A key that the store has given up is not to come back. */
static int
clean_key(void *arg, const char *name, struct cfs_err *err)
{
	const struct copy *c = arg;

	if (faccessat(c->from_dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	return unlinkat(c->to_dir, name, 0) == 0 ? 0 : err_set_errno(err, errno, "remove %s", name);
}

static int
fill(const struct snapshot *snap, int dir, unsigned flags, const struct backup_hooks *hooks,
     struct backup_result *out, struct cfs_err *err)
{
	struct copy c = {.from_dir = snap->dir,
			 .from_blobs = snap->blobs,
			 .to_dir = dir,
			 .to_blobs = -1,
			 .link = (flags & BACKUP_LINK) != 0,
			 .hooks = hooks,
			 .out = out};
	int rc = make_folders(dir, &c.to_blobs, err);

	if (rc == 0 && (flags & BACKUP_CHECK) != 0)
		rc = backup_check_new(c.to_blobs, &c.check, err);
	if (rc == 0)
		rc = snapshot_blobs(snap->db, copy_blob, &c, err);
	backup_check_free(c.check);
	if (rc == 0)
		rc = snapshot_keys(snap->dir, copy_key, &c, err);
	if (rc == 0)
		rc = snapshot_keys(dir, clean_key, &c, err);
	if (rc == 0)
		rc = flush_folders(dir, c.to_blobs, err);
	if (rc == 0)
		rc = put_in_place(dir, &snap->id, err);
	if (rc == 0)
		rc = clean_up(c.to_blobs, snap->db, out, err);
	fd_close(&c.to_blobs);
	return rc;
}

int
backup_make(const char *path, const char *dir, unsigned flags, const struct backup_hooks *hooks,
	    struct backup_result *out, struct cfs_err *err)
{
	struct snapshot snap = {.dir = -1, .blobs = -1, .hold = -1};
	struct id128 before;
	char *file = NULL;
	int fd = -1;
	int rc = open_folder(dir, &fd, &before, err);

	*out = (struct backup_result){0};
	if (rc == 0 && asprintf(&file, "%s/" BACKUP_NEW, dir) < 0)
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0)
		rc = make_folder(fd, LAYOUT_META, err);
	/* Of one that was ended early. */
	if (rc == 0 && unlinkat(fd, BACKUP_NEW, 0) != 0 && errno != ENOENT)
		rc = err_set_errno(err, errno, "remove %s", file);
	if (rc == 0)
		rc = snapshot_open(path, file, &snap, err);
	if (rc == 0 && !id128_is_zero(&before) && !id128_equal(&before, &snap.id)) {
		rc = err_set(err, CFS_ECONFLICT, "%s is a backup of another store", dir);
		(void)unlinkat(fd, BACKUP_NEW, 0);
	}
	if (rc == 0)
		rc = fill(&snap, fd, flags, hooks, out, err);
	if (rc == 0)
		rc = flush_parent(dir, err);
	snapshot_close(&snap);
	free(file);
	fd_close(&fd);
	return rc;
}

/* ---- back again ---- */

/*
 * Numbers that clients had after the backup was made may be given anew: the generation tells them apart. By chance, or two
 * restores of one backup would have the same.
 */
static int
new_incarnation(const char *path, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE meta SET value = ?1 WHERE key = 'incarnation'"};
	struct db *db = NULL;
	struct id128 id;
	unsigned char le[4];
	uint32_t gen = 0;
	char *file = NULL;
	int rc;

	if (asprintf(&file, "%s/" LAYOUT_DB, path) < 0)
		return err_code(err, CFS_ENOMEM);
	rc = db_sqlite_open(file, &db, err);
	if (rc == 0)
		rc = schema_identify(db, &id, &gen, err);
	if (rc == 0)
		rc = db_begin_write(db, err);
	if (rc == 0) {
		struct db_stmt *st = db_use(db, &sql, err);

		const struct id128 chance = id128_random();

		gen += 1 + (load_le32(chance.b) & 0xffffff);
		store_le32(le, gen != 0 ? gen : 1);
		db_bind_blob(st, 1, le, sizeof(le));
		rc = db_run(st, err);
		rc = rc < 0 ? rc : db_commit(db, err);
	}
	if (rc == 0)
		rc = db_checkpoint(db, DB_LOG_EMPTY, err);
	db_close(db);
	free(file);
	return rc;
}

static int
fill_store(struct copy *c, const char *dir, const char *path, struct cfs_err *err)
{
	struct db *db = NULL;
	char *file = NULL;
	uint64_t bytes;
	int rc = make_folders(c->to_dir, &c->to_blobs, err);

	if (rc == 0 && asprintf(&file, "%s/" LAYOUT_DB, dir) < 0)
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0)
		rc = db_sqlite_open_readonly(file, &db, err);
	if (rc == 0)
		rc = snapshot_blobs(db, copy_blob, c, err);
	db_close(db);
	free(file);
	if (rc == 0)
		rc = snapshot_keys(c->from_dir, copy_key, c, err);
	if (rc == 0)
		rc = copy_file(c->from_dir, LAYOUT_DB, c->to_dir, LAYOUT_DB, &bytes, err);
	if (rc == 0)
		rc = new_incarnation(path, err);
	if (rc == 0)
		rc = ballast_make(c->to_dir, err);
	return rc == 0 ? flush_folders(c->to_dir, c->to_blobs, err) : rc;
}

int
backup_restore(const char *dir, const char *path, const struct backup_hooks *hooks,
	       struct backup_result *out, struct cfs_err *err)
{
	struct copy c = {
	    .from_dir = -1, .from_blobs = -1, .to_dir = -1, .to_blobs = -1, .hooks = hooks};
	struct id128 id;
	int rc;

	*out = (struct backup_result){0};
	c.out = out;
	c.from_dir = io_open(dir, O_RDONLY | O_DIRECTORY, 0);
	rc = c.from_dir >= 0 ? mark_read(c.from_dir, &id, err) : err_set_errno(err, errno, "open");
	if (rc != 0) {
		fd_close(&c.from_dir);
		return err_wrap(err, "backup %s", dir);
	}
	rc = open_below(c.from_dir, LAYOUT_BLOBS, O_DIRECTORY, &c.from_blobs, err);
	if (rc == 0)
		rc = layout_empty(path, &c.to_dir, err);
	if (rc == 0)
		rc = fill_store(&c, dir, path, err);
	/* Last: without it there is no store. */
	if (rc == 0)
		rc = layout_finish(c.to_dir, path, err);
	fd_close(&c.from_dir);
	fd_close(&c.from_blobs);
	fd_close(&c.to_dir);
	fd_close(&c.to_blobs);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "store/impl.h"
#include "store/schema.h"

#define FORMAT_TEXT "cfs store "

int
layout_check(const char *path, struct cfs_err *err)
{
	struct buf text = BUF_INIT;
	const char *s;
	unsigned format = 0;
	int dir = -1, rc = 0;

	/* Only to be started from: a sandbox may forbid to list it. */
	dir = io_open(path, O_PATH | O_DIRECTORY, 0);
	if (dir < 0) {
		rc = err_set_errno(err, errno, "store %s", path);
		goto out;
	}
	rc = io_read_file(dir, LAYOUT_FORMAT, 64, &text, err);
	if (rc == CFS_ENOENT)
		rc = err_set(err, CFS_ENOENT, "%s holds no store (cfsadm init makes one)", path);
	if (rc != 0)
		goto out;
	s = buf_cstr(&text);
	if (s == NULL)
		rc = err_code(err, CFS_ENOMEM);
	else if (sscanf(s, FORMAT_TEXT "%u", &format) != 1)
		rc = err_set(err, CFS_ECORRUPT, "%s/" LAYOUT_FORMAT " is damaged", path);
	else if (format != STORE_FORMAT)
		rc = err_set(err, CFS_EFORMAT, "store %s has format %u, this program knows %u",
			     path, format, STORE_FORMAT);
out:
	fd_close(&dir);
	buf_fini(&text);
	return rc;
}

int
store_lock(const char *path, int *fd_out, struct cfs_err *err)
{
	int dir = -1, fd = -1;
	int rc = layout_check(path, err);

	*fd_out = -1;
	if (rc != 0)
		return rc;
	dir = io_open(path, O_RDONLY | O_DIRECTORY, 0);
	if (dir >= 0)
		fd = io_openat(dir, LAYOUT_LOCK, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		rc = err_set_errno(err, errno, "open %s/" LAYOUT_LOCK, path);
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK
			 ? err_set(err, CFS_ELOCKED, "store %s is in use by another process", path)
			 : err_set_errno(err, errno, "lock %s/" LAYOUT_LOCK, path);
	fd_close(&dir);
	if (rc != 0)
		fd_close(&fd);
	*fd_out = fd;
	return rc;
}

/* Makes the directory, or finds it empty. */
static int
empty_directory(const char *path, struct cfs_err *err)
{
	struct dirent *e;
	DIR *d;
	int rc = 0;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return err_set_errno(err, errno, "make %s", path);
	d = opendir(path);
	if (d == NULL)
		return err_set_errno(err, errno, "open %s", path);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = err_set(err, CFS_EEXIST, "%s is not empty", path);
	}
	(void)closedir(d);
	return rc;
}

/* Closing the only connection moves the log into the file and flushes it; the name is the directory's flush. */
static int
create_db(const char *path, struct cfs_err *err)
{
	struct id128 id = id128_random();
	struct db *db = NULL;
	char *file = NULL;
	int rc;

	if (asprintf(&file, "%s/" LAYOUT_DB, path) < 0)
		return err_code(err, CFS_ENOMEM);
	mode_t mask = umask(0077);
	rc = db_sqlite_open(file, &db, err);
	if (rc == 0)
		rc = schema_create(db, &id, err);
	if (rc == 0)
		rc = db_checkpoint(db, DB_LOG_EMPTY, err);
	db_close(db);
	(void)umask(mask);
	free(file);
	return rc;
}

static int
create_folders(int dir, const char *path, struct cfs_err *err)
{
	int fd, rc;

	if (mkdirat(dir, LAYOUT_META, 0700) != 0)
		return err_set_errno(err, errno, "make %s/" LAYOUT_META, path);
	if (mkdirat(dir, LAYOUT_KEYS, 0700) != 0)
		return err_set_errno(err, errno, "make %s/" LAYOUT_KEYS, path);

	if (mkdirat(dir, LAYOUT_BLOBS, 0700) != 0)
		return err_set_errno(err, errno, "make %s/" LAYOUT_BLOBS, path);
	fd = io_openat(dir, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_set_errno(err, errno, "open %s/" LAYOUT_BLOBS, path);
	rc = blob_dir_create(fd, err);
	fd_close(&fd);
	return rc;
}

/* The name of the store's directory itself. */
static int
flush_parent(int dir, const char *path, struct cfs_err *err)
{
	return io_fsync_dir(dir, "..") == 0 ? 0 : err_set_errno(err, errno, "flush %s/..", path);
}

int
layout_empty(const char *path, int *fd_out, struct cfs_err *err)
{
	int rc = empty_directory(path, err);

	if (rc != 0)
		return rc;
	*fd_out = io_open(path, O_RDONLY | O_DIRECTORY, 0);
	return *fd_out >= 0 ? 0 : err_set_errno(err, errno, "open %s", path);
}

int
layout_finish(int dir, const char *path, struct cfs_err *err)
{
	char text[32];
	int rc = flush_parent(dir, path, err);

	if (rc == 0) {
		int n = snprintf(text, sizeof(text), FORMAT_TEXT "%u\n", STORE_FORMAT);

		rc = io_write_file(dir, LAYOUT_FORMAT, text, (size_t)n, 0600, err);
	}
	return rc;
}

static int
lock_hold(int dir, int how, int *fd_out, struct cfs_err *err)
{
	*fd_out = io_openat(dir, LAYOUT_HOLD, O_RDWR | O_CREAT, 0600);
	if (*fd_out < 0)
		return err_set_errno(err, errno, "open " LAYOUT_HOLD);
	while (flock(*fd_out, how) != 0) {
		if (errno == EINTR)
			continue;
		int code = errno;

		fd_close(fd_out);
		return code == EWOULDBLOCK ? CFS_ELOCKED
					   : err_set_errno(err, code, "lock " LAYOUT_HOLD);
	}
	return 0;
}

int
layout_hold(int dir, int *fd_out, struct cfs_err *err)
{
	return lock_hold(dir, LOCK_SH, fd_out, err);
}

int
layout_try_unheld(int dir, int *fd_out, struct cfs_err *err)
{
	int rc = lock_hold(dir, LOCK_EX | LOCK_NB, fd_out, err);

	return rc == CFS_ELOCKED ? 0 : rc == 0 ? 1 : rc;
}

int
store_create(const char *path, struct cfs_err *err)
{
	int dir = -1;
	int rc = layout_empty(path, &dir, err);

	if (rc != 0)
		return rc;
	rc = create_folders(dir, path, err);
	if (rc == 0)
		rc = create_db(path, err);
	if (rc == 0)
		rc = ballast_make(dir, err);
	if (rc == 0 && io_fsync_dir(dir, LAYOUT_META) != 0)
		rc = err_set_errno(err, errno, "flush %s/" LAYOUT_META, path);
	if (rc == 0)
		rc = layout_finish(dir, path, err);
	fd_close(&dir);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "store/backup_impl.h"
#include "store/layout.h"
#include "store/schema.h"

int
open_below(int dir, const char *name, int flags, int *fd_out, struct cfs_err *err)
{
	*fd_out = io_openat(dir, name, O_RDONLY | O_NOFOLLOW | flags, 0);
	return *fd_out >= 0 ? 0 : err_set_errno(err, errno, "open %s", name);
}

const char *
blob_file(char out[BLOB_FILE_SIZE], const struct id128 *id)
{
	char hex[ID128_HEX_SIZE];

	id128_hex(hex, id);
	(void)snprintf(out, BLOB_FILE_SIZE, "%.2s/%s", hex, hex);
	return out;
}

/* ---- the mark ---- */

int
mark_text(char out[MARK_SIZE], const struct id128 *id)
{
	char hex[ID128_HEX_SIZE];

	return snprintf(out, MARK_SIZE, "cfs backup %u %s\n", STORE_FORMAT, id128_hex(hex, id));
}

int
mark_read(int dir, struct id128 *id_out, struct cfs_err *err)
{
	struct buf text = BUF_INIT;
	char hex[ID128_HEX_SIZE];
	unsigned format = 0;
	const char *s;
	int rc = io_read_file(dir, BACKUP_MARK, MARK_SIZE, &text, err);

	if (rc == 0) {
		s = buf_cstr(&text);
		if (s == NULL || sscanf(s, "cfs backup %u %32s", &format, hex) != 2 ||
		    hex_decode(id_out->b, sizeof(id_out->b), hex, strlen(hex)) != 0)
			rc = err_set(err, CFS_ECORRUPT, "its file " BACKUP_MARK " is damaged");
		else if (format != STORE_FORMAT)
			rc = err_set(err, CFS_EFORMAT,
				     "a backup of format %u, this program knows %u", format,
				     STORE_FORMAT);
	}
	buf_fini(&text);
	return rc;
}

/* ---- the snapshot ---- */

static int
copy_database(const char *path, const char *file, struct cfs_err *err)
{
	struct db *db = NULL;
	char *source = NULL;
	int fd, rc;

	if (asprintf(&source, "%s/" LAYOUT_DB, path) < 0)
		return err_code(err, CFS_ENOMEM);
	mode_t mask = umask(0077);
	rc = db_sqlite_open(source, &db, err);
	if (rc == 0)
		rc = db_copy(db, file, err);
	(void)umask(mask);
	db_close(db);
	free(source);
	if (rc != 0)
		return rc;
	fd = io_open(file, O_RDONLY, 0);
	if (fd < 0 || io_fsync(fd) != 0)
		rc = err_set_errno(err, errno, "flush %s", file);
	fd_close(&fd);
	return rc;
}

int
snapshot_open(const char *path, const char *file, struct snapshot *s, struct cfs_err *err)
{
	uint32_t gen;
	int rc = layout_check(path, err);

	*s = (struct snapshot){.dir = -1, .blobs = -1, .hold = -1};
	if (rc != 0)
		return rc;
	s->dir = io_open(path, O_RDONLY | O_DIRECTORY, 0);
	if (s->dir < 0)
		return err_set_errno(err, errno, "open %s", path);
	rc = layout_hold(s->dir, &s->hold, err);
	if (rc == 0)
		rc = open_below(s->dir, LAYOUT_BLOBS, O_DIRECTORY, &s->blobs, err);
	if (rc == 0)
		rc = copy_database(path, file, err);
	if (rc == 0)
		rc = db_sqlite_open_readonly(file, &s->db, err);
	return rc == 0 ? schema_identify(s->db, &s->id, &gen, err) : rc;
}

void
snapshot_close(struct snapshot *s)
{
	db_close(s->db);
	s->db = NULL;
	fd_close(&s->blobs);
	fd_close(&s->hold);
	fd_close(&s->dir);
}

int
snapshot_blobs(struct db *db, snapshot_blob_fn *each, void *arg, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT id, stored, length, sha FROM blob WHERE state = 1 ORDER BY id"};
	struct db_stmt *st = db_use(db, &sql, err);
	int rc;

	while ((rc = db_step(st, err)) == 1) {
		struct bytes_view id = db_col_blob(st, 0), sha = db_col_blob(st, 3);
		struct snapshot_blob b = {.stored = db_col_u64(st, 1),
					  .length = (uint32_t)db_col_u64(st, 2)};

		if (id.len != sizeof(b.id.b) || sha.len != sizeof(b.hash.b)) {
			rc = err_set(err, CFS_ECORRUPT, "database: bad blob id or hash");
			break;
		}
		memcpy(b.id.b, id.data, id.len);
		memcpy(b.hash.b, sha.data, sha.len);
		rc = each(arg, &b, err);
		if (rc != 0)
			break;
	}
	db_done(st);
	return rc;
}

int
snapshot_keys(int dir, int (*each)(void *arg, const char *name, struct cfs_err *err), void *arg,
	      struct cfs_err *err)
{
	int fd = -1, rc = open_below(dir, LAYOUT_KEYS, O_DIRECTORY, &fd, err);
	DIR *d = rc == 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	char name[sizeof(LAYOUT_KEYS) + sizeof(e->d_name)];

	if (d == NULL) {
		fd_close(&fd);
		return rc != 0 ? rc : err_set_errno(err, errno, "list " LAYOUT_KEYS);
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), LAYOUT_KEYS "/%s", e->d_name);
		rc = each(arg, name, err);
	}
	(void)closedir(d);
	return rc;
}

int
backup_open(const char *dir, const struct store_conf *conf, struct store_shared *shared,
	    struct store **out, struct cfs_err *err)
{
	struct store *s = NULL;
	struct db *db = NULL;
	struct id128 id;
	char *file = NULL;
	int fd = io_open(dir, O_RDONLY | O_DIRECTORY, 0), rc;

	rc = fd >= 0 ? mark_read(fd, &id, err) : err_set_errno(err, errno, "open");
	if (rc == 0 && asprintf(&file, "%s/" LAYOUT_DB, dir) < 0)
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0)
		rc = db_sqlite_open_readonly(file, &db, err);
	if (rc == 0)
		rc = store_open_with(dir, conf, shared, db, &s, err);
	if (rc != 0)
		db_close(db);
	free(file);
	fd_close(&fd);
	*out = s;
	return rc == 0 ? 0 : err_wrap(err, "backup %s", dir);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "store/backup_impl.h"
#include "store/layout.h"

/*
 * A pax archive (POSIX.1-2008, pax(1), "ustar Interchange Format" and "pax Interchange Format"): blocks of 512 bytes,
 * a header and then the bytes of each file. Only a file of 8 GiB or more needs a record of the extended kind, for its size.
 */

#define BLOCK      512u
#define OCTAL_MAX  ((UINT64_C(1) << 33) - 1) /* what eleven octal digits hold */
#define COPY_BYTES (256u * 1024)

struct tar {
	int fd;
	const struct snapshot *snap;
	const struct backup_hooks *hooks;
	struct backup_result *out;
	unsigned char *bytes; /* COPY_BYTES */
	int64_t mtime_s;
};

static int
put(struct tar *t, const void *data, size_t n, struct cfs_err *err)
{
	return io_write_full(t->fd, data, n) == 0 ? 0
						  : err_set_errno(err, errno, "write the archive");
}

static int
put_padding(struct tar *t, uint64_t size, struct cfs_err *err)
{
	static const unsigned char zeros[BLOCK];
	size_t rest = (size_t)(size % BLOCK);

	return rest > 0 ? put(t, zeros, BLOCK - rest, err) : 0;
}

static void
octal(char *field, size_t width, uint64_t value)
{
	field[width - 1] = '\0';
	for (size_t i = width - 1; i > 0; i--, value /= 8)
		field[i - 1] = (char)('0' + value % 8);
}

static int
put_header(struct tar *t, const char *name, char type, uint64_t size, struct cfs_err *err)
{
	char h[BLOCK] = {0};
	unsigned sum = 0;

	(void)snprintf(h, 100, "%s", name);
	octal(h + 100, 8, type == '5' ? 0700 : 0600);
	octal(h + 108, 8, 0);
	octal(h + 116, 8, 0);
	octal(h + 124, 12, size > OCTAL_MAX ? 0 : size);
	octal(h + 136, 12, (uint64_t)t->mtime_s);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	octal(h + 148, 7, sum);
	return put(t, h, BLOCK, err);
}

/* "27 size=8589934592\n": the number in front counts itself. */
static int
put_size(struct tar *t, uint64_t size, struct cfs_err *err)
{
	char record[64];
	int n = snprintf(record, sizeof(record), "%u size=%llu\n", 99u, (unsigned long long)size);
	int rc;

	(void)snprintf(record, sizeof(record), "%d size=%llu\n", n, (unsigned long long)size);
	rc = put_header(t, "PaxHeaders/size", 'x', (uint64_t)n, err);
	if (rc == 0)
		rc = put(t, record, (size_t)n, err);
	return rc == 0 ? put_padding(t, (uint64_t)n, err) : rc;
}

static int
put_file(struct tar *t, int dir, const char *file, const char *name, struct cfs_err *err)
{
	struct stat st;
	uint64_t left, size;
	int fd, rc = open_below(dir, file, 0, &fd, err);

	if (rc == 0 && fstat(fd, &st) != 0)
		rc = err_set_errno(err, errno, "stat %s", file);
	if (rc != 0) {
		fd_close(&fd);
		return rc;
	}
	size = left = (uint64_t)st.st_size;
	if (size > OCTAL_MAX)
		rc = put_size(t, size, err);
	if (rc == 0)
		rc = put_header(t, name, '0', size, err);
	while (rc == 0 && left > 0) {
		ssize_t n = io_read_full(fd, t->bytes, (size_t)min_u64(left, COPY_BYTES));

		if (n <= 0)
			rc = err_set(err, CFS_EIO, "%s cannot be read to its end", file);
		else
			rc = put(t, t->bytes, (size_t)n, err);
		left -= n > 0 ? (uint64_t)n : 0;
	}
	fd_close(&fd);
	return rc == 0 ? put_padding(t, size, err) : rc;
}

static int
put_blob(void *arg, const struct snapshot_blob *b, struct cfs_err *err)
{
	struct tar *t = arg;
	char file[BLOB_FILE_SIZE], name[BLOB_FILE_SIZE + 16];
	int rc;

	(void)snprintf(name, sizeof(name), LAYOUT_BLOBS "/%s", blob_file(file, &b->id));
	rc = put_file(t, t->snap->blobs, file, name, err);
	t->out->blobs++;
	t->out->copied_blobs++;
	t->out->bytes += b->stored;
	t->out->copied_bytes += b->stored;
	if (rc == 0 && t->hooks != NULL)
		t->hooks->progress(t->hooks->arg, t->out);
	return rc;
}

static int
put_key(void *arg, const char *name, struct cfs_err *err)
{
	struct tar *t = arg;

	return put_file(t, t->snap->dir, name, name, err);
}

static int
put_folders(struct tar *t, struct cfs_err *err)
{
	char name[32];
	int rc = put_header(t, LAYOUT_META "/", '5', 0, err);

	if (rc == 0)
		rc = put_header(t, LAYOUT_KEYS "/", '5', 0, err);
	if (rc == 0)
		rc = put_header(t, LAYOUT_BLOBS "/", '5', 0, err);

	for (unsigned i = 0; rc == 0 && i < 256; i++) {
		(void)snprintf(name, sizeof(name), LAYOUT_BLOBS "/%02x/", i);
		rc = put_header(t, name, '5', 0, err);
	}
	return rc;
}

/* Last: an archive that was cut short has none. */
static int
put_mark(struct tar *t, struct cfs_err *err)
{
	unsigned char end[2 * BLOCK] = {0};
	char text[MARK_SIZE];
	int n = mark_text(text, &t->snap->id);
	int rc = put_header(t, BACKUP_MARK, '0', (uint64_t)n, err);

	if (rc == 0)
		rc = put(t, text, (size_t)n, err);
	if (rc == 0)
		rc = put_padding(t, (uint64_t)n, err);
	return rc == 0 ? put(t, end, sizeof(end), err) : rc;
}

/* One at a time: each would remove the other's copy of the database, and then read it. */
static int
lock_meta(const char *path, int *fd_out, struct cfs_err *err)
{
	char *meta = NULL;
	int rc = 0;

	if (asprintf(&meta, "%s/" LAYOUT_META, path) < 0)
		return err_code(err, CFS_ENOMEM);
	*fd_out = io_open(meta, O_RDONLY | O_DIRECTORY, 0);
	if (*fd_out < 0)
		rc = err_set_errno(err, errno, "open %s", meta);
	else if (flock(*fd_out, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK
			 ? err_set(err, CFS_ELOCKED, "another archive is being made")
			 : err_set_errno(err, errno, "lock %s", meta);
	free(meta);
	return rc;
}

int
backup_stream(const char *path, int fd, const struct backup_hooks *hooks, struct backup_result *out,
	      struct cfs_err *err)
{
	struct snapshot snap = {.dir = -1, .blobs = -1, .hold = -1};
	struct tar t = {.fd = fd,
			.snap = &snap,
			.hooks = hooks,
			.out = out,
			.mtime_s = now_real_ns() / NS_PER_S};
	char *file = NULL;
	int lock = -1, rc;

	*out = (struct backup_result){0};
	t.bytes = malloc(COPY_BYTES);
	if (t.bytes == NULL || asprintf(&file, "%s/" BACKUP_NEW, path) < 0) {
		free(t.bytes);
		return err_code(err, CFS_ENOMEM);
	}
	rc = lock_meta(path, &lock, err);
	if (rc != 0)
		goto out;
	(void)unlink(file);
	rc = snapshot_open(path, file, &snap, err);
	if (rc == 0)
		rc = put_folders(&t, err);
	if (rc == 0)
		rc = put_file(&t, snap.dir, BACKUP_NEW, LAYOUT_DB, err);
	if (rc == 0)
		rc = snapshot_blobs(snap.db, put_blob, &t, err);
	if (rc == 0)
		rc = snapshot_keys(snap.dir, put_key, &t, err);
	if (rc == 0)
		rc = put_mark(&t, err);
	/* A pipe cannot be flushed; a file can. */
	if (rc == 0 && io_fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
		rc = err_set_errno(err, errno, "flush the archive");
	snapshot_close(&snap);
	(void)unlink(file);
out:
	fd_close(&lock);
	free(file);
	free(t.bytes);
	return rc;
}

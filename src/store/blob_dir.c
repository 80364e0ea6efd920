/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "store/blob.h"
#include "store/blob_fds.h"
#include "store/dirsync.h"

/* Written in pieces of this size, so that the disk is already busy with the first while the next is copied. */
#define WRITE_PIECE (1024u * 1024)

struct dir {
	struct blob_backend base;
	int root;
	struct dirsync *sync;
	struct blob_fds *fds;
};

static struct dir *
of(struct blob_backend *b)
{
	return CONTAINER_OF(b, struct dir, base);
}

/* "a1/a1b2…": the first byte of the id is the fan-out directory. */
struct blob_path {
	char text[3 + ID128_HEX_SIZE];
};

static const char *
blob_path(struct blob_path *p, const struct id128 *id)
{
	char hex[ID128_HEX_SIZE];

	id128_hex(hex, id);
	snprintf(p->text, sizeof(p->text), "%.2s/%s", hex, hex);
	return p->text;
}

/*
 * The part of iov's bytes that begins at offset and has at most max bytes, into part (as many pieces as iov). Returns the
 * number of pieces; 0 at the end.
 */
static int
slice(const struct iovec *iov, int count, size_t offset, size_t max, struct iovec *part)
{
	int n = 0;

	for (int i = 0; i < count && max > 0; i++) {
		size_t skip = min_size(offset, iov[i].iov_len);
		size_t len = min_size(iov[i].iov_len - skip, max);

		offset -= skip;
		if (len == 0)
			continue;
		part[n].iov_base = (char *)iov[i].iov_base + skip;
		part[n].iov_len = len;
		max -= len;
		n++;
	}
	return n;
}

/* Writes all bytes and starts their way to the disk. 0, or -1 with errno. */
static int
write_all(int fd, const struct iovec *iov, int count)
{
	struct iovec part[BLOB_IOV_MAX];
	size_t done = 0;
	int n;

	while ((n = slice(iov, count, done, WRITE_PIECE, part)) > 0) {
		ssize_t w = pwritev(fd, part, n, (off_t)done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		/* Only a hint: fdatasync() gives the promise, and tells of errors. */
		(void)sync_file_range(fd, (off_t)done, w, SYNC_FILE_RANGE_WRITE);
		done += (size_t)w;
	}
	return 0;
}

/* Reads all bytes, with flags of preadv2(2). 0; 1 if the file ends before; -1 with errno. */
static int
read_all(int fd, uint64_t offset, const struct iovec *iov, int count, int flags)
{
	struct iovec part[BLOB_IOV_MAX];
	size_t done = 0;
	int n;

	while ((n = slice(iov, count, done, SIZE_MAX, part)) > 0) {
		ssize_t r = preadv2(fd, part, n, (off_t)(offset + done), flags);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -1 : 1;
		done += (size_t)r;
	}
	return 0;
}

static int
dir_put(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	struct cfs_err *err)
{
	struct dir *d = of(b);
	struct blob_path path;
	int fd, rc = 0;

	if (dirsync_broken(d->sync))
		return err_set(err, CFS_EREADONLY, "an earlier flush of a folder failed");
	fd = io_openat(d->root, blob_path(&path, id), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
		       0600);
	if (fd < 0)
		return err_set_errno(err, errno, "create");
	if (write_all(fd, iov, count) != 0)
		rc = err_set_errno(err, errno, "write");
	/* Never tried again: the kernel reports a lost page once and then takes it for clean. */
	else if (io_fdatasync(fd) != 0)
		rc = err_set_errno(err, errno, "flush");
	fd_close(&fd);
	if (rc == 0)
		rc = dirsync_wait(d->sync, d->root, id->b[0], err);
	if (rc != 0)
		(void)unlinkat(d->root, path.text, 0);
	return rc;
}

static int
dir_replace(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	    struct cfs_err *err)
{
	struct dir *d = of(b);
	struct blob_path path;
	char part[sizeof(path.text) + 8];
	int fd, rc = 0;

	(void)snprintf(part, sizeof(part), "%s.part", blob_path(&path, id));
	fd = io_openat(d->root, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(err, errno, "create");
	if (write_all(fd, iov, count) != 0)
		rc = err_set_errno(err, errno, "write");
	else if (io_fdatasync(fd) != 0)
		rc = err_set_errno(err, errno, "flush");
	else if (renameat(d->root, part, d->root, path.text) != 0)
		rc = err_set_errno(err, errno, "rename");
	fd_close(&fd);
	if (rc != 0) {
		(void)unlinkat(d->root, part, 0);
		return rc;
	}
	blob_fds_forget(d->fds, id);
	return dirsync_wait(d->sync, d->root, id->b[0], err);
}

static int
read_with(struct blob_backend *b, const struct id128 *id, uint64_t offset, const struct iovec *iov,
	  int count, int flags, struct cfs_err *err)
{
	struct dir *d = of(b);
	struct blob_path path;
	int fd, slot, rc, e;

	if (blob_fds_take(d->fds, id, d->root, blob_path(&path, id), &fd, &slot) != 0)
		return err_set_errno(err, errno, "open");
	rc = read_all(fd, offset, iov, count, flags);
	e = errno;
	blob_fds_give(d->fds, fd, slot);
	if (rc < 0)
		return err_set_errno(err, e, "read");
	return rc == 0 ? 0 : err_set(err, CFS_ECORRUPT, "cut short");
}

static int
dir_read(struct blob_backend *b, const struct id128 *id, uint64_t offset, const struct iovec *iov,
	 int count, struct cfs_err *err)
{
	return read_with(b, id, offset, iov, count, 0, err);
}

/* Only what the kernel has in memory; a file system that does not know how to do that has nothing there. */
static int
dir_read_now(struct blob_backend *b, const struct id128 *id, uint64_t offset,
	     const struct iovec *iov, int count, struct cfs_err *err)
{
	return read_with(b, id, offset, iov, count, RWF_NOWAIT, err) == 0
		   ? 0
		   : err_code(err, CFS_EBUSY);
}

static int
dir_size(struct blob_backend *b, const struct id128 *id, uint64_t *size_out, struct cfs_err *err)
{
	struct blob_path path;
	struct stat st;

	if (fstatat(of(b)->root, blob_path(&path, id), &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_set_errno(err, errno, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, CFS_ECORRUPT, "not a regular file");
	*size_out = (uint64_t)st.st_size;
	return 0;
}

static int
dir_remove(struct blob_backend *b, const struct id128 *id, struct cfs_err *err)
{
	struct dir *d = of(b);
	struct blob_path path;
	int rc = 0;

	if (unlinkat(d->root, blob_path(&path, id), 0) != 0 && errno != ENOENT)
		rc = err_set_errno(err, errno, "remove");
	/* Also for what was absent: somebody may have removed it just before a crash of his own. */
	dirsync_note(d->sync, id->b[0]);
	blob_fds_forget(d->fds, id);
	return rc;
}

static int
dir_sync_removed(struct blob_backend *b, struct cfs_err *err)
{
	struct dir *d = of(b);

	return dirsync_wait_noted(d->sync, d->root, err);
}

static int
dir_space(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out, struct cfs_err *err)
{
	struct statvfs v;

	if (fstatvfs(of(b)->root, &v) != 0)
		return err_set_errno(err, errno, "free space of the blobs' folder");
	*total_out = (uint64_t)v.f_blocks * v.f_frsize;
	*free_out = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

static void
dir_idle(struct blob_backend *b)
{
	blob_fds_clear(of(b)->fds);
}

static void
dir_close(struct blob_backend *b)
{
	struct dir *d = of(b);

	blob_fds_free(d->fds);
	dirsync_free(d->sync);
	fd_close(&d->root);
	free(d);
}

static const struct blob_ops dir_ops = {
    .name = "dir",
    .put = dir_put,
    .replace = dir_replace,
    .read = dir_read,
    .read_now = dir_read_now,
    .size = dir_size,
    .remove = dir_remove,
    .sync_removed = dir_sync_removed,
    .space = dir_space,
    .idle = dir_idle,
    .close = dir_close,
};

int
blob_dir_create(int dirfd, struct cfs_err *err)
{
	for (unsigned i = 0; i < DIRSYNC_DIRS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%02x", i);
		if (mkdirat(dirfd, name, 0700) != 0)
			return err_set_errno(err, errno, "make blob folder %s", name);
	}
	if (io_fsync(dirfd) != 0)
		return err_set_errno(err, errno, "flush the blobs' folder");
	return 0;
}

int
blob_dir_open(int dirfd, struct blob_backend **out, struct cfs_err *err)
{
	struct dir *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return err_code(err, CFS_ENOMEM);
	d->root = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	d->sync = dirsync_new();
	d->fds = blob_fds_new();
	if (d->root < 0)
		rc = err_set_errno(err, errno, "keep the blobs' folder");
	else if (d->sync == NULL || d->fds == NULL)
		rc = err_code(err, CFS_ENOMEM);
	else
		rc = blob_backend_init(&d->base, &dir_ops, err);
	if (rc != 0) {
		dir_close(&d->base);
		return rc;
	}
	*out = &d->base;
	return 0;
}

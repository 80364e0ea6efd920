/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/path.h"
#include "base/rand.h"

#define COPY_BYTES ((size_t)128 << 10)

ssize_t
io_read_full(int fd, void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (unsigned char *)p + done, n - done);

		if (got == 0)
			break;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)done;
}

ssize_t
io_pread_full(int fd, void *p, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got =
		    pread(fd, (unsigned char *)p + done, n - done, (off_t)(offset + done));

		if (got == 0)
			break;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)done;
}

int
io_write_full(int fd, const void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = write(fd, (const unsigned char *)p + done, n - done);

		if (put >= 0)
			done += (size_t)put;
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

/*
 * One call writes so much at most: the source is still in the processor's cache when it is copied, and the page cache takes
 * pages that were used before. Calls of 4 MiB get huge fresh ones, which on a virtual machine cost several times the copy.
 */
#define WRITE_CHUNK ((size_t)256 * 1024)

int
io_pwrite_full(int fd, const void *p, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(fd, (const unsigned char *)p + done,
				     min_size(n - done, WRITE_CHUNK), (off_t)(offset + done));

		if (put >= 0)
			done += (size_t)put;
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

int
io_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int
io_open(const char *path, int flags, mode_t mode)
{
	return io_openat(AT_FDCWD, path, flags, mode);
}

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

int
fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -1 : 0;
}

int
io_fsync(int fd)
{
	int rc;

	do {
		rc = fsync(fd);
	} while (rc < 0 && errno == EINTR);
	return rc;
}

int
io_fdatasync(int fd)
{
	int rc;

	do {
		rc = fdatasync(fd);
	} while (rc < 0 && errno == EINTR);
	return rc;
}

void
fd_keep_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest number that is free is taken: fd's own. Opened for what nobody does with it. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
}

int
io_fsync_dir(int dir_fd, const char *path)
{
	int fd = io_openat(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);
	int rc;

	if (fd < 0)
		return -1;
	rc = io_fsync(fd);
	fd_close(&fd);
	return rc;
}

static int
copy_through_memory(int in, int out, uint64_t max, uint64_t *copied, struct cfs_err *err)
{
	unsigned char *p = malloc(COPY_BYTES);
	int rc = 0;

	if (p == NULL)
		return err_code(err, CFS_ENOMEM);
	while (*copied < max) {
		ssize_t got = read(in, p, (size_t)min_u64(max - *copied, COPY_BYTES));

		if (got == 0)
			break;
		if (got < 0) {
			if (errno == EINTR)
				continue;
			rc = err_set_errno(err, errno, "read");
			break;
		}
		if (io_write_full(out, p, (size_t)got) < 0) {
			rc = err_set_errno(err, errno, "write");
			break;
		}
		*copied += (uint64_t)got;
	}
	free(p);
	return rc;
}

int
io_copy(int in, int out, uint64_t max, uint64_t *copied_out, struct cfs_err *err)
{
	uint64_t copied = 0;
	int rc = 0;

	while (copied < max) {
		ssize_t n = copy_file_range(in, NULL, out, NULL,
					    (size_t)min_u64(max - copied, (uint64_t)1 << 30), 0);

		if (n > 0) {
			copied += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		/* Not for these descriptors, at the end, or a real error: plain reads and writes tell which. */
		rc = copy_through_memory(in, out, max, &copied, err);
		break;
	}
	if (copied_out != NULL)
		*copied_out = copied;
	return rc;
}

/* Writes the bytes to a new file of that name; removes it again on error. */
static int
write_new_file(int dir_fd, const char *path, const void *data, size_t n, mode_t mode,
	       struct cfs_err *err)
{
	int fd = io_openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	int rc = 0;

	if (fd < 0)
		return err_set_errno(err, errno, "create %s", path);
	if (io_write_full(fd, data, n) < 0)
		rc = err_set_errno(err, errno, "write %s", path);
	else if (fchmod(fd, mode) < 0)
		rc = err_set_errno(err, errno, "chmod %s", path);
	else if (io_fsync(fd) < 0)
		rc = err_set_errno(err, errno, "fsync %s", path);
	fd_close(&fd);
	if (rc < 0)
		(void)unlinkat(dir_fd, path, 0);
	return rc;
}

int
io_write_file(int dir_fd, const char *path, const void *data, size_t n, mode_t mode,
	      struct cfs_err *err)
{
	struct path_view dir = path_dir(path_view_str(path));
	char *dir_name = NULL;
	char *temp = NULL;
	int rc;

	if (asprintf(&dir_name, "%.*s", (int)dir.len, dir.p) < 0) {
		dir_name = NULL;
		rc = err_code(err, CFS_ENOMEM);
		goto out;
	}
	if (asprintf(&temp, "%s/.tmp-%016llx", dir_name, (unsigned long long)rand_u64()) < 0) {
		temp = NULL;
		rc = err_code(err, CFS_ENOMEM);
		goto out;
	}
	rc = write_new_file(dir_fd, temp, data, n, mode, err);
	if (rc < 0)
		goto out;
	if (renameat(dir_fd, temp, dir_fd, path) < 0) {
		rc = err_set_errno(err, errno, "rename to %s", path);
		(void)unlinkat(dir_fd, temp, 0);
	} else if (io_fsync_dir(dir_fd, dir_name) < 0) {
		rc = err_set_errno(err, errno, "fsync %s", dir_name);
	}
out:
	free(temp);
	free(dir_name);
	return rc;
}

/* Appends what fd has, at most max bytes, to out. */
static int
read_bounded(int fd, const char *path, size_t max, struct buf *out, struct cfs_err *err)
{
	size_t total = 0;

	for (;;) {
		size_t want = min_size(max - total, COPY_BYTES) + 1;
		unsigned char *end = buf_reserve(out, want);
		ssize_t got;

		if (end == NULL)
			return err_code(err, CFS_ENOMEM);
		got = io_read_full(fd, end, want);
		if (got < 0)
			return err_set_errno(err, errno, "read %s", path);
		if ((size_t)got > max - total)
			return err_set(err, CFS_ETOOBIG, "read %s: more than %zu bytes", path, max);
		buf_commit(out, (size_t)got);
		total += (size_t)got;
		if ((size_t)got < want)
			return 0;
	}
}

int
io_read_file(int dir_fd, const char *path, size_t max, struct buf *out, struct cfs_err *err)
{
	int fd = io_openat(dir_fd, path, O_RDONLY, 0);
	size_t before = out->len;
	int rc;

	if (fd < 0)
		return err_set_errno(err, errno, "open %s", path);
	rc = read_bounded(fd, path, max, out, err);
	if (rc < 0)
		buf_truncate(out, before);
	fd_close(&fd);
	return rc;
}

int
io_mkdir_p(const char *path, mode_t mode, struct cfs_err *err)
{
	char *prefix = strdup(path);
	struct stat st;
	int rc = 0;

	if (prefix == NULL)
		return err_code(err, CFS_ENOMEM);
	for (char *p = prefix; *p != '\0';) {
		char cut;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		cut = *p;
		*p = '\0';
		if (mkdir(prefix, mode) < 0 && errno != EEXIST) {
			rc = err_set_errno(err, errno, "mkdir %s", prefix);
			goto out;
		}
		*p = cut;
	}
	if (stat(path, &st) < 0)
		rc = err_set_errno(err, errno, "mkdir %s", path);
	else if (!S_ISDIR(st.st_mode))
		rc = err_set_errno(err, ENOTDIR, "mkdir %s", path);
out:
	free(prefix);
	return rc;
}

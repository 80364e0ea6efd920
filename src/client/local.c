/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"

#define POLL_MS 100

static int
local_error(struct cfs_err *err, int errno_value, const char *what)
{
	return err_set(err, err_from_local(errno_value), "%s: %s", what, strerror(errno_value));
}

/* ---- source */

/* Waits until fd is ready, looking now and then whether it is still wanted. */
static int
wait_fd(int fd, short events, const atomic_bool *cancel)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		if (cancel != NULL && atomic_load(cancel))
			return CFS_ECANCELED;
		int n = poll(&p, 1, POLL_MS);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return CFS_ELOCALIO;
	}
}

static int
read_pipe(const struct source *src, unsigned char *buf, size_t size, size_t *len_out, bool *end_out,
	  struct cfs_err *err)
{
	while (*len_out < size) {
		int rc = wait_fd(src->fd, POLLIN, src->cancel);

		if (rc < 0)
			return err_code(err, rc);
		ssize_t n = read(src->fd, buf + *len_out, size - *len_out);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return local_error(err, errno, "read");
		if (n == 0) {
			*end_out = true;
			return 0;
		}
		if (n > 0)
			*len_out += (size_t)n;
	}
	return 0;
}

/* Moves *offset over a hole and says how many bytes of data follow; 0: none up to the end, which *offset then is. */
static size_t
find_data(const struct source *src, uint64_t start, uint64_t *offset, size_t size)
{
	off_t data = lseek(src->fd, (off_t)(start + *offset), SEEK_DATA);
	off_t hole;

	if (data < 0) {
		struct stat st;

		if (errno != ENXIO || fstat(src->fd, &st) < 0)
			return size;
		if ((uint64_t)st.st_size > start + *offset)
			*offset = (uint64_t)st.st_size - start;
		return 0;
	}
	*offset = (uint64_t)data - start;
	hole = lseek(src->fd, data, SEEK_HOLE);
	return hole > data ? min_size(size, (size_t)(hole - data)) : size;
}

int
source_read(const struct source *src, uint64_t start, bool sparse, size_t size, uint64_t *offset,
	    void *buf, size_t *len_out, bool *end_out, struct cfs_err *err)
{
	ssize_t n;

	*len_out = 0;
	*end_out = false;
	if (!src->regular)
		return read_pipe(src, buf, size, len_out, end_out, err);
	size_t want = sparse ? find_data(src, start, offset, size) : size;
	if (want == 0) {
		*end_out = true;
		return 0;
	}
	n = io_pread_full(src->fd, buf, want, start + *offset);
	if (n < 0)
		return local_error(err, errno, "read");
	*len_out = (size_t)n;
	*end_out = (size_t)n < want;
	return 0;
}

/* ---- target */

/* The path that a symbolic link at path leads to, unless it is not to be followed, else path itself; a new string. */
static char *
resolve(const char *path, bool nofollow, struct stat *st, bool *exists)
{
	*exists = lstat(path, st) == 0;
	if (*exists && S_ISLNK(st->st_mode) && !nofollow) {
		char *real = realpath(path, NULL);

		*exists = real != NULL && stat(real, st) == 0;
		if (real != NULL)
			return real;
	}
	return strdup(path);
}

static char *
temp_name(const char *path, uint64_t number)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash != NULL ? (size_t)(slash - path) + 1 : 0;
	char *temp = NULL;

	/* Not made from the final name, which may be as long as a name can be. */
	if (asprintf(&temp, "%.*s.cfs-%016llx.part", (int)dir, path, (unsigned long long)number) <
	    0)
		return NULL;
	return temp;
}

int
target_open(struct target *t, const struct target_want *w, struct cfs_err *err)
{
	struct stat st;
	bool exists = false;

	*t = (struct target){.fd = -1, .owned = true};
	t->path = w->absent ? strdup(w->path) : resolve(w->path, w->nofollow, &st, &exists);
	if (t->path == NULL)
		return err_code(err, CFS_ENOMEM);
	if (exists && w->noclobber)
		return err_set(err, CFS_EEXIST, "%s: already exists", w->path);
	if (exists && S_ISLNK(st.st_mode))
		exists = false; /* it gives way, and has no permissions to keep */
	if (exists && S_ISDIR(st.st_mode))
		return err_set(err, CFS_EISDIR, "%s: is a directory", w->path);
	if (exists && !S_ISREG(st.st_mode)) {
		t->in_order = true;
		if (w->regular_only)
			return 1;
		t->fd = io_open(t->path, O_WRONLY | O_NOCTTY, 0);
		return t->fd < 0 ? local_error(err, errno, w->path) : 0;
	}
	t->temp = temp_name(t->path, w->number);
	if (t->temp == NULL)
		return err_code(err, CFS_ENOMEM);
	t->fd = io_open(t->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, w->mode);
	if (t->fd < 0) {
		int saved = errno;

		free(t->temp);
		t->temp = NULL;
		return local_error(err, saved, w->path);
	}
	/* As if it had been written in place: what was there keeps its permissions. */
	if (exists && fchmod(t->fd, st.st_mode & 07777) < 0)
		return local_error(err, errno, w->path);
	return 0;
}

void
target_from_fd(struct target *t, int fd)
{
	*t = (struct target){.fd = fd, .in_order = true};
}

static int
write_in_order(const struct target *t, const unsigned char *p, size_t n, struct cfs_err *err)
{
	while (n > 0) {
		int rc = wait_fd(t->fd, POLLOUT, t->cancel);

		if (rc < 0)
			return err_code(err, rc);
		/* A little at a time, so that a slow pipe does not hold the worker when nobody wants it any more. */
		ssize_t put = write(t->fd, p, min_size(n, 65536));
		if (put < 0 && errno != EINTR && errno != EAGAIN)
			return local_error(err, errno, "write");
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int
target_write(struct target *t, const void *p, size_t n, uint64_t offset, struct cfs_err *err)
{
	if (t->in_order)
		return write_in_order(t, p, n, err);
	if (io_pwrite_full(t->fd, p, n, offset) < 0)
		return local_error(err, errno, t->path);
	t->end = max_u64(t->end, offset + n);
	return 0;
}

int
target_zeros(const struct target *t, uint64_t n, uint64_t offset, struct cfs_err *err)
{
	static const unsigned char zeros[65536];
	int rc = 0;

	(void)offset;
	while (rc == 0 && t->in_order && n > 0) {
		size_t part = (size_t)min_u64(n, sizeof(zeros));

		rc = write_in_order(t, zeros, part, err);
		n -= part;
	}
	return rc;
}

static struct timespec
to_timespec(int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	if (ts.tv_nsec < 0) {
		ts.tv_nsec += NS_PER_S;
		ts.tv_sec--;
	}
	return ts;
}

/* It has been made so already, as a rule, and to a journal a change that changes nothing is one like any other. */
static int
set_mode(int fd, mode_t mode)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode ? 0 : fchmod(fd, mode);
}

int
target_commit(struct target *t, const struct target_meta *m, struct cfs_err *err)
{
	if (t->temp == NULL)
		return 0;
	/* Only a hole at the end needs it; to a journal it is a change like any other. */
	if (t->end != m->size && ftruncate(t->fd, (off_t)m->size) < 0)
		return local_error(err, errno, t->path);
	if (m->set_mode && set_mode(t->fd, m->mode & 07777) < 0)
		return local_error(err, errno, t->path);
	if (m->set_times) {
		struct timespec times[2] = {to_timespec(m->atime_ns), to_timespec(m->mtime_ns)};

		if (futimens(t->fd, times) < 0)
			return local_error(err, errno, t->path);
	}
	/* Some file systems tell only now that there was no room. */
	int fd = t->fd;
	t->fd = -1;
	if (close(fd) < 0 && errno != EINTR)
		return local_error(err, errno, t->path);
	if (renameat2(AT_FDCWD, t->temp, AT_FDCWD, t->path, m->noclobber ? RENAME_NOREPLACE : 0) <
	    0) {
		if (errno == EEXIST)
			return err_set(err, CFS_EEXIST, "%s: already exists", t->path);
		return local_error(err, errno, t->path);
	}
	free(t->temp);
	t->temp = NULL;
	return 0;
}

bool
target_restart(struct target *t, uint64_t written)
{
	t->end = 0;
	return t->in_order ? written == 0 : ftruncate(t->fd, 0) == 0;
}

void
target_fini(struct target *t)
{
	if (t->owned)
		fd_close(&t->fd);
	if (t->temp != NULL)
		unlink(t->temp);
	free(t->temp);
	free(t->path);
	t->temp = t->path = NULL;
	t->fd = -1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Doing an operation on one side. What belongs together has one function. */

#define MAP_MAX (512u * 1024)

static unsigned char bytes[MAP_MAX];

static void
told(struct result *out, long value)
{
	out->value = value;
	out->error = value == -1 ? errno : 0;
}

static void
fill(const struct op *op)
{
	for (size_t i = 0; i < op->length; i++)
		bytes[i] = (unsigned char)(op->value + i * 7 + i / 509);
}

static void
act_open(struct side *s, const struct op *op, struct result *out)
{
	int fd = openat(s->dir, path_text(op->path), op->flags | O_NONBLOCK | O_CLOEXEC, 0644);
	struct stat st;

	told(out, fd < 0 ? -1 : 0);
	if (fd < 0)
		return;
	/* What is read from a fifo depends on who else has it open. */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		close(fd);
		return;
	}
	if (s->fds[op->slot] >= 0)
		close(s->fds[op->slot]);
	s->fds[op->slot] = fd;
}

static void
act_close(struct side *s, const struct op *op, struct result *out)
{
	told(out, close(s->fds[op->slot]));
	s->fds[op->slot] = -1;
}

static void
act_read(int fd, const struct op *op, struct result *out)
{
	ssize_t n = pread(fd, bytes, op->length, op->offset);

	told(out, n);
	if (n > 0)
		out->digest = digest_of(1, bytes, (size_t)n);
}

static void
act_write(int fd, const struct op *op, struct result *out)
{
	fill(op);
	told(out, op->kind == OP_PWRITE ? pwrite(fd, bytes, op->length, op->offset)
					: write(fd, bytes, op->length));
}

/* Until all is copied: how much one call does is not the same everywhere. */
static void
act_copy(struct side *s, const struct op *op, struct result *out)
{
	loff_t from = op->value % SIZE_MAX_, to = op->offset;
	size_t left = op->length;
	ssize_t n = 1;

	while (left > 0 && n > 0) {
		n = copy_file_range(s->fds[op->source], &from, s->fds[op->slot], &to, left, 0);
		if (n > 0)
			left -= (size_t)n;
	}
	told(out, n < 0 ? -1 : 0);
	out->length = op->length - left;
}

/* Of the pages that are wholly or partly in the file: behind them is SIGBUS. */
static void
act_map(int fd, const struct op *op, struct result *out)
{
	bool writing = op->kind == OP_MAP_WRITE;
	struct stat st;
	unsigned char *p;
	size_t size, length;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= op->offset ||
	    st.st_size > MAP_MAX) {
		told(out, 0);
		return;
	}
	size = (size_t)st.st_size;
	p = mmap(NULL, size, writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	told(out, p == MAP_FAILED ? -1 : 0);
	if (p == MAP_FAILED)
		return;
	length = size - op->offset < op->length ? size - op->offset : op->length;
	if (writing) {
		fill(op);
		memcpy(p + op->offset, bytes, length);
		if (op->value % 2 == 0)
			told(out, msync(p, size, MS_SYNC));
	} else {
		out->digest = digest_of(1, p + op->offset, length);
	}
	munmap(p, size);
}

static void
act_handle(struct side *s, const struct op *op, struct result *out)
{
	int fd = s->fds[op->slot];
	struct stat st;

	switch (op->kind) {
	case OP_PREAD:
		act_read(fd, op, out);
		break;
	case OP_FTRUNCATE:
		told(out, ftruncate(fd, op->offset));
		break;
	case OP_FALLOCATE:
		told(out, fallocate(fd, op->flags, op->offset, op->length));
		break;
	case OP_FSYNC:
		told(out, fsync(fd));
		break;
	case OP_FSTAT:
		result_stat(out, fstat(fd, &st), &st);
		break;
	case OP_MAP_READ:
	case OP_MAP_WRITE:
		act_map(fd, op, out);
		break;
	default:
		act_write(fd, op, out);
	}
}

static bool
is_in(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	return strncmp(dir, path, n) == 0 && path[n] == '/';
}

/* Deepest first, as rm -r does it. */
static void
act_clear(struct side *s, const struct op *op, struct result *out)
{
	const char *dir = path_text(op->path);

	for (unsigned i = 0; i < PATHS; i++) {
		const char *path = path_text(i);
		int fd = is_in(dir, path) ? openat(s->dir, path, O_CREAT | O_EXCL | O_CLOEXEC, 0644)
					  : -1;

		if (fd >= 0)
			close(fd);
	}
	for (unsigned i = PATHS; i-- > 0;) {
		const char *path = path_text(i);

		if (is_in(dir, path) &&
		    (unlinkat(s->dir, path, 0) == 0 || unlinkat(s->dir, path, AT_REMOVEDIR) == 0))
			out->length++;
	}
	told(out, 0);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
act_readdir(struct side *s, const struct op *op, struct result *out)
{
	int fd = openat(s->dir, path_text(op->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	char *names[64];
	struct dirent *e;
	size_t n = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	told(out, d != NULL ? 0 : -1);
	if (d == NULL)
		return;
	while (n < 64 && (e = readdir(d)) != NULL)
		names[n++] = strdup(e->d_name);
	closedir(d);
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 0; i < n; i++) {
		out->digest = digest_of(out->digest, names[i], strlen(names[i]) + 1);
		free(names[i]);
	}
	out->length = n;
}

/* The names of attributes in any order: their digests are added up. */
static void
act_listxattr(const char *path, struct result *out)
{
	ssize_t n = listxattr(path, (char *)bytes, sizeof(bytes));

	told(out, n < 0 ? -1 : 0);
	for (const char *p = (char *)bytes; n > 0 && p < (char *)bytes + n; p += strlen(p) + 1) {
		if (strncmp(p, "user.", 5) == 0) {
			out->digest += digest_of(1, p, strlen(p));
			out->length++;
		}
	}
}

/* There is no …xattrat() yet; the directory is reached by its descriptor. */
static void
act_xattr(struct side *s, const struct op *op, struct result *out)
{
	char path[96];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", s->dir, path_text(op->path));
	switch (op->kind) {
	case OP_SETXATTR:
		fill(op);
		told(out,
		     setxattr(path, xattr_name(op->value), bytes, op->length % 500, op->flags));
		break;
	case OP_GETXATTR:
		n = getxattr(path, xattr_name(op->value), bytes, sizeof(bytes));
		told(out, n);
		if (n > 0)
			out->digest = digest_of(1, bytes, (size_t)n);
		break;
	case OP_REMOVEXATTR:
		told(out, removexattr(path, xattr_name(op->value)));
		break;
	default:
		act_listxattr(path, out);
	}
}

static void
act_truncate(struct side *s, const struct op *op, struct result *out)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", s->dir, path_text(op->path));
	told(out, truncate(path, op->offset));
}

static void
act_utime(struct side *s, const struct op *op, struct result *out)
{
	struct timespec t[2] = {
	    {.tv_sec = 1000000000 + op->value % 1000, .tv_nsec = op->value % 999},
	    {.tv_sec = 900000000 + op->value % 1000, .tv_nsec = op->offset}};

	if (op->value % 5 == 0)
		t[0].tv_nsec = UTIME_OMIT;
	if (op->value % 7 == 0)
		t[1].tv_nsec = UTIME_OMIT;
	told(out, utimensat(s->dir, path_text(op->path), t, AT_SYMLINK_NOFOLLOW));
}

static void
act_path(struct side *s, const struct op *op, struct result *out)
{
	const char *path = path_text(op->path), *to = path_text(op->to);
	struct stat st;
	ssize_t n;

	switch (op->kind) {
	case OP_STAT:
		result_stat(out, fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW), &st);
		break;
	case OP_MKDIR:
		told(out, mkdirat(s->dir, path, 0755));
		break;
	case OP_RMDIR:
		told(out, unlinkat(s->dir, path, AT_REMOVEDIR));
		break;
	case OP_UNLINK:
		told(out, unlinkat(s->dir, path, 0));
		break;
	case OP_RENAME:
		told(out, renameat2(s->dir, path, s->dir, to, (unsigned)op->flags));
		break;
	case OP_LINK:
		told(out, linkat(s->dir, path, s->dir, to, 0));
		break;
	case OP_SYMLINK:
		told(out, symlinkat(path, s->dir, to));
		break;
	case OP_READLINK:
		n = readlinkat(s->dir, path, (char *)bytes, 256);
		told(out, n);
		if (n > 0)
			out->digest = digest_of(1, bytes, (size_t)n);
		break;
	case OP_MKFIFO:
		told(out, mkfifoat(s->dir, path, 0644));
		break;
	default:
		told(out, fchmodat(s->dir, path, 0600 | (op->value & 0177), 0));
	}
}

void
op_act(struct side *s, const struct op *op, struct result *out)
{
	static void (*const acts[OP_KINDS])(struct side *, const struct op *, struct result *) = {
	    [OP_OPEN] = act_open,         [OP_CLOSE] = act_close,     [OP_PWRITE] = act_handle,
	    [OP_WRITE] = act_handle,      [OP_PREAD] = act_handle,    [OP_FTRUNCATE] = act_handle,
	    [OP_FALLOCATE] = act_handle,  [OP_COPY] = act_copy,       [OP_MAP_WRITE] = act_handle,
	    [OP_MAP_READ] = act_handle,   [OP_FSYNC] = act_handle,    [OP_FSTAT] = act_handle,
	    [OP_TRUNCATE] = act_truncate, [OP_READDIR] = act_readdir, [OP_UTIME] = act_utime,
	    [OP_CLEAR] = act_clear,       [OP_SETXATTR] = act_xattr,  [OP_GETXATTR] = act_xattr,
	    [OP_REMOVEXATTR] = act_xattr, [OP_LISTXATTR] = act_xattr,
	};

	*out = (struct result){0};
	(acts[op->kind] != NULL ? acts[op->kind] : act_path)(s, op, out);
}

void
side_close(struct side *s)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (s->fds[i] >= 0)
			close(s->fds[i]);
		s->fds[i] = -1;
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors: which open file each stands for. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record.h"

/* libc's headers do not declare these; with _FORTIFY_SOURCE programs call them for open() without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

static int
do_open(int dir, const char *path, int flags, mode_t mode)
{
	char full[PATH_MAX];
	const char *below;
	struct stat st;
	uint64_t token = 0;
	bool existed;
	int fd;

	if (!record_on())
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	record_lock();
	record_absolute(dir, path, full);
	below = record_watched(full);
	existed = (flags & O_CREAT) == 0 || (below != NULL && lstat(full, &st) == 0);
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0)
		token = record_open_token(fd, full);
	if (fd >= 0 && below != NULL) {
		record_put_path(existed ? RECORD_OPEN : RECORD_CREATE, token, below);
		if (existed && (flags & O_TRUNC) != 0)
			record_put((struct record){.type = RECORD_TRUNCATE, .token = token}, NULL,
				   0);
	}
	record_unlock();
	return fd;
}

static mode_t
mode_argument(int flags, va_list ap)
{
	return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_argument(flags, ap);
	va_end(ap);
	return do_open(AT_FDCWD, path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_argument(flags, ap);
	va_end(ap);
	return do_open(dir, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_argument(flags, ap);
	va_end(ap);
	return do_open(AT_FDCWD, path, flags, mode);
}

int
openat64(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_argument(flags, ap);
	va_end(ap);
	return do_open(dir, path, flags, mode);
}

int
__open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int
__openat_2(int dir, const char *path, int flags)
{
	return do_open(dir, path, flags, 0);
}

int
__openat64_2(int dir, const char *path, int flags)
{
	return do_open(dir, path, flags, 0);
}

int
close(int fd)
{
	int rc;

	record_lock();
	record_set_token(fd, 0);
	rc = (int)syscall(SYS_close, fd);
	record_unlock();
	return rc;
}

/* dup(2) and its kin, and F_DUPFD: the new number stands for the same open file. */
static int
do_dup(int old, long rc)
{
	if (rc >= 0)
		record_set_token((int)rc, record_token(old));
	record_unlock();
	return (int)rc;
}

int
dup(int fd)
{
	record_lock();
	return do_dup(fd, syscall(SYS_dup, fd));
}

int
dup2(int fd, int to)
{
	record_lock();
	return do_dup(fd, syscall(SYS_dup2, fd, to));
}

int
dup3(int fd, int to, int flags)
{
	record_lock();
	return do_dup(fd, syscall(SYS_dup3, fd, to, flags));
}

static int
do_fcntl(int fd, int cmd, void *arg)
{
	if (cmd != F_DUPFD && cmd != F_DUPFD_CLOEXEC)
		return (int)syscall(SYS_fcntl, fd, cmd, arg);
	record_lock();
	return do_dup(fd, syscall(SYS_fcntl, fd, cmd, arg));
}

int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return do_fcntl(fd, cmd, arg);
}

int
fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return do_fcntl(fd, cmd, arg);
}

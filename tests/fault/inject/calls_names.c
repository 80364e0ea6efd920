/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, and descriptors: which file each stands for. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

/* libc's headers do not declare these; with _FORTIFY_SOURCE programs call them for open() without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

/* ---- names ---- */

/* 0: go on; -1: it failed. */
static int
name_fails(unsigned char class, uint32_t call)
{
	uint32_t how = inject_decide(class, call);

	if (how == INJECT_TEAR)
		inject_tear();
	return how == INJECT_ERROR ? inject_fail() : 0;
}

static int
do_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (name_fails(inject_class_of_path(to), INJECT_NAME))
		return -1;
	return (int)(flags == 0 ? syscall(SYS_renameat, from_dir, from, to_dir, to)
				: syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int
rename(const char *from, const char *to)
{
	return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return do_rename(from_dir, from, to_dir, to, 0);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return do_rename(from_dir, from, to_dir, to, flags);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (name_fails(inject_class_of_path(to), INJECT_NAME))
		return -1;
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int dir, const char *path, int flags)
{
	if (name_fails(inject_class_of_path(path), INJECT_NAME))
		return -1;
	return (int)syscall(SYS_unlinkat, dir, path, flags);
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

/* ---- descriptors ---- */

static int
do_open(int dir, const char *path, int flags, mode_t mode)
{
	unsigned char class = inject_class_of_path(path);
	int fd;

	if ((flags & O_CREAT) != 0 && name_fails(class, INJECT_CREATE))
		return -1;
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	inject_set_class(fd, class);
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
	inject_set_class(fd, 0);
	return (int)syscall(SYS_close, fd);
}

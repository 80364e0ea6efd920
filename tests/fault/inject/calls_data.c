/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes and flushes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"

#define PIECES 64

/* ---- writes ---- */

static ssize_t
write_now(int fd, const struct iovec *iov, int count, off_t offset)
{
	ssize_t n = offset < 0 ? syscall(SYS_writev, fd, iov, count)
			       : syscall(SYS_pwritev, fd, iov, count, offset, 0);

	if (n > 0 && inject_class_of(fd) == INJECT_LOG)
		inject_note_written((uint64_t)(offset < 0 ? lseek(fd, 0, SEEK_CUR) - n : offset),
				    (uint64_t)n);
	return n;
}

/* Half of the bytes, at least one. */
static ssize_t
write_half(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec half[PIECES];
	size_t left = 1;
	int n = 0;

	for (int i = 0; i < count; i++)
		left += iov[i].iov_len;
	left /= 2;
	for (; n < count && n < PIECES && left > 0; n++) {
		half[n] = iov[n];
		if (half[n].iov_len > left)
			half[n].iov_len = left;
		left -= half[n].iov_len;
	}
	return write_now(fd, half, n, offset);
}

static ssize_t
do_write(int fd, const struct iovec *iov, int count, off_t offset)
{
	switch (inject_decide(inject_class_of(fd), INJECT_WRITE)) {
	case INJECT_ERROR:
		return inject_fail();
	case INJECT_SHORT:
		return write_half(fd, iov, count, offset);
	case INJECT_TEAR:
		(void)write_half(fd, iov, count, offset);
		inject_tear();
	default:
		return write_now(fd, iov, count, offset);
	}
}

static ssize_t
write_one(int fd, const void *data, size_t n, off_t offset)
{
	struct iovec iov = {(void *)(uintptr_t)data, n};

	/* What is not the store's is passed on as it was called. */
	if (inject_class_of(fd) != 0)
		return do_write(fd, &iov, 1, offset);
	return offset < 0 ? syscall(SYS_write, fd, data, n)
			  : syscall(SYS_pwrite64, fd, data, n, offset);
}

ssize_t
write(int fd, const void *data, size_t n)
{
	return write_one(fd, data, n, -1);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
	return write_one(fd, data, n, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
	return write_one(fd, data, n, offset);
}

ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	return do_write(fd, iov, count, -1);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	return do_write(fd, iov, count, offset);
}

ssize_t
pwritev64(int fd, const struct iovec *iov, int count, off64_t offset)
{
	return do_write(fd, iov, count, offset);
}

/* ---- flushes ---- */

static int
flush_now(int fd, long call)
{
	struct covered c;
	int rc;

	if (inject_class_of(fd) != INJECT_LOG)
		return (int)syscall(call, fd);
	c = inject_cover();
	rc = (int)syscall(call, fd);
	if (rc == 0)
		inject_note_flushed(c);
	return rc;
}

static int
do_flush(int fd, long call)
{
	unsigned char class = inject_class_of(fd);
	struct stat st;

	switch (inject_decide(class, INJECT_FLUSH)) {
	case INJECT_ERROR:
		/* The kernel takes the pages for clean now, and may drop them. */
		if (class == INJECT_BLOB && fstat(fd, &st) == 0)
			(void)!syscall(SYS_ftruncate, fd, st.st_size / 2);
		return inject_fail();
	case INJECT_TEAR:
		inject_tear();
	case INJECT_LIE:
		return 0;
	default:
		return flush_now(fd, call);
	}
}

int
fsync(int fd)
{
	return do_flush(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return do_flush(fd, SYS_fdatasync);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes and flushes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record.h"

/* offset < 0: at the file's position, or its end. */
static ssize_t
do_write(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct record r = {.type = RECORD_WRITE};
	struct iovec done[64];
	ssize_t n;
	int pieces = 0;

	if (!record_on() || record_token(fd) == 0)
		return offset < 0 ? syscall(SYS_writev, fd, iov, count)
				  : syscall(SYS_pwritev, fd, iov, count, offset, 0);
	record_lock();
	r.token = record_token(fd);
	n = offset < 0 ? syscall(SYS_writev, fd, iov, count)
		       : syscall(SYS_pwritev, fd, iov, count, offset, 0);
	if (n > 0) {
		/* After the write the position is its end, with O_APPEND too. */
		if (r.token == TOKEN_MARK)
			r.type = RECORD_MARK;
		else
			r.offset = (uint64_t)(offset < 0 ? lseek(fd, 0, SEEK_CUR) - n : offset);
		for (size_t left = (size_t)n; left > 0 && pieces < 64; pieces++) {
			done[pieces] = iov[pieces];
			if (done[pieces].iov_len > left)
				done[pieces].iov_len = left;
			left -= done[pieces].iov_len;
		}
		record_put(r, done, pieces);
	}
	record_unlock();
	return n;
}

ssize_t
write(int fd, const void *data, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)data, n};

	return do_write(fd, &iov, 1, -1);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
	struct iovec iov = {(void *)(uintptr_t)data, n};

	return do_write(fd, &iov, 1, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
	struct iovec iov = {(void *)(uintptr_t)data, n};

	return do_write(fd, &iov, 1, offset);
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

static int
do_truncate(int fd, off_t length)
{
	int rc;

	record_lock();
	rc = (int)syscall(SYS_ftruncate, fd, length);
	if (rc == 0 && record_token(fd) != 0)
		record_put((struct record){.type = RECORD_TRUNCATE,
					   .token = record_token(fd),
					   .length = (uint64_t)length},
			   NULL, 0);
	record_unlock();
	return rc;
}

int
ftruncate(int fd, off_t length)
{
	return do_truncate(fd, length);
}

int
ftruncate64(int fd, off64_t length)
{
	return do_truncate(fd, length);
}

static int
do_allocate(int fd, int mode, off_t offset, off_t length)
{
	int rc;

	record_lock();
	rc = (int)syscall(SYS_fallocate, fd, mode, offset, length);
	/* Room behind the end is nothing that could be read after a crash. */
	if (rc == 0 && mode != FALLOC_FL_KEEP_SIZE && record_token(fd) != 0) {
		if (mode != 0)
			record_give_up("fallocate(2) with a mode");
		record_put((struct record){.type = RECORD_ALLOCATE,
					   .token = record_token(fd),
					   .offset = (uint64_t)offset,
					   .length = (uint64_t)length},
			   NULL, 0);
	}
	record_unlock();
	return rc;
}

int
fallocate(int fd, int mode, off_t offset, off_t length)
{
	return do_allocate(fd, mode, offset, length);
}

int
fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
	return do_allocate(fd, mode, offset, length);
}

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	return do_allocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

int
posix_fallocate64(int fd, off64_t offset, off64_t length)
{
	return do_allocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

/* ---- flushes ---- */

static int
do_flush(int fd, long call)
{
	uint64_t number;
	int rc;

	if (record_token(fd) == 0)
		return (int)syscall(call, fd);
	record_lock();
	number = record_next_flush();
	record_put(
	    (struct record){.type = RECORD_FLUSH, .token = record_token(fd), .offset = number},
	    NULL, 0);
	record_unlock();
	rc = (int)syscall(call, fd);
	if (rc != 0)
		return rc;
	record_lock();
	record_put((struct record){.type = RECORD_FLUSHED, .offset = number}, NULL, 0);
	record_unlock();
	return 0;
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

/* ---- what would go unseen ---- */

static void *
do_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	if ((flags & MAP_ANONYMOUS) == 0 && (flags & MAP_TYPE) != MAP_PRIVATE &&
	    (prot & PROT_WRITE) != 0 && record_token(fd) != 0)
		record_give_up("a shared mapping that may be written");
	return (void *)syscall(SYS_mmap, addr, length, prot, flags, fd, offset);
}

void *
mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	return do_mmap(addr, length, prot, flags, fd, offset);
}

void *
mmap64(void *addr, size_t length, int prot, int flags, int fd, off64_t offset)
{
	return do_mmap(addr, length, prot, flags, fd, offset);
}

ssize_t
copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n, unsigned flags)
{
	if (record_token(out) != 0)
		record_give_up("copy_file_range(2)");
	return syscall(SYS_copy_file_range, in, in_offset, out, out_offset, n, flags);
}

ssize_t
sendfile(int out, int in, off_t *offset, size_t n)
{
	if (record_token(out) != 0)
		record_give_up("sendfile(2)");
	return syscall(SYS_sendfile, out, in, offset, n);
}

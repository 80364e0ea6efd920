/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cuts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SMALL 5000u
#define LARGE (9u << 20)

static int fd = -1;

/* Keeps nothing of it in the kernel. */
static void
opened(const char *path)
{
	fd = FD(open(path, O_RDWR | O_CLOEXEC));
	OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

static void
a_small_file(void)
{
	make("f", pattern(SMALL), SMALL);
}

static void
an_open_small_file(void)
{
	a_small_file();
	opened("f");
}

static void
an_open_large_file(void)
{
	make("f", pattern(LARGE), LARGE);
	opened("f");
}

static void
an_empty_open_file(void)
{
	fd = FD(open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

/* All of it, or the error. */
static long
write_whole(size_t n)
{
	const unsigned char *p = pattern(n);
	size_t done = 0;

	while (done < n) {
		ssize_t more = write(fd, p + done, n - done);

		if (more < 0)
			return -1;
		done += (size_t)more;
	}
	return 0;
}

static void
small_content(long got)
{
	T(got >= 0);
	T(holds("f", pattern(SMALL), SMALL));
}

static void
large_content(long got)
{
	T(got == 0);
	T(holds("f", pattern(LARGE), LARGE));
}

/* ---- reading */

static long
open_file(void)
{
	return fd = open("f", O_RDONLY | O_CLOEXEC);
}

static long
read_small(void)
{
	unsigned char p[SMALL + 1];
	ssize_t n = pread(fd, p, sizeof(p), 0);

	return n == SMALL && memcmp(p, pattern(SMALL), SMALL) != 0 ? 7 : n;
}

static void
all_small(long got)
{
	T(got == SMALL);
}

static long
read_stream(void)
{
	unsigned char *p = malloc(LARGE + 100000);
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, p + have, 100000)) > 0)
		have += (size_t)n;
	if (n < 0)
		return -1;
	return have == LARGE && memcmp(p, pattern(LARGE), LARGE) == 0 ? 0 : 7;
}

static void
read_right(long got)
{
	T(got == 0);
}

/* ---- writing; the last call is what must tell */

static long
write_small(void)
{
	return write_whole(SMALL) == 0 ? close(fd) : -1;
}

static long
write_large(void)
{
	return write_whole(LARGE) == 0 ? close(fd) : -1;
}

static void
a_file_to_append_to(void)
{
	make("f", "begin", 5);
	fd = FD(open("f", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static long
append(void)
{
	return write(fd, "+end", 4) == 4 ? fsync(fd) : -1;
}

static void
appended(long got)
{
	T(got == 0);
	T(write(fd, "!", 1) == 1);
	OK(close(fd));
	T(holds("f", "begin+end!", 10));
}

static void
written_small(void)
{
	an_empty_open_file();
	OK(write_whole(SMALL));
}

static long
sync_file(void)
{
	return fsync(fd);
}

static long
close_file(void)
{
	return close(fd);
}

static long
truncate_by_name(void)
{
	return truncate("f", 100);
}

static long
truncate_open(void)
{
	return ftruncate(fd, 100);
}

static void
truncated(long got)
{
	T(got == 0);
	T(holds("f", pattern(SMALL), 100));
}

static long
open_truncating(void)
{
	return fd = open("f", O_WRONLY | O_TRUNC | O_CLOEXEC);
}

static void
emptied(long got)
{
	T(got == fd);
	OK(close(fd));
	T(holds("f", "", 0));
}

static long
sync_directory(void)
{
	return fsync(fd);
}

static void
an_open_directory(void)
{
	OK(mkdir("d", 0755));
	fd = FD(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void
directory_is_there(long got)
{
	T(got == 0);
	T(exists("d"));
}

/* ---- space */

static long
allocate(void)
{
	return fallocate(fd, 0, 0, 10000);
}

static void
allocated(long got)
{
	struct stat st;

	T(got == 0);
	OK(fstat(fd, &st));
	T(st.st_size == 10000);
}

static long
punch(void)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static void
punched(long got)
{
	unsigned char want[SMALL] = {0};

	T(got == 0);
	memcpy(want + 4096, pattern(SMALL) + 4096, SMALL - 4096);
	T(holds("f", want, SMALL));
}

static long
copy_range(void)
{
	int to = open("g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	long n;

	if (to < 0)
		return -1;
	n = copy_file_range(fd, NULL, to, NULL, SMALL, 0);
	return n > 0 && close(to) != 0 ? -1 : n;
}

static void
copied(long got)
{
	T(got == SMALL);
	T(holds("g", pattern(SMALL), SMALL));
}

static void
data_behind_a_hole(void)
{
	an_empty_open_file();
	T(pwrite(fd, "x", 1, 1 << 20) == 1);
	OK(fsync(fd));
}

static long
seek_data(void)
{
	return lseek(fd, 0, SEEK_DATA);
}

static void
data_found(long got)
{
	T(got > 0 && got <= 1 << 20);
}

static long
seek_hole(void)
{
	return lseek(fd, 0, SEEK_HOLE);
}

static void
hole_found(long got)
{
	T(got == 0);
}

static long
ask_space(void)
{
	struct statvfs st;

	return statvfs(".", &st);
}

static void
no_files(void)
{
}

static void
space_told(long got)
{
	T(got == 0);
}

const struct kind data_kinds[] = {
    {"open", a_small_file, open_file, small_content, KIND_REMEMBERED},
    {"read", an_open_small_file, read_small, all_small, KIND_REMEMBERED},
    {"read of a stream", an_open_large_file, read_stream, read_right, KIND_REMEMBERED | KIND_BULK},
    {"write", an_empty_open_file, write_small, small_content, 0},
    {"write of large blobs", an_empty_open_file, write_large, large_content, KIND_BULK},
    {"append", a_file_to_append_to, append, appended, 0},
    {"fsync", written_small, sync_file, small_content, 0},
    {"close", written_small, close_file, small_content, 0},
    {"truncate", a_small_file, truncate_by_name, truncated, 0},
    {"ftruncate", an_open_small_file, truncate_open, truncated, 0},
    {"open that truncates", a_small_file, open_truncating, emptied, 0},
    {"fsync of a directory", an_open_directory, sync_directory, directory_is_there, 0},
    {"fallocate", an_empty_open_file, allocate, allocated, 0},
    {"fallocate that punches", an_open_small_file, punch, punched, 0},
    {"copy_file_range", an_open_small_file, copy_range, copied, 0},
    {"lseek to data", data_behind_a_hole, seek_data, data_found, KIND_REMEMBERED},
    {"lseek to a hole", data_behind_a_hole, seek_hole, hole_found, KIND_REMEMBERED},
    {"statfs", no_files, ask_space, space_told, KIND_REMEMBERED},
    {0},
};

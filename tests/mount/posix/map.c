/* SPDX-License-Identifier: GPL-3.0-or-later */

/* mmap(2), msync(2), fsync(2), sendfile(2), and large files. */

#include "suite.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

static void
map_write(void)
{
	int fd = open_new("f");
	char *p, buf[8] = {0};

	OK(ftruncate(fd, 100000));
	p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T(p != MAP_FAILED);
	T(p[0] == 0 && p[99999] == 0);
	memcpy(p + 50000, "hello", 5);
	OK(msync(p, 100000, MS_SYNC));
	T(pread(fd, buf, 5, 50000) == 5 && memcmp(buf, "hello", 5) == 0);
	T(pwrite(fd, "HELLO", 5, 50000) == 5);
	T(memcmp(p + 50000, "HELLO", 5) == 0);
	p[99999] = 'z';
	OK(munmap(p, 100000));
	OK(close(fd));
	fd = FD(open("f", O_RDONLY));
	T(pread(fd, buf, 8, 99999) == 1 && buf[0] == 'z');
	T(fstat_of(fd).st_size == 100000);
}

static void
map_after_close(void)
{
	int fd = open_new("f");
	char *p;

	OK(ftruncate(fd, 8192));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T(p != MAP_FAILED);
	OK(close(fd));
	memcpy(p + 4000, "late", 4);
	OK(munmap(p, 8192));
	fd = FD(open("f", O_RDONLY));
	T(pread(fd, (char[8]){0}, 4, 4000) == 4);
	p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	T(p != MAP_FAILED && memcmp(p + 4000, "late", 4) == 0);
}

static void
map_unlinked(void)
{
	int fd = open_new("f");
	char *p, buf[4] = {0};

	OK(ftruncate(fd, 4096));
	OK(unlink("f"));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T(p != MAP_FAILED);
	memcpy(p, "dead", 4);
	OK(msync(p, 4096, MS_SYNC));
	T(pread(fd, buf, 4, 0) == 4 && memcmp(buf, "dead", 4) == 0);
}

static void
map_private(void)
{
	char *p;
	int fd;

	make("f", "original");
	fd = FD(open("f", O_RDONLY));
	p = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	T(p != MAP_FAILED);
	memcpy(p, "changed!", 8);
	OK(munmap(p, 8));
	T(holds("f", "original"));
	T(mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	  errno == EACCES);
}

static void
map_tail(void)
{
	char *p, buf[16] = {0};
	int fd = open_new("f");

	T(write(fd, "abc", 3) == 3);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T(p != MAP_FAILED);
	/* What is written behind the end of the file is not the file's (mmap(2), NOTES). */
	memcpy(p + 3, "beyond", 6);
	p[0] = 'A';
	OK(msync(p, 4096, MS_SYNC));
	OK(munmap(p, 4096));
	T(fstat_of(fd).st_size == 3 && holds("f", "Abc"));
	OK(ftruncate(fd, 9));
	/* tmpfs lets them come back. */
	T(pread(fd, buf, 9, 0) == 9);
	T(!suite_on_cfs() || memcmp(buf, "Abc\0\0\0\0\0\0", 9) == 0);
}

static void
map_mtime(void)
{
	int64_t before;
	int fd = open_new("f");
	char *p;

	OK(ftruncate(fd, 4096));
	before = mtime_of("f");
	tick();
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T(p != MAP_FAILED);
	p[0] = 'x';
	OK(msync(p, 4096, MS_SYNC));
	T(mtime_of("f") > before);
}

static void
size_limit(void)
{
	struct rlimit limit = {1000, 1000};
	int fd = open_new("f");

	OK(setrlimit(RLIMIT_FSIZE, &limit));
	T(pwrite(fd, (char[2000]){0}, 2000, 0) == 1000);
	FAILS(EFBIG, pwrite(fd, "x", 1, 1000));
	FAILS(EFBIG, ftruncate(fd, 1001));
}

static void
syncs(void)
{
	int fd = open_new("f"), dir = FD(open(".", O_RDONLY | O_DIRECTORY));

	T(write(fd, "abc", 3) == 3);
	OK(fsync(fd));
	OK(fdatasync(fd));
	OK(fsync(dir));
	OK(fsync(FD(open("f", O_RDONLY))));
	OK(sync_file_range(fd, 0, 3, SYNC_FILE_RANGE_WRITE));
	OK(syncfs(fd));
	FAILS(EBADF, fsync(-1));
}

static void
sendfile_copies(void)
{
	off_t at = 2;
	int in = open_new("in"), out = open_new("out");

	T(write(in, "0123456789", 10) == 10);
	T(sendfile(out, in, &at, 5) == 5 && at == 7);
	T(holds("out", "23456"));
}

static void
bigger_than_a_blob(void)
{
	static unsigned char data[9 * 1024 * 1024 + 5], got[1024 * 1024];
	int fd = open_new("f");

	pattern(data, sizeof(data), 2);
	for (size_t at = 0; at < sizeof(data); at += 700001) {
		size_t n = sizeof(data) - at < 700001 ? sizeof(data) - at : 700001;

		T(write(fd, data + at, n) == (ssize_t)n);
	}
	OK(close(fd));
	fd = FD(open("f", O_RDONLY));
	for (size_t at = 0; at < sizeof(data); at += sizeof(got)) {
		size_t n = sizeof(data) - at < sizeof(got) ? sizeof(data) - at : sizeof(got);

		T(pread(fd, got, n, (off_t)at) == (ssize_t)n && memcmp(got, data + at, n) == 0);
	}
	T(fstat_of(fd).st_size == sizeof(data));
}

const struct suite_case map_cases[] = {
    {"mmap: shared writes reach the file, and back", map_write, 0},
    {"mmap: written after close", map_after_close, 0},
    {"mmap: of a file without a name", map_unlinked, 0},
    {"mmap: private, and rights", map_private, 0},
    {"mmap: bytes behind the end are nobody's", map_tail, 0},
    {"mmap: writing changes the time", map_mtime, 0},
    {"write: RLIMIT_FSIZE", size_limit, 0},
    {"fsync, fdatasync, syncfs: files and directories", syncs, 0},
    {"sendfile: between two files", sendfile_copies, 0},
    {"write: 9 MiB in odd pieces", bigger_than_a_blob, 0},
    {0},
};

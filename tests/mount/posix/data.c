/* SPDX-License-Identifier: GPL-3.0-or-later */

/* read(2), write(2) and their kin, truncate(2), lseek(2), O_APPEND, O_DIRECT. */

#include "suite.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define MIB ((size_t)1024 * 1024)

static bool
zeros(int fd, off_t from, size_t n)
{
	unsigned char buf[65536];

	while (n > 0) {
		ssize_t got = OK(pread(fd, buf, n < sizeof(buf) ? n : sizeof(buf), from));

		if (got == 0)
			return false;
		for (ssize_t i = 0; i < got; i++) {
			if (buf[i] != 0)
				return false;
		}
		from += got;
		n -= (size_t)got;
	}
	return true;
}

static void
truncate_both_ways(void)
{
	int fd = open_new("f");

	T(write(fd, "0123456789", 10) == 10);
	OK(ftruncate(fd, 4));
	T(holds("f", "0123"));
	OK(ftruncate(fd, 100000));
	T(fstat_of(fd).st_size == 100000 && zeros(fd, 4, 99996));
	OK(truncate("f", 2));
	OK(truncate("f", 10));
	T(zeros(fd, 2, 8) && fstat_of(fd).st_size == 10);
	OK(truncate("f", 0));
	T(fstat_of(fd).st_size == 0);
}

static void
truncate_errors(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	OK(mkfifo("p", 0644));
	FAILS(ENOENT, truncate("no", 0));
	FAILS(EISDIR, truncate("d", 0));
	FAILS(EINVAL, truncate("p", 0));
	FAILS(EINVAL, truncate("f", -1));
	FAILS(ENOTDIR, truncate("f/x", 0));
	FAILS(EBADF, ftruncate(-1, 0));
	FAILS(EINVAL, ftruncate(FD(open("d", O_RDONLY)), 0));
	OK(symlink("f", "s"));
	OK(truncate("s", 0));
	T(stat_of("f").st_size == 0);
}

static void
truncate_times(void)
{
	int64_t before;
	int fd = open_new("f");

	before = mtime_of("f");
	tick();
	OK(ftruncate(fd, 5));
	T(mtime_of("f") > before && ctime_of("f") > before);
	before = mtime_of("f");
	tick();
	OK(truncate("f", 3));
	T(mtime_of("f") > before && ctime_of("f") > before);
	before = mtime_of("f");
	tick();
	OK(ftruncate(fd, 3));
	T(mtime_of("f") > before && ctime_of("f") > before);
}

static void
truncate_small_steps(void)
{
	static unsigned char data[40000], buf[40000];
	int fd = open_new("f");

	pattern(data, sizeof(data), 1);
	T(write(fd, data, sizeof(data)) == sizeof(data));
	for (size_t n = sizeof(data); n > 100; n = n * 9 / 10) {
		OK(ftruncate(fd, (off_t)n));
		T(pread(fd, buf, sizeof(buf), 0) == (ssize_t)n && memcmp(buf, data, n) == 0);
	}
}

static void
hole_between(void)
{
	int fd = open_new("f");

	T(pwrite(fd, "end", 3, 3 * (off_t)MIB) == 3);
	T(fstat_of(fd).st_size == 3 * (off_t)MIB + 3);
	T(zeros(fd, 0, 3 * MIB));
	T(fstat_of(fd).st_blocks * 512 < 2 * (off_t)MIB);
	T(pwrite(fd, "mid", 3, (off_t)MIB) == 3);
	T(zeros(fd, 0, MIB) && zeros(fd, (off_t)MIB + 3, 2 * MIB - 3));
}

static void
large_offset(void)
{
	const off_t far = (off_t)1 << 41;
	char buf[4] = {0};
	int fd = open_new("f");

	if (pwrite(fd, "far", 3, far) != 3) {
		T(errno == EFBIG);
		return;
	}
	T(fstat_of(fd).st_size == far + 3);
	T(pread(fd, buf, 4, far) == 3 && memcmp(buf, "far", 3) == 0);
	OK(ftruncate(fd, 0));
}

static void
read_ends(void)
{
	char buf[16];
	void *wall;
	int fd = open_new("f");

	T(write(fd, "abc", 3) == 3);
	T(pread(fd, buf, 16, 0) == 3 && pread(fd, buf, 16, 3) == 0 && pread(fd, buf, 16, 300) == 0);
	T(pread(fd, buf, 0, 0) == 0);
	FAILS(EINVAL, pread(fd, buf, 1, -1));
	FAILS(EINVAL, pwrite(fd, buf, 1, -1));
	wall = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T(wall != MAP_FAILED);
	FAILS(EFAULT, write(fd, wall, 10));
	T(fstat_of(fd).st_size == 3);
}

static void
seeks(void)
{
	int fd = open_new("f");

	T(write(fd, "0123456789", 10) == 10);
	T(lseek(fd, 0, SEEK_CUR) == 10 && lseek(fd, -4, SEEK_END) == 6);
	T(lseek(fd, -2, SEEK_CUR) == 4 && lseek(fd, 100, SEEK_SET) == 100);
	FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
	FAILS(EINVAL, lseek(fd, -101, SEEK_CUR));
	FAILS(EINVAL, lseek(fd, 0, 99));
	T(fstat_of(fd).st_size == 10 && lseek(fd, 0, SEEK_CUR) == 100);
	T(write(fd, "x", 1) == 1 && fstat_of(fd).st_size == 101);
}

static void
zero_writes(void)
{
	int64_t before;
	int fd = open_new("f");

	T(write(fd, "abc", 3) == 3);
	before = mtime_of("f");
	tick();
	T(write(fd, "", 0) == 0 && pwrite(fd, "", 0, 1000) == 0);
	T(fstat_of(fd).st_size == 3 && mtime_of("f") == before);
}

static void
write_times(void)
{
	int64_t before;
	int fd = open_new("f");

	before = mtime_of("f");
	tick();
	T(write(fd, "x", 1) == 1);
	T(mtime_of("f") > before && ctime_of("f") == mtime_of("f"));
	before = mtime_of("f");
	tick();
	T(read(fd, (char[1]){0}, 1) == 0);
	T(mtime_of("f") == before);
}

static void
vectors(void)
{
	char a[4] = {0}, b[8] = {0}, text[] = "abcdef";
	struct iovec out[3] = {{text, 2}, {text, 0}, {text + 2, 4}}, in[2] = {{a, 3}, {b, 8}};
	int fd = open_new("f");

	T(writev(fd, out, 3) == 6);
	T(preadv(fd, in, 2, 0) == 6 && memcmp(a, "abc", 3) == 0 && memcmp(b, "def", 3) == 0);
	T(pwritev(fd, out, 3, 4) == 6 && holds("f", "abcdabcdef"));
	OK(lseek(fd, 8, SEEK_SET));
	T(readv(fd, in, 2) == 2);
}

static void
overwrite_random(void)
{
	static unsigned char want[300000], got[300000], piece[9000];
	unsigned seed = 5;
	int fd = open_new("f");

	pattern(want, sizeof(want), 3);
	T(write(fd, want, sizeof(want)) == sizeof(want));
	for (unsigned i = 0; i < 200; i++) {
		size_t n, at;

		seed = seed * 1103515245 + 12345;
		n = 1 + seed / 65536 % (sizeof(piece) - 1);
		seed = seed * 1103515245 + 12345;
		at = seed / 256 % (sizeof(want) - n);
		pattern(piece, n, i);
		memcpy(want + at, piece, n);
		T(pwrite(fd, piece, n, (off_t)at) == (ssize_t)n);
		if (i % 20 == 0)
			T(pread(fd, got, n, (off_t)at) == (ssize_t)n && memcmp(got, piece, n) == 0);
	}
	T(pread(fd, got, sizeof(got), 0) == sizeof(got) && memcmp(got, want, sizeof(got)) == 0);
}

static void
two_handles(void)
{
	char buf[16] = {0};
	int a = open_new("f"), b = FD(open("f", O_RDWR));

	for (int i = 0; i < 50; i++) {
		T(pwrite(a, "abc", 3, i * 3) == 3);
		T(pread(b, buf, 3, i * 3) == 3 && memcmp(buf, "abc", 3) == 0);
		T(pwrite(b, "X", 1, i * 3) == 1);
		T(pread(a, buf, 3, i * 3) == 3 && memcmp(buf, "Xbc", 3) == 0);
	}
	OK(ftruncate(a, 1));
	T(pread(b, buf, 16, 0) == 1);
}

static void
append_mixed(void)
{
	int a = open_new("f"), b;

	T(write(a, "0123", 4) == 4);
	b = FD(open("f", O_WRONLY | O_APPEND));
	T(write(b, "ab", 2) == 2);
	T(lseek(b, 0, SEEK_CUR) == 6);
	T(pwrite(a, "X", 1, 0) == 1);
	OK(lseek(b, 0, SEEK_SET));
	T(write(b, "cd", 2) == 2);
	T(holds("f", "X123abcd"));
	/* On Linux pwrite appends too (pwrite(2), BUGS). */
	T(pwrite(b, "ef", 2, 0) == 2);
	T(holds("f", "X123abcdef"));
	OK(ftruncate(a, 3));
	T(write(b, "Z", 1) == 1 && holds("f", "X12Z"));
}

static void
append_read_back(void)
{
	char buf[8] = {0};
	int fd = FD(open("f", O_RDWR | O_CREAT | O_APPEND, 0644));

	for (int i = 0; i < 100; i++) {
		T(write(fd, "line\n", 5) == 5);
		T(pread(fd, buf, 5, i * 5) == 5 && memcmp(buf, "line\n", 5) == 0);
		T(fstat_of(fd).st_size == (i + 1) * 5);
	}
}

static void
append_processes(void)
{
	enum { WRITERS = 4, LINES = 200 };
	unsigned seen[WRITERS] = {0};
	char line[64];
	FILE *f;

	make("f", "");
	for (int w = 0; w < WRITERS; w++) {
		if (fork() == 0) {
			int fd = FD(open("f", O_WRONLY | O_APPEND));

			for (int i = 0; i < LINES; i++) {
				int n = snprintf(line, sizeof(line), "%d %d the end\n", w, i);

				T(write(fd, line, (size_t)n) == n);
			}
			_exit(0);
		}
	}
	for (int w = 0; w < WRITERS; w++) {
		int status;

		T(wait(&status) > 0 && status == 0);
	}
	f = fopen("f", "r");
	T(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned w, i;
		char end[16];

		T(sscanf(line, "%u %u the %3s", &w, &i, end) == 3 && strcmp(end, "end") == 0);
		T(w < WRITERS && i == seen[w]++);
	}
	for (int w = 0; w < WRITERS; w++)
		T(seen[w] == LINES);
	(void)fclose(f);
}

static void
append_large(void)
{
	static unsigned char data[3 * 1024 * 1024 + 17], got[sizeof(data)];
	int fd = FD(open("f", O_RDWR | O_CREAT | O_APPEND, 0644));

	pattern(data, sizeof(data), 9);
	for (int i = 0; i < 3; i++)
		T(write(fd, data, sizeof(data)) == sizeof(data));
	T(fstat_of(fd).st_size == 3 * (off_t)sizeof(data));
	for (off_t i = 0; i < 3; i++) {
		T(pread(fd, got, sizeof(got), i * (off_t)sizeof(data)) == sizeof(got));
		T(memcmp(got, data, sizeof(got)) == 0);
	}
}

static void
direct(void)
{
	unsigned char *p = aligned_alloc(4096, 65536);
	int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644), plain;

	if (fd < 0) {
		T(errno == EINVAL);
		return;
	}
	pattern(p, 65536, 4);
	T(pwrite(fd, p, 65536, 4096) == 65536);
	memset(p, 0, 65536);
	T(pread(fd, p, 65536, 4096) == 65536);
	plain = FD(open("f", O_RDWR));
	T(pwrite(plain, "x", 1, 4096) == 1);
	T(pread(fd, p, 4096, 4096) == 4096 && p[0] == 'x');
	p[0] = 'y';
	T(pwrite(fd, p, 4096, 4096) == 4096);
	T(pread(plain, p + 4096, 1, 4096) == 1 && p[4096] == 'y');
	free(p);
}

const struct suite_case data_cases[] = {
    {"truncate: cuts, and grows by zeros", truncate_both_ways, 0},
    {"truncate: errors", truncate_errors, 0},
    {"truncate: changes times", truncate_times, 0},
    {"truncate: in many steps keeps what is before", truncate_small_steps, 0},
    {"write: behind the end leaves a hole", hole_between, 0},
    {"write: at an offset of 2 TiB", large_offset, 0},
    {"read: at and behind the end", read_ends, 0},
    {"lseek: SET, CUR, END", seeks, 0},
    {"write: of nothing changes nothing", zero_writes, 0},
    {"write: changes the times, read does not", write_times, 0},
    {"readv, writev: and with offsets", vectors, 0},
    {"write: 200 pieces anywhere in a file", overwrite_random, 0},
    {"write: two handles see each other's at once", two_handles, 0},
    {"O_APPEND: with seeks, pwrite, other handles, truncation", append_mixed, 0},
    {"O_APPEND: what was appended can be read", append_read_back, 0},
    {"O_APPEND: four processes lose nothing and mix no line", append_processes, 0},
    {"O_APPEND: writes of 3 MiB", append_large, 0},
    {"O_DIRECT: reads and writes what others see, or says so", direct, 0},
    {0},
};

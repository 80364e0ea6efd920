/* SPDX-License-Identifier: GPL-3.0-or-later */

/* fallocate(2), SEEK_DATA and SEEK_HOLE of lseek(2), copy_file_range(2), statvfs(3). */

#include "suite.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#define K 65536 /* a unit that every file system keeps holes in */

static unsigned char block[K];

static int
blocks(const char *path, const char *map)
{
	int fd = open_new(path);

	pattern(block, K, 1);
	for (off_t i = 0; map[i] != '\0'; i++) {
		if (map[i] == 'd')
			T(pwrite(fd, block, K, i * K) == K);
	}
	OK(ftruncate(fd, (off_t)strlen(map) * K));
	return fd;
}

/* Whether the file's blocks hold the pattern or zeros, as the map says. */
static bool
content_is(int fd, const char *map)
{
	static unsigned char got[K];

	for (off_t i = 0; map[i] != '\0'; i++) {
		T(pread(fd, got, K, i * K) == K);
		for (size_t b = 0; b < K; b++) {
			if (got[b] != (map[i] == 'd' ? block[b] : 0))
				return false;
		}
	}
	return fstat_of(fd).st_size == (off_t)strlen(map) * K;
}

static void
try_fallocate(int fd, int mode, off_t at, off_t len)
{
	if (fallocate(fd, mode, at, len) == 0)
		return;
	if (errno == EOPNOTSUPP && !suite_on_cfs())
		suite_skip("the file system does not have it");
	FAILS(0, fallocate(fd, mode, at, len));
}

static void
seek_data_hole(void)
{
	int fd = blocks("f", ".d..dd.");

	T(lseek(fd, 0, SEEK_DATA) == K && lseek(fd, K, SEEK_DATA) == K);
	T(lseek(fd, K + 5, SEEK_DATA) == K + 5 && lseek(fd, 2 * K, SEEK_DATA) == 4 * K);
	T(lseek(fd, 0, SEEK_HOLE) == 0 && lseek(fd, K, SEEK_HOLE) == 2 * K);
	T(lseek(fd, 3 * K + 1, SEEK_HOLE) == 3 * K + 1 && lseek(fd, 4 * K, SEEK_HOLE) == 6 * K);
	FAILS(ENXIO, lseek(fd, 6 * K, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 7 * K, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 7 * K, SEEK_HOLE));
	FAILS(ENXIO, lseek(fd, 8 * K, SEEK_HOLE));
	T(lseek(fd, 0, SEEK_CUR) == 4 * K + 2 * K);
}

static void
seek_full_and_empty(void)
{
	int fd = blocks("f", "dd");

	T(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) == 2 * K);
	T(lseek(fd, 2 * K - 1, SEEK_HOLE) == 2 * K && lseek(fd, 2 * K - 1, SEEK_DATA) == 2 * K - 1);
	OK(ftruncate(fd, 0));
	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 0, SEEK_HOLE));
}

static void
seek_behind_write(void)
{
	int fd = blocks("f", "....");

	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	T(pwrite(fd, block, K, 2 * K) == K);
	T(lseek(fd, 0, SEEK_DATA) == 2 * K && lseek(fd, 2 * K, SEEK_HOLE) == 3 * K);
}

static void
allocate_grows(void)
{
	int64_t before;
	int fd = open_new("f");

	T(write(fd, "abc", 3) == 3);
	before = ctime_of("f");
	tick();
	try_fallocate(fd, 0, 0, 100000);
	T(fstat_of(fd).st_size == 100000 && ctime_of("f") > before);
	T(pread(fd, (char[4]){0}, 4, 99998) == 2);
	try_fallocate(fd, 0, 10, 20);
	T(fstat_of(fd).st_size == 100000);
}

static void
allocate_keep(void)
{
	int fd = open_new("f");

	T(write(fd, "abc", 3) == 3);
	try_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000);
	T(holds("f", "abc") && fstat_of(fd).st_size == 3);
}

static void
allocate_errors(void)
{
	int fd = open_new("f"), dir = FD(open(".", O_RDONLY));

	FAILS(EINVAL, fallocate(fd, 0, -1, 10));
	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(EINVAL, fallocate(fd, 0, 0, -5));
	FAILS(EBADF, fallocate(FD(open("f", O_RDONLY)), 0, 0, 10));
	T(fallocate(dir, 0, 0, 10) == -1 && (errno == EBADF || errno == EISDIR));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
	FAILS(EFBIG, fallocate(fd, 0, INT64_MAX - 5, 10));
}

static void
punch(void)
{
	int64_t before;
	int fd = blocks("f", "dddd");

	before = mtime_of("f");
	tick();
	try_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, K, 2 * K);
	T(content_is(fd, "d..d") && mtime_of("f") > before);
	T(lseek(fd, 0, SEEK_HOLE) == K && lseek(fd, K, SEEK_DATA) == 3 * K);
	T(fstat_of(fd).st_blocks * 512 <= 3 * K);
	try_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * K, 10 * K);
	T(content_is(fd, "d..."));
	try_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 40 * K, K);
	T(content_is(fd, "d..."));
}

static void
punch_odd(void)
{
	static unsigned char got[K];
	int fd = blocks("f", "d");

	try_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 5);
	T(pread(fd, got, K, 0) == K);
	for (size_t i = 0; i < K; i++)
		T(got[i] == (i >= 1000 && i < 1005 ? 0 : block[i]));
}

static void
zero_range(void)
{
	int fd = blocks("f", "ddd");

	try_fallocate(fd, FALLOC_FL_ZERO_RANGE, K, K);
	T(content_is(fd, "d.d"));
	try_fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 2 * K, 5 * K);
	T(content_is(fd, "d.."));
	try_fallocate(fd, FALLOC_FL_ZERO_RANGE, 2 * K, 3 * K);
	T(content_is(fd, "d...."));
}

static void
collapse_insert(void)
{
	int fd = blocks("f", "d.dd");

	if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, K, K) == 0)
		T(content_is(fd, "ddd"));
	else
		T(errno == EOPNOTSUPP);
	fd = blocks("g", "dd");
	if (fallocate(fd, FALLOC_FL_INSERT_RANGE, K, K) == 0)
		T(content_is(fd, "d.d"));
	else
		T(errno == EOPNOTSUPP);
}

static void
copy_whole(void)
{
	int in = blocks("in", "d.d"), out = open_new("out");
	loff_t a = 0, b = 0;
	size_t left = 3 * K;

	while (left > 0) {
		ssize_t n = OK(copy_file_range(in, &a, out, &b, left, 0));

		T(n > 0);
		left -= (size_t)n;
	}
	T(a == 3 * K && b == 3 * K && content_is(out, "d.d"));
	T(copy_file_range(in, &a, out, &b, 10, 0) == 0);
}

static void
copy_parts(void)
{
	char buf[16] = {0};
	int in, out;
	loff_t a = 2, b = 1;

	make("in", "0123456789");
	make("out", "abcdefghij");
	in = FD(open("in", O_RDONLY));
	out = FD(open("out", O_RDWR));
	T(copy_file_range(in, &a, out, &b, 4, 0) == 4 && a == 6 && b == 5);
	T(holds("out", "a2345fghij"));
	OK(lseek(in, 8, SEEK_SET));
	OK(lseek(out, 0, SEEK_END));
	T(copy_file_range(in, NULL, out, NULL, 100, 0) == 2);
	T(lseek(in, 0, SEEK_CUR) == 10 && lseek(out, 0, SEEK_CUR) == 12);
	T(pread(out, buf, 16, 10) == 2 && memcmp(buf, "89", 2) == 0);
}

static void
copy_behind_writes(void)
{
	static unsigned char got[K];
	int in = open_new("in"), out = open_new("out");
	loff_t a = 0, b = 0;

	pattern(block, K, 7);
	T(write(in, block, K) == K);
	T(write(out, "old", 3) == 3);
	T(copy_file_range(in, &a, out, &b, K, 0) == K);
	T(pread(out, got, K, 0) == K && memcmp(got, block, K) == 0);
	T(pwrite(in, "X", 1, 0) == 1);
	T(pread(out, got, 1, 0) == 1 && got[0] == block[0]);
	T(pwrite(out, "Y", 1, 5) == 1);
	T(pread(in, got, 6, 0) == 6 && got[5] == block[5]);
}

static void
copy_same_file(void)
{
	int fd;
	loff_t a = 0, b = 4;

	make("f", "abcd");
	fd = FD(open("f", O_RDWR));
	T(copy_file_range(fd, &a, fd, &b, 4, 0) == 4);
	T(holds("f", "abcdabcd"));
	a = 0;
	b = 2;
	FAILS(EINVAL, copy_file_range(fd, &a, fd, &b, 4, 0));
	FAILS(EINVAL, copy_file_range(fd, &a, fd, &b, 4, 1));
}

static void
copy_errors(void)
{
	int in, out, dir = FD(open(".", O_RDONLY));

	make("in", "x");
	in = FD(open("in", O_RDONLY));
	out = open_new("out");
	FAILS(EBADF, copy_file_range(out, NULL, in, NULL, 1, 0));
	FAILS(EISDIR, copy_file_range(dir, NULL, out, NULL, 1, 0));
	FAILS(EBADF, copy_file_range(in, NULL, FD(open("out", O_WRONLY | O_APPEND)), NULL, 1, 0));
	FAILS(EBADF, copy_file_range(FD(open("out", O_WRONLY)), NULL, out, NULL, 1, 0));
}

static void
clone_or_error(void)
{
	int in, out = open_new("out");

	make("in", "abc");
	in = FD(open("in", O_RDONLY));
	if (ioctl(out, FICLONE, in) == 0)
		T(holds("out", "abc"));
	else
		T(errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == ENOSYS);
}

static void
statvfs_says(void)
{
	struct statvfs v;
	int fd = open_new("f");

	OK(statvfs(".", &v));
	T(v.f_bsize >= 512 && v.f_frsize >= 512 && v.f_namemax == 255);
	T(v.f_blocks > 0 && v.f_bfree <= v.f_blocks && v.f_bavail <= v.f_bfree);
	OK(fstatvfs(fd, &v));
	T(v.f_blocks > 0);
	FAILS(ENOENT, statvfs("no", &v));
}

static void
blocks_grow(void)
{
	int fd = open_new("f");

	T(fstat_of(fd).st_blocks == 0);
	T(write(fd, block, K) == K);
	OK(fsync(fd));
	T(fstat_of(fd).st_blocks * 512 >= K && fstat_of(fd).st_blksize >= 512);
}

const struct suite_case space_cases[] = {
    {"SEEK_DATA, SEEK_HOLE: blocks and holes", seek_data_hole, 0},
    {"SEEK_DATA, SEEK_HOLE: full and empty files", seek_full_and_empty, 0},
    {"SEEK_DATA: behind what was just written", seek_behind_write, 0},
    {"fallocate: grows the file", allocate_grows, 0},
    {"fallocate: KEEP_SIZE", allocate_keep, 0},
    {"fallocate: errors", allocate_errors, 0},
    {"fallocate: PUNCH_HOLE", punch, 0},
    {"fallocate: PUNCH_HOLE of a few bytes", punch_odd, 0},
    {"fallocate: ZERO_RANGE", zero_range, 0},
    {"fallocate: COLLAPSE_RANGE and INSERT_RANGE work or say so", collapse_insert, 0},
    {"copy_file_range: a file with a hole", copy_whole, 0},
    {"copy_file_range: parts, with and without offsets", copy_parts, 0},
    {"copy_file_range: what was just written, and the copies are apart", copy_behind_writes, 0},
    {"copy_file_range: within one file", copy_same_file, 0},
    {"copy_file_range: errors", copy_errors, 0},
    {"FICLONE: works or says so", clone_or_error, 0},
    {"statvfs: sane", statvfs_says, 0},
    {"stat: st_blocks follows the content", blocks_grow, 0},
    {0},
};

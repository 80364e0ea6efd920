/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The cache on disk: what comes out is what went in, or nothing; never more than was allowed; whatever becomes of its files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "client/disk_places.h"

#define SIZE (UINT64_C(2) << 20)

struct fixture {
	char dir[300];
	struct disk_cache *d;
	struct id128 blob;
};

static void
open_cache(struct fixture *f, uint64_t size)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (disk_cache_open(f->dir, size, &f->d, &err) != 0)
		fail_msg("%s", err.text);
	disk_cache_set_scope(f->d, 7);
}

static void
reopen(struct fixture *f, uint64_t size)
{
	disk_cache_close(f->d);
	open_cache(f, size);
}

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "%s/cfs-cache-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(rmdir(f->dir), 0);
	log_set_level(LVL_ERROR);
	f->blob = id128_random();
	open_cache(f, SIZE);
	*state = f;
	return 0;
}

static char *
path_of(const struct fixture *f, const char *name, char out[400])
{
	(void)snprintf(out, 400, "%s/%s", f->dir, name);
	return out;
}

static void
remove_files(const struct fixture *f)
{
	char path[400];

	(void)unlink(path_of(f, "index", path));
	(void)unlink(path_of(f, "parts", path));
	(void)rmdir(f->dir);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	disk_cache_close(f->d);
	remove_files(f);
	free(f);
	return 0;
}

/* Bytes that say which part they are. */
static const unsigned char *
bytes_of(unsigned part)
{
	static unsigned char bytes[DISK_PART];

	for (unsigned i = 0; i < DISK_PART; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256 + part * 31);
	return bytes;
}

static void
put(struct fixture *f, unsigned part, uint32_t len)
{
	disk_cache_put(f->d, &f->blob, part, bytes_of(part), len, part / 4);
}

/* Whether the range is there; then it is right. */
static bool
read_range(struct fixture *f, unsigned part, uint32_t from, uint32_t len)
{
	unsigned char *have = malloc(DISK_PART);
	bool there;

	assert_non_null(have);
	there = disk_cache_read(f->d, &f->blob, part, from, have, len);
	if (there)
		assert_memory_equal(have, bytes_of(part) + from, len);
	free(have);
	return there;
}

static bool
is_there(struct fixture *f, unsigned part)
{
	return read_range(f, part, 0, DISK_PART);
}

static uint64_t
bytes_on_disk(const struct fixture *f)
{
	static const char *const names[] = {"index", "parts", "."};
	uint64_t sum = 0;
	char path[400];
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		if (stat(path_of(f, names[i], path), &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

static void
what_went_in_comes_out(void **state)
{
	struct fixture *f = *state;
	struct id128 other = id128_random();

	assert_false(is_there(f, 0));
	assert_false(disk_cache_knows(f->d, 5));
	put(f, 0, DISK_PART);
	put(f, 21, 1000);
	for (int again = 0; again < 2; again++) {
		assert_true(is_there(f, 0));
		assert_true(read_range(f, 0, 65000, 536));
		assert_true(read_range(f, 21, 0, 1000));
		assert_true(read_range(f, 21, 10, 20));
		assert_false(read_range(f, 21, 990, 11));
		assert_true(disk_cache_has(f->d, &f->blob, 21, 1000));
		assert_false(disk_cache_has(f->d, &f->blob, 21, 1001));
		assert_false(disk_cache_has(f->d, &other, 0, 1));
		assert_true(disk_cache_knows(f->d, 5));
		assert_false(disk_cache_knows(f->d, 6));
		reopen(f, SIZE);
	}
	/* More of the same takes the place of less, not the other way round. */
	put(f, 21, 500);
	assert_true(read_range(f, 21, 0, 1000));
	put(f, 21, 2000);
	assert_true(read_range(f, 21, 0, 2000));
	/* Of another user, or another server. */
	disk_cache_set_scope(f->d, 8);
	assert_false(is_there(f, 0));
}

static void
it_is_bounded(void **state)
{
	struct fixture *f = *state;
	unsigned places = disk_cache_places(SIZE);

	for (unsigned i = 0; i < 3 * places; i++) {
		put(f, i, DISK_PART);
		assert_true(bytes_on_disk(f) <= SIZE);
		assert_true(is_there(f, i));
	}
	for (unsigned i = 0; i < 3 * places; i++)
		assert_int_equal(is_there(f, i), i >= 2 * places);
	/* And when it is made smaller. */
	reopen(f, CFS_CACHE_MIN);
	assert_true(bytes_on_disk(f) <= CFS_CACHE_MIN);
	put(f, 0, DISK_PART);
	assert_true(is_there(f, 0));
	reopen(f, SIZE);
	assert_true(is_there(f, 0));
}

static void
what_was_used_last_stays(void **state)
{
	struct fixture *f = *state;
	unsigned places = disk_cache_places(SIZE);

	for (unsigned i = 0; i < places; i++)
		put(f, i, DISK_PART);
	assert_true(is_there(f, 0));
	put(f, 1000, DISK_PART);
	assert_true(is_there(f, 0));
	assert_false(is_there(f, 1));
	/* Another client knows it too. */
	assert_true(is_there(f, 2));
	reopen(f, SIZE);
	for (unsigned i = 0; i < places - 3; i++)
		put(f, 2000 + i, DISK_PART);
	assert_true(is_there(f, 0));
	assert_true(is_there(f, 2));
	assert_true(is_there(f, 1000));
	assert_false(is_there(f, 3));
}

static void
flip(const struct fixture *f, const char *name, off_t at)
{
	unsigned char c;
	char path[400];
	int fd = open(path_of(f, name, path), O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	assert_int_equal(close(fd), 0);
}

static void
damage_is_noticed(void **state)
{
	struct fixture *f = *state;
	char path[400];

	for (unsigned i = 0; i < 4; i++)
		put(f, i, DISK_PART);
	/* While it is open, also where another byte of the part is asked for. */
	flip(f, "parts", 40000);
	assert_false(read_range(f, 0, 0, 10));
	assert_false(disk_cache_has(f->d, &f->blob, 0, 1));
	put(f, 0, DISK_PART);
	assert_true(is_there(f, 0));
	/* Of a record, which another client reads. */
	flip(f, "index", DISK_INDEX_HEADER + DISK_RECORD + 20);
	reopen(f, SIZE);
	assert_false(is_there(f, 1));
	assert_true(is_there(f, 2));
	/* The end is missing. */
	assert_int_equal(truncate(path_of(f, "parts", path), 3 * DISK_PART + 100), 0);
	assert_true(is_there(f, 2));
	assert_false(is_there(f, 3));
	put(f, 3, DISK_PART);
	assert_true(is_there(f, 3));
	/* Another format, or none: it begins anew. */
	flip(f, "index", 8);
	reopen(f, SIZE);
	assert_false(is_there(f, 2));
	put(f, 2, DISK_PART);
	reopen(f, SIZE);
	assert_true(is_there(f, 2));
}

/* A second is what it may take to be noticed; puts make it happen. */
static void
put_until_kept(struct fixture *f, unsigned part)
{
	for (int i = 0; i < 500 && !disk_cache_has(f->d, &f->blob, part, DISK_PART); i++) {
		(void)usleep(10000);
		put(f, part, DISK_PART);
	}
	assert_true(is_there(f, part));
}

static void
removed_files_are_made_again(void **state)
{
	struct fixture *f = *state;
	char path[400];
	struct stat st;

	for (int round = 0; round < 3; round++) {
		put(f, 0, DISK_PART);
		assert_true(is_there(f, 0));
		if (round == 2)
			remove_files(f);
		else
			assert_int_equal(unlink(path_of(f, round ? "index" : "parts", path)), 0);
		/* What is remembered goes with them: that is how it is seen that they were made. */
		for (int i = 0; i < 500 && is_there(f, 0); i++)
			(void)usleep(10000);
		assert_false(is_there(f, 0));
		put_until_kept(f, 1);
		assert_int_equal(stat(path_of(f, "index", path), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(stat(path_of(f, "parts", path), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(stat(f->dir, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0700);
		reopen(f, SIZE);
		assert_true(is_there(f, 1));
	}
}

static void
one_client_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct fixture second = *f;

	put(f, 0, DISK_PART);
	open_cache(&second, SIZE);
	assert_false(is_there(&second, 0));
	put(&second, 1, DISK_PART);
	assert_false(is_there(&second, 1));
	disk_cache_close(f->d);
	put_until_kept(&second, 1);
	assert_true(is_there(&second, 0));
	f->d = second.d;
}

static void
what_others_can_write_is_refused(void **state)
{
	struct fixture *f = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct disk_cache *d = NULL;
	char path[400];

	assert_int_equal(disk_cache_open(f->dir, CFS_CACHE_MIN - 1, &d, &err), CFS_EUSAGE);
	assert_int_equal(disk_cache_open(f->dir, CFS_CACHE_MAX + 1, &d, &err), CFS_EUSAGE);
	assert_int_equal(chmod(f->dir, 0770), 0);
	assert_int_equal(disk_cache_open(f->dir, SIZE, &d, &err), CFS_EDENIED);
	assert_non_null(strstr(err.text, "others may write to it"));
	assert_int_equal(chmod(f->dir, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(f->dir, 65534, 65534), 0);
		assert_int_equal(disk_cache_open(f->dir, SIZE, &d, &err), CFS_EDENIED);
		assert_non_null(strstr(err.text, "another user"));
		assert_int_equal(chown(f->dir, 0, 0), 0);
	}
	assert_int_equal(disk_cache_open(path_of(f, "index", path), SIZE, &d, &err), CFS_ENOTDIR);
	assert_int_equal(disk_cache_open(path_of(f, "no/such", path), SIZE, &d, &err), CFS_ENOENT);
	assert_null(d);
}

/* A limit of the process stands for a full disk: the kernel refuses the write, and nobody is told but the log. */
static void
a_full_disk_pauses_writing(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, small;

	put(f, 0, DISK_PART);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = DISK_PART + 1000;
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put(f, 1, DISK_PART);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_ptr_not_equal(signal(SIGXFSZ, before), SIG_ERR);
	assert_false(is_there(f, 1));
	/* There would be room, but not yet does anybody try. */
	put(f, 2, DISK_PART);
	assert_false(is_there(f, 2));
	assert_true(is_there(f, 0));
	reopen(f, SIZE);
	assert_false(is_there(f, 1));
	assert_true(is_there(f, 0));
}

/* A process that writes is killed, again and again; the next one finds whole parts or none. */
static void
a_killed_client_leaves_whole_parts(void **state)
{
	struct fixture *f = *state;
	unsigned found = 0;

	for (unsigned round = 0; round < 20; round++) {
		pid_t pid;

		disk_cache_close(f->d);
		f->d = NULL;
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			open_cache(f, SIZE);
			for (unsigned i = round;; i++)
				put(f, i % 100, DISK_PART);
		}
		(void)usleep(20000 + round * 3000);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		open_cache(f, SIZE);
		/* is_there() compares. */
		for (unsigned i = 0; i < 100; i++)
			found += is_there(f, i);
		assert_true(bytes_on_disk(f) <= SIZE);
	}
	assert_true(found > 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_went_in_comes_out),
	    TEST(it_is_bounded),
	    TEST(what_was_used_last_stays),
	    TEST(damage_is_noticed),
	    TEST(removed_files_are_made_again),
	    TEST(one_client_at_a_time),
	    TEST(what_others_can_write_is_refused),
	    TEST(a_full_disk_pauses_writing),
	    TEST(a_killed_client_leaves_whole_parts),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}

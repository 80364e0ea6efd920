/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Open files and the cache on disk: what is read is what the file holds, whoever changes it; what is kept is not asked for. */

#include "clienttest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client_cache.h"
#include "client/file_map.h"

#define KIB     1024u
#define MIB     (1024u * KIB)
#define LONG_MS 10000u
#define SIZE    (3 * MIB + 12345)

struct fixture {
	struct clienttest *t;
	char dir[300];
	struct cfs *a, *b; /* alice's, with a cache and without */
	unsigned char *bytes;
	unsigned char have[SIZE];
};

static void
start_cached(struct fixture *f)
{
	struct cfs_options cached = {
	    .promises = true, .cache_dir = f->dir, .cache_size = 16 * (uint64_t)MIB};

	f->a = client_start(f->t, 'a', &cached);
}

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct fixture *f = calloc(1, sizeof(*f));
	void *t;

	assert_non_null(f);
	assert_int_equal(clienttest_setup(&t), 0);
	f->t = t;
	servertest_promises(f->t->server, LONG_MS);
	(void)snprintf(f->dir, sizeof(f->dir), "%s/cfs-cache-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	start_cached(f);
	f->b = client_start(f->t, 'a', &(struct cfs_options){.promises = true});
	f->bytes = make_bytes(SIZE, 1);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	void *t = f->t;
	char path[400];

	cfs_close(f->a);
	cfs_close(f->b);
	(void)snprintf(path, sizeof(path), "%s/index", f->dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/parts", f->dir);
	(void)unlink(path);
	(void)rmdir(f->dir);
	free(f->bytes);
	free(f);
	return clienttest_teardown(&t);
}

/* Reads a range and compares it; how many requests that took. */
static uint64_t
expect_range(struct fixture *f, struct cfs_file *file, size_t at, size_t len, size_t size)
{
	uint64_t asked = f->a->last_number;
	size_t want = at >= size ? 0 : len < size - at ? len : size - at;

	assert_int_equal(cfs_file_pread(file, f->have, len, at, NULL), want);
	assert_memory_equal(f->have, f->bytes + at, want);
	return f->a->last_number - asked;
}

static void
expect_all(struct fixture *f, struct cfs_file *file)
{
	for (size_t at = 0; at < SIZE; at += 128 * KIB)
		(void)expect_range(f, file, at, 128 * KIB, SIZE);
}

/* Reads until it takes no question any more: what there was no room for is not kept at first. */
static void
fill(struct fixture *f, struct cfs_file *file)
{
	uint64_t asked = 1;

	for (int i = 0; i < 500 && asked > 0; i++) {
		uint64_t before = f->a->last_number;

		expect_all(f, file);
		asked = f->a->last_number - before;
		if (asked > 0)
			(void)usleep(10000);
	}
	assert_int_equal(asked, 0);
}

static void
what_was_read_is_kept(void **state)
{
	struct fixture *f = *state;
	struct cfs_file *file;

	assert_int_equal(put_bytes(f->b, "f", SIZE, 1), 0);
	file = open_file(f->a, "f", false);
	fill(f, file);
	assert_int_equal(expect_range(f, file, 100 * KIB, 5, SIZE), 0);
	assert_int_equal(expect_range(f, file, SIZE - 100, 1000, SIZE), 0);
	assert_int_equal(cfs_file_close(file, NULL), 0);
	cfs_close(f->a);
	start_cached(f);
	file = open_file(f->a, "f", false);
	/* The map, nothing else. */
	assert_int_equal(expect_range(f, file, 0, 256 * KIB, SIZE), 1);
	for (size_t at = 256 * KIB; at < SIZE; at += 256 * KIB)
		assert_int_equal(expect_range(f, file, at, 256 * KIB, SIZE), 0);
	assert_int_equal(cfs_file_close(file, NULL), 0);
}

/* Others' files are not: their owner is told by what was sent. */
static void
what_others_own_is_not(void **state)
{
	struct fixture *f = *state;
	struct cfs *bob = client_start(f->t, 'b', NULL);
	struct cfs_file *file;

	assert_int_equal(put_bytes(bob, "f", SIZE, 1), 0);
	file = open_file(f->a, "/bob/f", false);
	for (int i = 0; i < 2; i++) {
		uint64_t before = f->a->last_number;

		expect_all(f, file);
		assert_true(f->a->last_number - before >= 2);
	}
	assert_null(file->map);
	assert_false(disk_cache_knows(client_cache_disk(f->a), file->ref.ino));
	assert_int_equal(cfs_file_close(file, NULL), 0);
	cfs_close(bob);
}

/* Somebody else writes, or this client itself; a line is lost; each read is what the file holds then. */
static void
changes_are_seen(void **state)
{
	struct fixture *f = *state;
	struct cfs_file *own, *other;
	unsigned seed = 1;

	assert_int_equal(put_bytes(f->b, "f", SIZE, 1), 0);
	own = open_file(f->a, "f", true);
	other = open_file(f->b, "f", true);
	fill(f, own);
	for (int i = 0; i < 300; i++) {
		struct cfs_file *writer = i % 3 == 0 ? other : own;
		size_t at, len;

		seed = seed * 1103515245u + 12345u;
		at = (seed >> 8) % (SIZE - 200 * KIB);
		len = i % 5 == 0 ? 200 * KIB : 1 + (seed >> 4) % (100 * KIB);
		if (i % 2 == 0) {
			for (size_t j = 0; j < len; j++)
				f->bytes[at + j] ^= (unsigned char)(i + 1);
			assert_int_equal(cfs_file_pwrite(writer, f->bytes + at, len, at, NULL),
					 len);
			if (writer == other || i % 4 == 0)
				assert_int_equal(cfs_file_flush(writer, NULL, NULL), 0);
		}
		(void)expect_range(f, own, at > 70 * KIB ? at - 70 * KIB : 0, 200 * KIB, SIZE);
		seed = seed * 1103515245u + 12345u;
		(void)expect_range(f, own, (seed >> 8) % SIZE, 128 * KIB, SIZE);
		if (i % 60 == 59)
			(void)shutdown_line(&f->t->lines[f->t->dialled - 1]);
		if (i % 50 == 0)
			expect_all(f, own);
	}
	assert_int_equal(cfs_file_close(own, NULL), 0);
	assert_int_equal(cfs_file_close(other, NULL), 0);
}

/* A range of an old map must not be found when the file has become another in the same place. */
static void
a_cut_and_a_hole_are_seen(void **state)
{
	struct fixture *f = *state;
	struct cfs_file *file;
	struct cfs_attr a;

	assert_int_equal(put_bytes(f->b, "f", SIZE, 1), 0);
	file = open_file(f->a, "f", false);
	fill(f, file);
	assert_int_equal(cfs_allocate(f->b, file->ref, true, true, 100000, 300000, &a, NULL), 0);
	memset(f->bytes + 100000, 0, 300000);
	expect_all(f, file);
	fill(f, file);
	struct cfs_setattr cut = {.ref = file->ref, .valid = 8, .size = MIB};
	assert_int_equal(cfs_setattr(f->b, &cut, CFS_VISIBLE, &a, NULL), 0);
	assert_int_equal(cfs_file_pread(file, f->have, 1000, MIB, NULL), 0);
	(void)expect_range(f, file, MIB - 500, 1000, MIB);
	assert_int_equal(cfs_file_close(file, NULL), 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(what_was_read_is_kept),
	    CASE(what_others_own_is_not),
	    CASE(changes_are_seen),
	    CASE(a_cut_and_a_hole_are_seen),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}

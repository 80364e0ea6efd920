/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one process keeps between its reads, while another one changes the store. */
#include <string.h>

#include "store/impl.h"
#include "storetest.h"

/* Reads that share a transaction see what anybody has committed meanwhile, and are in no change's way. */
static void
held_reads_miss_no_commit(void **state)
{
	struct storetest *t = *state;
	struct store *first = t->s, *other;
	struct inode_attr f;

	assert_int_equal(store_open(&t->conf, t->shared, &other, NULL), 0);
	assert_int_equal(st_put(t, t->home, "f", "one", 3, &f), 0);
	store_hold_reads(first, true);
	st_assert_content(t, st_ref(&f), "one", 3);
	assert_true(first->held);
	t->s = other;
	assert_int_equal(
	    st_write(t, st_ref(&f), 0,
		     &(struct content_piece){.kind = PIECE_INLINE, .length = 3, .data = "two"}, 1,
		     NULL),
	    0);
	t->s = first;
	st_assert_content(t, st_ref(&f), "two", 3);
	assert_true(first->held);
	assert_int_equal(st_put(t, t->home, "g", "x", 1, NULL), 0);
	assert_false(first->held);
	assert_int_equal(st_lookup(t, t->home, "g").size, 1);
	store_hold_reads(first, false);
	assert_false(first->held);
	store_close(other);
}

static int
plan_code(struct store *s, const struct cred *cred, struct inode_ref ref)
{
	struct content_plan *plan;
	int rc = content_plan(s, cred, ref, 70000, 4096, 0, false, &plan, NULL);

	content_plan_free(plan);
	return rc;
}

/* Where a file's blobs are is remembered for who reads it in pieces: no longer than it is true, and not for who may not read it. */
static void
remembered_extents_outlive_no_commit(void **state)
{
	static unsigned char old[200000], new[200000];
	struct storetest *t = *state;
	struct store *first = t->s, *other;
	struct content_piece piece = {.kind = PIECE_BLOB, .length = sizeof(old)};
	struct inode_attr f;
	struct inode in;
	size_t count;

	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	assert_int_equal(store_open(&t->conf, t->shared, &other, NULL), 0);
	assert_int_equal(st_put(t, t->home, "f", "", 0, &f), 0);
	piece.blob = st_blob(t, old, sizeof(old));
	assert_int_equal(st_write(t, st_ref(&f), 0, &piece, 1, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(plan_code(first, &t->b, st_ref(&f)), 0);
	assert_non_null(content_memo_find(first, f.ino, &in, &count));
	assert_int_equal(count, 1);
	st_assert_content(t, st_ref(&f), old, sizeof(old));
	t->b.trees_private = true;
	assert_int_equal(plan_code(first, &t->b, st_ref(&f)), CFS_ENOENT);
	assert_int_equal(plan_code(first, &t->a, (struct inode_ref){f.ino, f.gen + 1}), CFS_ESTALE);

	t->s = other;
	piece.blob = st_blob(t, new, sizeof(new));
	assert_int_equal(st_write(t, st_ref(&f), 0, &piece, 1, NULL), 0);
	t->s = first;
	assert_null(content_memo_find(first, f.ino, &in, &count));
	for (int i = 0; i < 3; i++)
		st_assert_content(t, st_ref(&f), new, sizeof(new));
	assert_non_null(content_memo_find(first, f.ino, &in, &count));
	store_idle(first);
	assert_null(content_memo_find(first, f.ino, &in, &count));
	store_close(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, storetest_dir_setup, storetest_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(held_reads_miss_no_commit),
	    TEST(remembered_extents_outlive_no_commit),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}

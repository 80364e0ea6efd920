/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of very many extents: nobody waits for all of them. Over every kind of store. */
#include "store/impl.h"
#include "storetest.h"

#define HOUR_NS (3600 * NS_PER_S)

#define LONG_PIECES 400u
#define LONG_WRITES 500u

/* A file of 100,000 extents, a byte each with a hole behind it. */
static struct inode_attr
put_long(struct storetest *t, const char *name)
{
	static struct content_piece pieces[LONG_PIECES];
	struct inode_attr f;

	for (unsigned i = 0; i < LONG_PIECES; i++)
		pieces[i] =
		    i % 2 == 0
			? (struct content_piece){.kind = PIECE_INLINE, .length = 1, .data = "x"}
			: (struct content_piece){.kind = PIECE_HOLE, .length = 1};
	assert_int_equal(st_create(t, t->home, name, INODE_FILE, &f), 0);
	st_begin(t);
	for (uint64_t i = 0; i < LONG_WRITES; i++)
		assert_int_equal(st_write(t, st_ref(&f), i * LONG_PIECES, pieces, LONG_PIECES, &f),
				 0);
	(void)st_commit(t);
	assert_int_equal(f.stored, (uint64_t)LONG_PIECES / 2 * LONG_WRITES);
	return f;
}

static uint64_t
stored_of(struct storetest *t, uint64_t ino)
{
	static const struct db_sql sql = {"SELECT stored FROM inode WHERE ino = ?1"};
	uint64_t n = 0;

	return sql_get(t->s, &sql, SQL_ARGS(ino), &n, NULL) == 1 ? n : 0;
}

/* Keeps in the shortest steps. It goes piece by piece, nobody finds it meanwhile, and nothing else is hurt. */
static void
goes_in_slices(struct storetest *t, const struct inode_attr *f)
{
	uint64_t left = f->stored, rounds = 0;
	struct inode_attr attr;
	bool more = true;

	for (; more; rounds++) {
		assert_int_equal(store_keep(t->s, 0, &more, NULL), 0);
		assert_true(stored_of(t, f->ino) < left || !more);
		left = stored_of(t, f->ino);
		assert_int_equal(names_getattr(t->s, &t->a, st_ref(f), &attr, NULL), CFS_ESTALE);
		if (rounds < 2)
			st_check(t);
	}
	assert_int_equal(left, 0);
	assert_true(rounds > 2);
	st_check(t);
}

static void
a_long_file_goes_in_slices(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f = put_long(t, "long"), other;

	assert_int_equal(st_put(t, t->home, "other", "o", 1, &other), 0);
	assert_int_equal(st_unlink(t, t->home, "long", false), 0);
	t->conf.attic_keep_ms = 0;
	t->s->clock_shift_ns = HOUR_NS;
	goes_in_slices(t, &f);
	st_assert_content(t, st_ref(&other), "o", 1);
}

/* Its owner gives it up: the answer does not wait for the extents to go. */
static void
a_long_version_that_is_pruned_goes_in_slices(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f = put_long(t, "long");
	static const struct db_sql find = {"SELECT id FROM attic WHERE ino = ?1"};
	uint64_t id = 0, bytes;

	t->s->clock_shift_ns = HOUR_NS;
	assert_int_equal(st_unlink(t, t->home, "long", false), 0);
	st_begin(t);
	assert_int_equal(sql_get(t->s, &find, SQL_ARGS(f.ino), &id, NULL), 1);
	assert_int_equal(attic_prune(t->s, &t->a, id, f.ino, &bytes, NULL), 1);
	assert_int_equal(bytes, f.stored);
	assert_int_equal(stored_of(t, f.ino), f.stored);
	(void)st_commit(t);
	goes_in_slices(t, &f);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_long_file_goes_in_slices),
	    TEST(a_long_version_that_is_pruned_goes_in_slices),
	};
#undef TEST

	return _cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests), NULL, NULL);
}

int
main(void)
{
	int failed = run("long files: memory", storetest_memory_setup);

	failed += run("long files: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The mount's table of inodes: it stays within its bound, and an entry that was dropped is made again as the kernel knows
 * the inode, while nothing old is believed of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/time.h"

#include "../../fuse/inode.h"
#include "../../fuse/place.h"

#define MAX      1024u
#define MAX_DIRS (MAX / 2)
#define GEN      7u
/* Other inodes, so that what is not used is dropped. */
#define MANY     10000u

/* Nothing is being told of here. */
void inval_own_change(struct inode *i);

void
inval_own_change(struct inode *i)
{
	(void)i;
}

static int
setup(void **state)
{
	static struct inodes t;

	*state = &t;
	return inodes_init(&t, MAX);
}

static int
teardown(void **state)
{
	inodes_fini(*state);
	return 0;
}

static struct cfs_attr
attr_of(uint64_t ino, uint32_t gen, enum cfs_type type)
{
	return (struct cfs_attr){
	    .ref = {.ino = ino, .gen = gen}, .type = type, .version = 1, .nlink = 1};
}

/* As when the kernel is told of it. */
static void
look_up(struct inodes *t, uint64_t ino, uint32_t gen, enum cfs_type type)
{
	const struct cfs_attr a = attr_of(ino, gen, type);

	assert_true(inode_remember(t, &a, 1, ino, now_mono_ns()));
}

static void
look_up_many(struct inodes *t, uint64_t first, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		look_up(t, first + i, GEN, CFS_FILE);
	}
}

static bool
has_entry(struct inodes *t, uint64_t place)
{
	struct inode *i = place_find(t, place, PLACE_NOW);

	inode_put(t, i);
	return i != NULL;
}

static uint64_t
ino_at(struct inodes *t, uint64_t place, enum place_which which)
{
	struct inode *i = place_find(t, place, which);
	uint64_t ino = i != NULL ? i->ref.ino : 0;

	inode_put(t, i);
	return ino;
}

/* Who was at a place before is not there now, though the kernel still knows it. */
static void
test_places(void **state)
{
	struct inodes *t = *state;

	look_up_many(t, 21, 4);
	place_renamed(t, 21, 22, false);
	assert_int_equal(ino_at(t, 21, PLACE_NOW), 0);
	assert_int_equal(ino_at(t, 22, PLACE_NOW), 21);
	assert_int_equal(ino_at(t, 22, PLACE_BEFORE), 22);
	/* Of one whose place is not known: nobody is there now. */
	place_renamed(t, 99, 22, false);
	assert_int_equal(ino_at(t, 22, PLACE_NOW), 0);
	place_renamed(t, 23, 24, true);
	assert_int_equal(ino_at(t, 23, PLACE_NOW), 24);
	assert_int_equal(ino_at(t, 24, PLACE_NOW), 23);
	place_removed(t, 24);
	assert_int_equal(ino_at(t, 24, PLACE_NOW), 0);
	/* It has come back there. */
	struct inode *i = inode_get(t, 23);
	place_move(t, i, 24);
	inode_put(t, i);
	assert_int_equal(ino_at(t, 24, PLACE_NOW), 23);
}

static void
test_bound(void **state)
{
	struct inodes *t = *state;

	look_up_many(t, 100, 100000);
	assert_in_range(t->n, MAX / 2, MAX);
	/* The kernel names all of them all the same. */
	for (uint64_t ino = 100; ino < 100100; ino++) {
		struct inode *i = inode_get(t, ino);

		assert_non_null(i);
		assert_int_equal(i->ref.ino, ino);
		assert_int_equal(i->ref.gen, GEN);
		inode_put(t, i);
		assert_int_equal(inode_ref(t, 100 + (ino * 31) % 100000).gen, GEN);
	}
	assert_in_range(t->n, MAX / 2, MAX);
}

static void
test_unknown(void **state)
{
	struct inodes *t = *state;

	look_up_many(t, 10000, MANY);
	look_up_many(t, 30000, MANY);
	/* Numbers before, between and behind those that the kernel was given. */
	assert_null(inode_get(t, 9999));
	assert_null(inode_get(t, 2500000));
	assert_null(inode_get(t, 40000));
	assert_null(inode_get(t, 10000 + DROPPED_NUMBERS));
	assert_int_equal(inode_ref(t, 2500000).gen, 0);
	assert_null(inodes_note_foreign(t, 2500000, true));
}

static void
test_what_stays(void **state)
{
	struct inodes *t = *state;
	struct inode *held, *gone, *shared;

	look_up_many(t, 21, 4);
	held = inode_get(t, 21);
	gone = inode_get(t, 22);
	shared = inode_get(t, 23);
	atomic_store(&gone->gone, true);
	atomic_store(&shared->shared_ns, now_mono_ns());
	inode_put(t, gone);
	inode_put(t, shared);
	look_up_many(t, 10000, MANY);
	assert_true(has_entry(t, 21) && has_entry(t, 22) && has_entry(t, 23));
	assert_false(has_entry(t, 24));
	inode_put(t, held);
	look_up_many(t, 30000, MANY);
	assert_false(has_entry(t, 21));
}

/* What is used is not dropped for what is only looked at. */
static void
test_used(void **state)
{
	struct inodes *t = *state;

	look_up_many(t, 21, 2);
	for (uint64_t ino = 10000; ino < 10000 + MANY; ino++) {
		look_up(t, ino, GEN, CFS_FILE);
		inode_put(t, inode_get(t, 21));
	}
	assert_true(has_entry(t, 21));
	assert_false(has_entry(t, 22));
}

static void
test_directories(void **state)
{
	struct inodes *t = *state;

	look_up(t, 21, GEN, CFS_DIR);
	look_up_many(t, 100, 10000);
	assert_true(has_entry(t, 21));
	for (uint64_t ino = 200000; ino < 200000 + MANY; ino++) {
		look_up(t, ino, GEN, CFS_DIR);
	}
	assert_false(has_entry(t, 21));
	assert_in_range(t->n, MAX / 2, MAX);
	assert_in_range(t->n_dirs, MAX_DIRS, MAX);
}

/* More than may be kept are open: they are, and then they are not. */
static void
test_overfull(void **state)
{
	struct inodes *t = *state;
	struct inode *held[4 * MAX];

	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		look_up(t, 100 + i, GEN, CFS_FILE);
		held[i] = inode_get(t, 100 + i);
	}
	assert_int_equal(t->n, ARRAY_SIZE(held));
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		inode_put(t, held[i]);
	}
	look_up_many(t, 10000, MANY);
	assert_in_range(t->n, MAX / 2, MAX);
}

static void
test_forget(void **state)
{
	struct inodes *t = *state;

	look_up(t, 21, GEN, CFS_FILE);
	look_up(t, 21, GEN, CFS_FILE);
	look_up(t, 21, GEN, CFS_FILE);
	look_up_many(t, 10000, MANY);
	assert_false(has_entry(t, 21));
	/* Forgotten while there is no entry. */
	inode_forget(t, 10000, 1);
	/* Made again; an answer that the kernel did not take is not the end of what it knew before. */
	look_up(t, 21, GEN, CFS_FILE);
	inode_forget(t, 21, 1);
	assert_true(has_entry(t, 21));
	/* All at once, more than was counted since. */
	look_up(t, 21, GEN, CFS_FILE);
	inode_forget(t, 21, 4);
	assert_false(has_entry(t, 21));
	/* It was on its way while the kernel was told of it again. */
	inode_put(t, inode_get(t, 21));
	assert_int_equal(inode_ref(t, 21).gen, GEN);
	/* What was never dropped is known to the kernel or is not. */
	look_up(t, 500000, GEN, CFS_FILE);
	inode_forget(t, 500000, 1);
	assert_null(inode_get(t, 500000));
}

/* A store that was restored gives numbers again, under another generation. */
static void
test_generations(void **state)
{
	struct inodes *t = *state;

	look_up_many(t, 10000, MANY);
	for (uint64_t ino = 30000; ino < 30000 + MANY; ino++) {
		look_up(t, ino, GEN + 1, CFS_FILE);
	}
	assert_in_range(t->n, MAX / 2, MAX);
	assert_int_equal(inode_ref(t, 10001).gen, GEN);
	assert_int_equal(inode_ref(t, 30001).gen, GEN + 1);
	/* One among those of another stays as it is known. */
	look_up(t, 15000, GEN + 1, CFS_FILE);
	look_up_many(t, 10000, 4000);
	assert_true(has_entry(t, 15000));
	assert_int_equal(inode_ref(t, 15000).gen, GEN + 1);
	/* More of them than there is room for: they stay, too. */
	for (uint32_t gen = 0; gen < DROPPED_GENS + 4; gen++) {
		for (uint64_t ino = 100000 + gen * 10000; ino < 102000 + gen * 10000; ino++) {
			look_up(t, ino, 100 + gen, CFS_FILE);
		}
	}
	for (uint32_t gen = 0; gen < DROPPED_GENS + 4; gen++) {
		assert_int_equal(inode_ref(t, 100000 + gen * 10000).gen, 100 + gen);
	}
}

/* Others' changes reach the kernel whether there is an entry or not, and what was asked for before is old. */
static void
test_foreign(void **state)
{
	struct inodes *t = *state;
	struct cfs_attr a = attr_of(21, GEN, CFS_FILE);
	uint64_t asked_ns = now_mono_ns();
	struct inode *i;

	look_up(t, 21, GEN, CFS_FILE);
	look_up_many(t, 10000, MANY);
	assert_false(has_entry(t, 21));
	assert_true(inodes_unchanged(t, &a, asked_ns));
	i = inodes_note_foreign(t, 21, true);
	assert_non_null(i);
	assert_int_equal(i->ref.gen, GEN);
	inode_put(t, i);
	assert_false(inodes_unchanged(t, &a, asked_ns));
	/* Dropped and made again it is not younger. */
	look_up_many(t, 30000, MANY);
	assert_false(has_entry(t, 21));
	assert_false(inodes_unchanged(t, &a, asked_ns));
	i = inode_get(t, 21);
	inode_note(i, &a, asked_ns);
	assert_int_equal(i->attr_ns, 0);
	inode_note(i, &a, now_mono_ns());
	assert_int_not_equal(i->attr_ns, 0);
	inode_put(t, i);
}

/* So does an own change. */
static void
test_own_change(void **state)
{
	struct inodes *t = *state;
	struct cfs_attr a = attr_of(21, GEN, CFS_FILE);
	uint64_t asked_ns = now_mono_ns();
	struct inode *i;

	look_up(t, 21, GEN, CFS_FILE);
	i = inode_get(t, 21);
	inode_change_begin(i);
	inode_change_end(i);
	inode_put(t, i);
	look_up_many(t, 10000, MANY);
	assert_false(has_entry(t, 21));
	assert_false(inodes_unchanged(t, &a, asked_ns));
	assert_true(inodes_unchanged(t, &a, now_mono_ns()));
	/* Thousands of others were changed since, and there is no room for all of them. */
	for (uint64_t ino = 100000; ino < 100000 + MANY; ino++) {
		inode_put(t, inodes_note_foreign(t, ino, true));
	}
	assert_false(inodes_unchanged(t, &a, asked_ns));
}

/* Pages of the version that is opened again need not be read again, if nobody else had the kernel forget them. */
static void
test_pages(void **state)
{
	struct inodes *t = *state;
	struct inode *i;

	look_up_many(t, 21, 2);
	i = inode_get(t, 21);
	i->cached_version = 5;
	inode_put(t, i);
	look_up_many(t, 10000, MANY);
	assert_false(has_entry(t, 21));
	i = inode_get(t, 21);
	assert_int_equal(i->cached_version, 5);
	i->cached_version = 0;
	inode_put(t, i);
	look_up_many(t, 30000, MANY);
	i = inode_get(t, 21);
	assert_int_equal(i->cached_version, 0);
	i->cached_version = 6;
	inode_put(t, i);
	/* Of one with another number in the same place, and of one that was never opened. */
	look_up(t, 21 + DROPPED_PAGES, GEN, CFS_FILE);
	look_up_many(t, 10000, MANY);
	i = inode_get(t, 21 + DROPPED_PAGES);
	assert_int_equal(i->cached_version, 0);
	inode_put(t, i);
	assert_int_equal(dropped_pages(&t->dropped, 21), 6);
	/* Another inode of that number. */
	look_up(t, 50000 + 21, GEN + 1, CFS_FILE);
	i = inode_get(t, 50000 + 21);
	assert_int_equal(i->cached_version, 0);
	inode_put(t, i);
}

static void
test_dropped_changes(void **state)
{
	struct dropped d;

	(void)state;
	assert_int_equal(dropped_init(&d), 0);
	dropped_note_change(&d, 1, 100);
	dropped_note_change(&d, 1, 90);
	dropped_note_change(&d, 2, 0);
	assert_int_equal(dropped_changed_ns(&d, 1), 100);
	assert_int_equal(dropped_changed_ns(&d, 2), 0);
	dropped_note_change(&d, 1 + DROPPED_CHANGES, 110);
	assert_int_equal(dropped_changed_ns(&d, 1), 100);
	assert_int_equal(dropped_changed_ns(&d, 2), 100);
	assert_int_equal(dropped_changed_ns(&d, 1 + DROPPED_CHANGES), 110);
	/* What counts for all takes no room. */
	dropped_note_change(&d, 1, 100);
	assert_int_equal(dropped_changed_ns(&d, 1 + DROPPED_CHANGES), 110);
	assert_int_equal(dropped_changed_ns(&d, 2), 100);
	dropped_fini(&d);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_places),
	    TEST(test_bound),
	    TEST(test_unknown),
	    TEST(test_what_stays),
	    TEST(test_used),
	    TEST(test_directories),
	    TEST(test_overfull),
	    TEST(test_forget),
	    TEST(test_generations),
	    TEST(test_foreign),
	    TEST(test_own_change),
	    TEST(test_pages),
	    cmocka_unit_test(test_dropped_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

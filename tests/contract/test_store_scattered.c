/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes of many places with gaps between them, over every kind of store. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/attic.h"
#include "store/impl.h"
#include "storetest.h"

static struct content_piece
text_piece(const char *text)
{
	return (struct content_piece){
	    .kind = PIECE_INLINE, .length = (uint32_t)strlen(text), .data = text};
}

/* One write of many places: what lies between them stays, and it is all of them or none. */
static void
a_write_leaves_out_what_it_skips(void **state)
{
	struct storetest *t = *state;
	struct content_piece p[4] = {text_piece("ab"),
				     text_piece("c"),
				     {.kind = PIECE_HOLE, .length = 2},
				     text_piece("end")};
	struct inode_attr f;

	assert_int_equal(st_put(t, t->home, "f", "0123456789", 10, &f), 0);
	p[0].skip = 1;
	p[2].skip = 2;
	p[3].skip = 5;
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 4, &f), 0);
	assert_int_equal(f.version, 2);
	assert_int_equal(f.size, 16);
	assert_int_equal(f.stored, 10 - 2 + 3);
	st_assert_content(t, st_ref(&f), "0abc45\0\089\0\0\0end", 16);
	/* The same once more: what lies there now goes. */
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 4, &f), 0);
	assert_int_equal(f.stored, 11);
	st_assert_content(t, st_ref(&f), "0abc45\0\089\0\0\0end", 16);
	p[3].kind = PIECE_BLOB;
	assert_int_equal(st_write(t, st_ref(&f), 3, p, 4, NULL), CFS_EBLOBGONE);
	p[3].kind = PIECE_INLINE;
	p[3].skip = UINT64_MAX - 1;
	assert_int_equal(st_write(t, st_ref(&f), 3, p, 4, NULL), CFS_EFBIG);
	p[3].skip = STORE_FILE_MAX - 10;
	assert_int_equal(st_write(t, st_ref(&f), 3, p, 4, NULL), CFS_EFBIG);
	st_assert_content(t, st_ref(&f), "0abc45\0\089\0\0\0end", 16);
	st_check(t);
}

/* Pieces with gaps between them, into a blob and into what was written there before; the last is a part of the blob. */
static void
scattered_pieces_cut_blobs(void **state)
{
	enum { LEN = 200000, COUNT = 40, STEP = 4999 };
	static const char text[] = "written into the middle of a blob, and over that again";
	struct storetest *t = *state;
	unsigned char *data = malloc(LEN), *want = malloc(LEN);
	struct content_piece whole, p[COUNT];
	struct inode_attr f;

	assert_non_null(data);
	assert_non_null(want);
	rand_bytes(data, LEN);
	memcpy(want, data, LEN);
	struct id128 id = st_blob(t, data, LEN);
	whole = (struct content_piece){.kind = PIECE_BLOB, .length = LEN, .blob = id};
	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, &whole, 1, &f), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			bool last = i == COUNT - 1;

			p[i] = text_piece(text);
			if (last)
				p[i] = (struct content_piece){.kind = PIECE_BLOB,
							      .length = p[i].length,
							      .blob = id,
							      .blob_offset = 777};
			p[i].skip = i == 0 ? round * 20 : STEP - p[i].length;
			memcpy(want + round * 20 + (size_t)i * STEP,
			       last ? data + 777 : (const void *)text, p[i].length);
		}
		assert_int_equal(st_write(t, st_ref(&f), 0, p, COUNT, &f), 0);
		assert_int_equal(f.stored, LEN);
		st_assert_content(t, st_ref(&f), want, LEN);
		st_check(t);
	}
	free(data);
	free(want);
}

static int
count_one(void *arg, const struct attic_entry *e)
{
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

/* How many there are of f, the present one among them. */
static unsigned
versions(struct storetest *t)
{
	unsigned count = 0;
	bool eof;

	assert_int_equal(
	    attic_versions(t->s, &t->a, t->home, st_str("f"), 0, count_one, &count, &eof, NULL), 0);
	return count;
}

/* Before something is written over, what was there is kept: where nothing is between the pieces, or under them, that is no reason. */
static void
what_is_skipped_is_not_written_over(void **state)
{
	struct storetest *t = *state;
	struct content_piece p[2] = {text_piece("X"), text_piece("Y")};
	struct inode_attr a;

	assert_int_equal(st_put(t, t->home, "f", "0123456789", 10, &a), 0);
	t->s->clock_shift_ns = 120 * NS_PER_S;
	p[0].skip = 12;
	p[1].skip = 2;
	assert_int_equal(st_write(t, st_ref(&a), 0, p, 2, NULL), 0);
	p[0].skip = 1;
	p[1].skip = 11;
	assert_int_equal(st_write(t, st_ref(&a), 9, p, 2, NULL), 0);
	assert_int_equal(versions(t), 1);
	/* A hole, and what is behind it. */
	p[0].skip = 0;
	p[1].skip = 3;
	assert_int_equal(st_write(t, st_ref(&a), 11, p, 2, NULL), 0);
	assert_int_equal(versions(t), 2);
	st_check(t);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_write_leaves_out_what_it_skips),
	    TEST(scattered_pieces_cut_blobs),
	    TEST(what_is_skipped_is_not_written_over),
	};
#undef TEST

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("scattered: memory", storetest_memory_setup);

	failed += run("scattered: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

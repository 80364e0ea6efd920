/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content: extents, blobs, puts and copies, over every kind of store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "storetest.h"

static struct content_piece
text_piece(const char *text)
{
	return (struct content_piece){
	    .kind = PIECE_INLINE, .length = (uint32_t)strlen(text), .data = text};
}

static struct content_piece
hole(uint32_t length)
{
	return (struct content_piece){.kind = PIECE_HOLE, .length = length};
}

static struct content_piece
blob_piece(const struct id128 *id, uint32_t offset, uint32_t length)
{
	return (struct content_piece){
	    .kind = PIECE_BLOB, .length = length, .blob = *id, .blob_offset = offset};
}

static void
writes_replace_ranges(void **state)
{
	struct storetest *t = *state;
	struct content_piece p = text_piece("HELLO"), gap = hole(3);
	struct inode_attr f;

	assert_int_equal(st_put(t, t->home, "f", "0123456789", 10, &f), 0);
	assert_int_equal(f.version, 1);
	assert_int_equal(st_write(t, st_ref(&f), 3, &p, 1, &f), 0);
	assert_int_equal(f.version, 2);
	assert_int_equal(f.stored, 10);
	st_assert_content(t, st_ref(&f), "012HELLO89", 10);
	assert_int_equal(st_write(t, st_ref(&f), 4, &gap, 1, &f), 0);
	assert_int_equal(f.stored, 7);
	st_assert_content(t, st_ref(&f), "012H\0\0\0O89", 10);
	assert_int_equal(st_write(t, st_ref(&f), 15, &p, 1, &f), 0);
	assert_int_equal(f.size, 20);
	st_assert_content(t, st_ref(&f), "012H\0\0\0O89\0\0\0\0\0HELLO", 20);
	st_check(t);
}

static void
blobs_are_shared_and_cut(void **state)
{
	struct storetest *t = *state;
	size_t len = 3 * STORE_FRAME_RAW + 100;
	unsigned char *data = malloc(len), *want = calloc(1, 2 * len);
	struct content_piece p[2], mid = text_piece("mid");
	struct inode_attr f;
	struct id128 id;

	assert_non_null(data);
	assert_non_null(want);
	rand_bytes(data, len);
	id = st_blob(t, data, (uint32_t)len);
	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	p[0] = blob_piece(&id, 0, (uint32_t)len);
	p[1] = blob_piece(&id, 1000, (uint32_t)len - 1000);
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 2, &f), 0);
	memcpy(want, data, len);
	memcpy(want + len, data + 1000, len - 1000);
	st_assert_content(t, st_ref(&f), want, 2 * len - 1000);
	/* A hole cut into one makes two extents of it, both holding the blob. */
	assert_int_equal(st_write(t, st_ref(&f), 70000, &mid, 1, &f), 0);
	memcpy(want + 70000, "mid", 3);
	st_assert_content(t, st_ref(&f), want, 2 * len - 1000);
	st_check(t);
	p[0] = blob_piece(&id, 100, (uint32_t)len);
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 1, &f), CFS_EBLOBGONE);
	p[0].blob = id128_random();
	p[0].blob_offset = 0;
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 1, &f), CFS_EBLOBGONE);
	st_check(t);
	free(data);
	free(want);
}

static int
truncate_to(struct storetest *t, const struct inode_attr *f, uint64_t size, struct inode_attr *out)
{
	struct setattr_args a = {.ref = st_ref(f), .valid = SETATTR_SIZE, .size = size};
	int rc;

	st_begin(t);
	rc = names_setattr(t->s, &t->a, &a, out, NULL);
	if (rc == 0)
		(void)st_commit(t);
	else
		store_rollback(t->s);
	return rc;
}

static void
truncation_cuts_and_grows(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f, d;

	assert_int_equal(st_put(t, t->home, "f", "0123456789", 10, &f), 0);
	assert_int_equal(truncate_to(t, &f, 4, &f), 0);
	assert_int_equal(f.version, 2);
	assert_int_equal(f.stored, 4);
	assert_int_equal(truncate_to(t, &f, 4, &f), 0);
	assert_int_equal(f.version, 2);
	assert_int_equal(truncate_to(t, &f, 8, &f), 0);
	st_assert_content(t, st_ref(&f), "0123\0\0\0\0", 8);
	assert_int_equal(truncate_to(t, &f, (uint64_t)STORE_FILE_MAX + 1, &f), CFS_EFBIG);
	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(truncate_to(t, &d, 0, &d), CFS_EISDIR);
	st_check(t);
}

static void
appending_small_pieces_makes_few_extents(void **state)
{
	struct storetest *t = *state;
	struct content_piece p = text_piece("a line of the log\n");
	struct content_plan *plan;
	struct inode_attr f;
	uint64_t at;

	assert_int_equal(st_create(t, t->home, "log", INODE_FILE, &f), 0);
	for (unsigned i = 0; i < 1000; i++) {
		st_begin(t);
		assert_int_equal(
		    content_write(t->s, &t->a, st_ref(&f), true, 7, 0, &p, 1, &at, &f, NULL), 0);
		assert_int_equal(at, i * p.length);
		(void)st_commit(t);
	}
	assert_int_equal(
	    content_plan(t->s, &t->a, st_ref(&f), 0, UINT32_MAX, 0, false, &plan, NULL), 0);
	assert_int_equal(plan->length, 1000 * p.length);
	assert_true(plan->count <= 4);
	content_plan_free(plan);
	st_check(t);
}

static void
plans_end_where_they_should(void **state)
{
	struct storetest *t = *state;
	struct content_piece p[3] = {text_piece("0123456789"), hole(10), text_piece("abcdefghij")};
	struct content_plan *plan;
	struct inode_attr f;

	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 3, &f), 0);
	assert_int_equal(
	    content_plan(t->s, &t->a, st_ref(&f), 2, 25, f.version, false, &plan, NULL), 0);
	assert_int_equal(plan->count, 3);
	assert_int_equal(plan->length, 25);
	assert_int_equal(plan->parts[0].length, 8);
	assert_false(plan->parts[0].has_hash);
	assert_int_equal(plan->parts[1].kind, PART_HOLE);
	assert_int_equal(plan->parts[2].length, 7);
	assert_memory_equal(plan->parts[2].data, "abcdefg", 7);
	content_plan_free(plan);
	/* Rather shorter than a cut extent, but never nothing. */
	assert_int_equal(content_plan(t->s, &t->a, st_ref(&f), 0, 25, 0, true, &plan, NULL), 0);
	assert_int_equal(plan->length, 20);
	assert_true(plan->parts[0].has_hash);
	content_plan_free(plan);
	assert_int_equal(content_plan(t->s, &t->a, st_ref(&f), 0, 5, 0, true, &plan, NULL), 0);
	assert_int_equal(plan->length, 5);
	content_plan_free(plan);
	assert_int_equal(content_plan(t->s, &t->a, st_ref(&f), 30, 5, 0, true, &plan, NULL), 0);
	assert_int_equal(plan->length, 0);
	content_plan_free(plan);
	assert_int_equal(
	    content_plan(t->s, &t->a, st_ref(&f), 0, 5, f.version + 1, true, &plan, NULL),
	    CFS_ECONFLICT);
	assert_int_equal(content_plan(t->s, &t->a, t->home, 0, 5, 0, true, &plan, NULL),
			 CFS_EISDIR);
}

static int
put_with(struct storetest *t, const struct put_args *a, struct inode_attr *out, uint64_t *replaced)
{
	int rc;

	st_begin(t);
	rc = content_put(t->s, &t->a, a, out, replaced, NULL);
	if (rc == 0)
		(void)st_commit(t);
	else
		store_rollback(t->s);
	return rc;
}

static void
a_put_replaces_whole(void **state)
{
	struct storetest *t = *state;
	struct content_piece p = text_piece("new content");
	struct put_args a = {.dir = t->home,
			     .name = st_str("f"),
			     .stream = t->stream.stream,
			     .make_inode = true,
			     .mode = 0600,
			     .size = 3,
			     .pieces = &p,
			     .piece_count = 1};
	struct inode_attr first, f;
	struct sha256 sum;
	uint64_t replaced, version, size;

	assert_int_equal(st_put(t, t->home, "f", "old", 3, &first), 0);
	assert_int_equal(st_link(t, st_ref(&first), t->home, "other"), 0);
	a.ino = st_ino(t);
	a.has_sum = true;
	memset(&a.sum, 7, sizeof(a.sum));
	assert_int_equal(put_with(t, &a, &f, &replaced), 0);
	assert_int_equal(replaced, 1);
	assert_int_equal(f.version, 2);
	assert_int_equal(f.mode, 0644);
	assert_int_equal(f.stored, 3);
	st_assert_content(t, st_ref(&f), "new", 3);
	st_assert_content(t, st_ref(&first), "old", 3);
	assert_int_equal(st_lookup(t, t->home, "other").nlink, 1);
	assert_int_equal(content_sum_get(t->s, &t->a, st_ref(&f), &sum, &version, &size, NULL), 1);
	assert_true(sha256_equal(&sum, &a.sum));
	assert_int_equal(truncate_to(t, &f, 1, &f), 0);
	assert_int_equal(content_sum_get(t->s, &t->a, st_ref(&f), &sum, &version, &size, NULL), 0);
	assert_int_equal(version, f.version);

	a.noclobber = true;
	a.ino = st_ino(t);
	assert_int_equal(put_with(t, &a, &f, &replaced), CFS_EEXIST);
	a.noclobber = false;
	a.check_version = true;
	a.if_version = 9;
	assert_int_equal(put_with(t, &a, &f, &replaced), CFS_ECONFLICT);
	a.if_version = 3;
	a.size = 20;
	assert_int_equal(put_with(t, &a, &f, &replaced), 0);
	st_assert_content(t, st_ref(&f), "new content\0\0\0\0\0\0\0\0\0", 20);
	/* Nothing is there that what is skipped could be. */
	a.if_version = f.version;
	a.ino = st_ino(t);
	a.size = 10;
	p.skip = 3;
	assert_int_equal(put_with(t, &a, &f, &replaced), 0);
	assert_int_equal(f.stored, 7);
	st_assert_content(t, st_ref(&f), "\0\0\0new con", 10);
	a.name = st_str("g");
	a.ino = st_ino(t);
	assert_int_equal(put_with(t, &a, &f, &replaced), CFS_ECONFLICT);
	a.if_version = 0;
	assert_int_equal(put_with(t, &a, &f, &replaced), 0);
	assert_int_equal(replaced, 0);
	/* A number in use is refused whatever else. */
	a.name = st_str("h");
	assert_int_equal(put_with(t, &a, &f, &replaced), CFS_EINVAL);
	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, NULL), 0);
	assert_int_equal(st_put(t, t->home, "d", "x", 1, NULL), CFS_EISDIR);
	st_check(t);
}

static void
an_unnamed_file_is_put(void **state)
{
	struct storetest *t = *state;
	struct create_args c = {
	    .ino = st_ino(t), .stream = t->stream.stream, .type = INODE_FILE, .mode = 0640};
	struct content_piece p = text_piece("bytes that come in pieces");
	struct put_args a = {
	    .dir = t->home, .name = st_str("f"), .ino = c.ino, .stream = t->stream.stream};
	struct sha256 sum = {{0}};
	struct inode_attr f;
	uint64_t replaced, at;

	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &c, &f, NULL), 0);
	assert_int_equal(content_write(t->s, &t->b, st_ref(&f), false, 0, 0, &p, 1, &at, &f, NULL),
			 CFS_ESTALE);
	assert_int_equal(content_write(t->s, &t->a, st_ref(&f), false, 0, 0, &p, 1, &at, &f, NULL),
			 0);
	/* Its version does not tell its states apart, so no sum of it can be kept. */
	assert_int_equal(content_sum_set(t->s, st_ref(&f), f.version, &sum, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(content_sum_get(t->s, &t->a, st_ref(&f), &sum, &replaced, &at, NULL), 0);
	st_check(t);
	a.size = 5;
	assert_int_equal(put_with(t, &a, &f, &replaced), 0);
	assert_int_equal(f.version, 1);
	assert_int_equal(f.nlink, 1);
	assert_int_equal(f.mode, 0640);
	st_assert_content(t, st_ref(&f), "bytes", 5);
	/* Once it has a name it is no unnamed file any more. */
	a.name = st_str("g");
	assert_int_equal(put_with(t, &a, &f, &replaced), CFS_EINVAL);
	st_check(t);
}

static void
copies_share_and_cross_trees(void **state)
{
	struct storetest *t = *state;
	size_t len = 200000;
	unsigned char *data = malloc(len);
	struct content_piece p[3];
	struct inode_attr f, g, mine;
	struct id128 id, found;
	struct sha256 sum;
	struct create_args c = {.type = INODE_FILE, .name = st_str("copy"), .mode = 0644};
	struct stream_state bobs;
	uint64_t copied;

	assert_non_null(data);
	rand_bytes(data, len);
	id = st_blob(t, data, (uint32_t)len);
	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	p[0] = text_piece("inline");
	p[1] = hole(1000);
	p[2] = blob_piece(&id, 0, (uint32_t)len);
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 3, &f), 0);

	assert_int_equal(st_put(t, t->home, "g", "0123456789", 10, &g), 0);
	st_begin(t);
	assert_int_equal(
	    content_copy(t->s, &t->a, st_ref(&f), 4, 2, st_ref(&g), 3, &copied, &g, NULL), 0);
	assert_int_equal(copied, 2);
	assert_int_equal(
	    content_copy(t->s, &t->a, st_ref(&f), 0, 100, st_ref(&f), 99, &copied, &f, NULL),
	    CFS_EINVAL);
	(void)st_commit(t);
	st_assert_content(t, st_ref(&g), "012ne56789", 10);

	/* Bob copies alice's file: no bytes move, and from then on he may name the blob himself. */
	assert_int_equal(sha256_once(NULL, data, len, &sum), 0);
	assert_int_equal(content_blob_find(t->s, t->bob.id, &sum, (uint32_t)len, &found, NULL), 0);
	found = id128_random();
	assert_int_equal(stream_attach(t->s, t->bob.id, &found, true, 10, &bobs, NULL), 0);
	c.dir = t->bob_home;
	c.stream = bobs.stream;
	c.ino = bobs.first_ino;
	st_begin(t);
	assert_int_equal(names_create(t->s, &t->b, &c, &mine, NULL), 0);
	assert_int_equal(content_copy(t->s, &t->a, st_ref(&f), 0, UINT64_MAX, st_ref(&mine), 0,
				      &copied, &mine, NULL),
			 CFS_EDENIED);
	assert_int_equal(content_copy(t->s, &t->b, st_ref(&f), 0, UINT64_MAX, st_ref(&mine), 0,
				      &copied, &mine, NULL),
			 0);
	(void)st_commit(t);
	assert_int_equal(copied, f.size);
	assert_int_equal(mine.stored, f.stored);
	assert_int_equal(content_blob_find(t->s, t->bob.id, &sum, (uint32_t)len, &found, NULL), 1);
	assert_true(id128_equal(&found, &id));
	size_t got;
	unsigned char *one = st_read(t, st_ref(&f), &got), *two = st_read(t, st_ref(&mine), &got);
	assert_memory_equal(one, two, got);
	free(one);
	free(two);
	free(data);
	st_check(t);
}

static void
ids_must_be_ready_and_ones_own(void **state)
{
	struct storetest *t = *state;
	struct content_piece p;
	struct inode_attr f;
	struct sha256 sum = {{1}};
	struct id128 id;

	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	assert_int_equal(content_blob_reserve(t->s, t->alice.id, 1, &id, NULL), 0);
	p = blob_piece(&id, 0, 10);
	assert_int_equal(st_write(t, st_ref(&f), 0, &p, 1, NULL), CFS_EBLOBGONE);
	st_begin(t);
	assert_int_equal(content_blob_ready(t->s, t->bob.id, &id, &sum, 10, 10, NULL),
			 CFS_EBLOBGONE);
	store_rollback(t->s);
	assert_int_equal(content_blob_reserve(t->s, t->bob.id, 1, &id, NULL), 0);
	st_begin(t);
	assert_int_equal(content_blob_ready(t->s, t->bob.id, &id, &sum, 10, 10, NULL), 0);
	p = blob_piece(&id, 0, 10);
	assert_int_equal(st_write(t, st_ref(&f), 0, &p, 1, NULL), CFS_EBLOBGONE);
	store_rollback(t->s);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(writes_replace_ranges),          TEST(blobs_are_shared_and_cut),
	    TEST(truncation_cuts_and_grows),      TEST(appending_small_pieces_makes_few_extents),
	    TEST(plans_end_where_they_should),    TEST(a_put_replaces_whole),
	    TEST(an_unnamed_file_is_put),         TEST(copies_share_and_cross_trees),
	    TEST(ids_must_be_ready_and_ones_own),
	};
#undef TEST

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("content: memory", storetest_memory_setup);

	failed += run("content: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

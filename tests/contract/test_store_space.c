/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extended attributes, holes, groups that directories hand on, and files that are open without a name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/impl.h"
#include "store/xattr.h"
#include "storetest.h"

static int
set(struct storetest *t, const struct cred *cred, struct inode_ref ref, const char *name,
    const void *value, size_t len, unsigned flags)
{
	struct inode_attr attr;

	st_begin(t);
	int rc = xattr_set(t->s, cred, ref, st_str(name), (struct bytes_view){value, len}, flags,
			   &attr, NULL);
	if (rc == 0)
		st_commit(t);
	else
		store_rollback(t->s);
	return rc;
}

static int
unset(struct storetest *t, struct inode_ref ref, const char *name)
{
	struct inode_attr attr;

	st_begin(t);
	int rc = xattr_remove(t->s, &t->a, ref, st_str(name), &attr, NULL);
	st_commit(t);
	return rc;
}

/* Asserts that the attribute has this value; NULL: that it is not there. */
static void
assert_xattr(struct storetest *t, struct inode_ref ref, const char *name, const char *value)
{
	struct buf out = BUF_INIT;
	int rc = xattr_get(t->s, &t->a, ref, st_str(name), &out, NULL);

	assert_int_equal(rc, value != NULL ? 0 : CFS_ENODATA);
	if (value != NULL) {
		assert_int_equal(out.len, strlen(value));
		assert_memory_equal(out.data, value, out.len);
	}
	buf_fini(&out);
}

static void
attributes_are_kept_and_counted(void **state)
{
	struct storetest *t = *state;
	struct buf names = BUF_INIT;
	struct store_space before, after;
	struct inode_attr f;

	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	assert_int_equal(store_statfs(t->s, &t->a, &before, NULL), 0);
	assert_int_equal(set(t, &t->a, st_ref(&f), "user.b", "two", 3, 0), 0);
	assert_int_equal(set(t, &t->a, st_ref(&f), "user.a", "", 0, XATTR_SET_CREATE), 0);
	assert_int_equal(store_statfs(t->s, &t->a, &after, NULL), 0);
	assert_int_equal(after.used_bytes - before.used_bytes, 2 * strlen("user.a") + 3);
	assert_int_equal(xattr_list(t->s, &t->a, st_ref(&f), &names, NULL), 0);
	assert_int_equal(names.len, 14);
	assert_memory_equal(names.data, "user.a\0user.b", 14);
	buf_fini(&names);
	assert_xattr(t, st_ref(&f), "user.a", "");
	assert_xattr(t, st_ref(&f), "user.b", "two");
	st_check(t);
	assert_int_equal(unset(t, st_ref(&f), "user.a"), 0);
	assert_int_equal(unset(t, st_ref(&f), "user.a"), CFS_ENODATA);
	assert_xattr(t, st_ref(&f), "user.a", NULL);
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	st_check(t);
}

static void
attributes_are_checked(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f, fifo;
	struct inode_ref ref;
	char longest[257];
	char *value = calloc(1, STORE_XATTR_VALUE_MAX + 1);

	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	ref = st_ref(&f);
	memset(longest, 'n', sizeof(longest));
	memcpy(longest, "user.", 5);
	longest[256] = '\0';
	assert_int_equal(set(t, &t->a, ref, longest, "v", 1, 0), CFS_ERANGE);
	longest[255] = '\0';
	assert_int_equal(set(t, &t->a, ref, longest, "v", 1, 0), 0);
	assert_int_equal(set(t, &t->a, ref, "user.", "v", 1, 0), CFS_EINVAL);
	assert_int_equal(set(t, &t->a, ref, "trusted.x", "v", 1, 0), CFS_EUNSUPPORTED);
	assert_int_equal(set(t, &t->a, ref, "user.cfs.owner", "v", 1, 0), CFS_EPERM);
	assert_int_equal(set(t, &t->a, ref, "user.v", value, STORE_XATTR_VALUE_MAX + 1, 0),
			 CFS_EFBIG);
	assert_int_equal(set(t, &t->a, ref, "user.v", value, STORE_XATTR_VALUE_MAX, 0), 0);
	assert_int_equal(set(t, &t->a, ref, "user.v", "v", 1, XATTR_SET_CREATE), CFS_EEXIST);
	assert_int_equal(set(t, &t->a, ref, "user.w", "v", 1, XATTR_SET_REPLACE), CFS_ENODATA);
	assert_int_equal(set(t, &t->b, ref, "user.w", "v", 1, 0), CFS_EDENIED);
	assert_int_equal(st_create(t, t->home, "p", INODE_FIFO, &fifo), 0);
	assert_int_equal(set(t, &t->a, st_ref(&fifo), "user.w", "v", 1, 0), CFS_EPERM);
	free(value);
	st_check(t);
}

static void
attributes_of_one_file_have_a_limit(void **state)
{
	struct storetest *t = *state;
	char *value = calloc(1, STORE_XATTR_VALUE_MAX);
	struct inode_attr f;
	char name[250];
	int n = 0, rc = 0;

	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	for (; n < 20 && rc == 0; n++) {
		(void)snprintf(name, sizeof(name), "user.%d", n);
		rc = set(t, &t->a, st_ref(&f), name, value, STORE_XATTR_VALUE_MAX, 0);
	}
	assert_int_equal(rc, CFS_ENOSPC);
	assert_int_equal(n, STORE_XATTR_BYTES_MAX / STORE_XATTR_VALUE_MAX);
	assert_int_equal(st_put(t, t->home, "g", "x", 1, &f), 0);
	for (n = 0, rc = 0; n < 400 && rc == 0; n++) {
		(void)snprintf(name, sizeof(name), "user.%0240d", n);
		rc = set(t, &t->a, st_ref(&f), name, "", 0, 0);
	}
	assert_int_equal(rc, CFS_ENOSPC);
	assert_int_equal(n, 1 + STORE_XATTR_LIST_MAX / 246);
	free(value);
	st_check(t);
}

static void
attributes_stay_with_a_name_that_is_put_over(void **state)
{
	struct storetest *t = *state;
	struct inode_attr old, new;

	assert_int_equal(st_put(t, t->home, "f", "old", 3, &old), 0);
	assert_int_equal(set(t, &t->a, st_ref(&old), "user.a", "kept", 4, 0), 0);
	assert_int_equal(st_put(t, t->home, "f", "new", 3, &new), 0);
	assert_int_not_equal(new.ino, old.ino);
	assert_xattr(t, st_ref(&new), "user.a", "kept");
	/* The old one has its own in the attic. */
	assert_int_equal(unset(t, st_ref(&new), "user.a"), 0);
	assert_xattr(t, st_ref(&old), "user.a", "kept");
	st_check(t);
}

static void
attributes_go_with_directories(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, e;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_create(t, t->home, "e", INODE_DIR, &e), 0);
	assert_int_equal(set(t, &t->a, st_ref(&d), "user.a", "1", 1, 0), 0);
	assert_int_equal(set(t, &t->a, st_ref(&e), "user.a", "2", 1, 0), 0);
	assert_int_equal(st_rename(t, t->home, "d", t->home, "e"), 0);
	assert_xattr(t, st_ref(&d), "user.a", "1");
	st_check(t);
	assert_int_equal(st_unlink(t, t->home, "e", true), 0);
	st_check(t);
}

static uint64_t
seek(struct storetest *t, struct inode_ref ref, uint64_t from, bool hole)
{
	uint64_t at = 0;
	int rc = content_seek(t->s, &t->a, ref, from, hole, &at, NULL);

	assert_true(rc == 0 || rc == CFS_ENXIO);
	return rc == 0 ? at : UINT64_MAX;
}

static void
data_and_holes_are_found(void **state)
{
	struct storetest *t = *state;
	struct content_piece pieces[] = {
	    {.kind = PIECE_HOLE, .length = 100},
	    {.kind = PIECE_INLINE,
	     .length = 50,
	     .data = "............................................................"},
	    {.kind = PIECE_INLINE,
	     .length = 50,
	     .data = "............................................................"},
	    {.kind = PIECE_HOLE, .length = 100},
	    {.kind = PIECE_INLINE, .length = 10, .data = "............"},
	    {.kind = PIECE_HOLE, .length = 90},
	};
	struct inode_attr f;
	struct inode_ref ref;

	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	ref = st_ref(&f);
	assert_int_equal(seek(t, ref, 0, true), UINT64_MAX);
	assert_int_equal(st_write(t, ref, 0, pieces, 6, NULL), 0);
	assert_int_equal(seek(t, ref, 0, false), 100);
	assert_int_equal(seek(t, ref, 120, false), 120);
	assert_int_equal(seek(t, ref, 200, false), 300);
	assert_int_equal(seek(t, ref, 310, false), UINT64_MAX);
	assert_int_equal(seek(t, ref, 0, true), 0);
	assert_int_equal(seek(t, ref, 100, true), 200);
	assert_int_equal(seek(t, ref, 199, true), 200);
	assert_int_equal(seek(t, ref, 305, true), 310);
	assert_int_equal(seek(t, ref, 399, true), 399);
	assert_int_equal(seek(t, ref, 400, true), UINT64_MAX);
}

static void
assert_part(const struct content_map *m, size_t i, int kind, uint64_t length, uint32_t blob_offset)
{
	assert_true(i < m->count);
	assert_int_equal(m->parts[i].kind, kind);
	assert_int_equal(m->parts[i].length, length);
	assert_int_equal(m->parts[i].blob_offset, blob_offset);
}

static void
blobs_are_told(void **state)
{
	struct storetest *t = *state;
	unsigned char bytes[40000] = {1};
	struct id128 blob = st_blob(t, bytes, sizeof(bytes));
	struct content_piece pieces[] = {
	    {.kind = PIECE_BLOB, .length = 39000, .blob = blob, .blob_offset = 1000},
	    {.kind = PIECE_HOLE, .length = 1000},
	    {.kind = PIECE_INLINE, .length = 50, .data = bytes},
	    {.kind = PIECE_BLOB, .length = 950, .blob = blob},
	    {.kind = PIECE_HOLE, .length = 7},
	};
	struct content_map m;
	struct inode_attr f;

	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	assert_int_equal(content_map(t->s, &t->a, st_ref(&f), 0, UINT64_MAX, &m, NULL), 0);
	assert_int_equal(m.count, 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, pieces, 5, &f), 0);
	assert_int_equal(content_map(t->s, &t->a, st_ref(&f), 0, UINT64_MAX, &m, NULL), 0);
	assert_int_equal(m.attr.version, f.version);
	assert_int_equal(m.count, 5);
	assert_part(&m, 0, MAP_BLOB, 39000, 1000);
	assert_true(id128_equal(&m.parts[0].blob, &blob));
	assert_part(&m, 1, MAP_HOLE, 1000, 0);
	assert_part(&m, 2, MAP_INLINE, 50, 0);
	assert_part(&m, 3, MAP_BLOB, 950, 0);
	assert_part(&m, 4, MAP_HOLE, 7, 0);
	free(m.parts);
	assert_int_equal(content_map(t->s, &t->a, st_ref(&f), 500, 39000, &m, NULL), 0);
	assert_int_equal(m.count, 2);
	assert_part(&m, 0, MAP_BLOB, 38500, 1500);
	assert_part(&m, 1, MAP_HOLE, 500, 0);
	free(m.parts);
	assert_int_equal(content_map(t->s, &t->a, st_ref(&f), 41007, 1, &m, NULL), 0);
	assert_int_equal(m.count, 0);
	assert_int_equal(
	    content_map(t->s, &t->a, (struct inode_ref){.ino = 999999}, 0, 1, &m, NULL),
	    CFS_ESTALE);
	assert_null(m.parts);
}

/* A map has so many parts; what is behind them is asked for anew. */
static void
maps_are_bounded(void **state)
{
	struct storetest *t = *state;
	struct content_piece piece = {.kind = PIECE_INLINE, .length = 1, .data = "x"};
	struct content_map m;
	struct inode_attr f;
	uint64_t covered = 0;

	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	st_begin(t);
	for (uint64_t i = 0; i < CONTENT_MAP_MAX; i++)
		assert_int_equal(content_write(t->s, &t->a, st_ref(&f), false, 3 * i + 1, 0, &piece,
					       1, &(uint64_t){0}, &f, NULL),
				 0);
	st_commit(t);
	assert_int_equal(content_map(t->s, &t->a, st_ref(&f), 0, UINT64_MAX, &m, NULL), 0);
	assert_in_range(m.count, CONTENT_MAP_MAX - 2, CONTENT_MAP_MAX);
	for (size_t i = 0; i < m.count; i++) {
		assert_int_equal(m.parts[i].kind, covered % 3 == 1 ? MAP_INLINE : MAP_HOLE);
		covered += m.parts[i].length;
	}
	free(m.parts);
	assert_int_equal(content_map(t->s, &t->a, st_ref(&f), covered, UINT64_MAX, &m, NULL), 0);
	for (size_t i = 0; i < m.count; i++)
		covered += m.parts[i].length;
	free(m.parts);
	assert_true(covered >= f.size - 10);
}

static int
allocate(struct storetest *t, struct inode_ref ref, bool clear, bool keep, uint64_t at, uint64_t n,
	 struct inode_attr *out)
{
	st_begin(t);
	int rc = content_allocate(t->s, &t->a, ref, clear, keep, at, n, out, NULL);
	st_commit(t);
	return rc;
}

static void
ranges_are_cleared_and_files_grow(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f, g;
	struct inode_ref ref;

	assert_int_equal(st_put(t, t->home, "f", "0123456789", 10, &f), 0);
	ref = st_ref(&f);
	assert_int_equal(allocate(t, ref, true, true, 2, 3, &g), 0);
	assert_int_equal(g.size, 10);
	assert_int_equal(g.stored, 7);
	assert_int_equal(g.version, f.version + 1);
	st_assert_content(t, ref,
			  "01\0\0\0"
			  "56789",
			  10);
	/* Nothing left to clear: no new version. */
	assert_int_equal(allocate(t, ref, true, true, 2, 3, &g), 0);
	assert_int_equal(g.version, f.version + 1);
	assert_int_equal(allocate(t, ref, false, true, 0, 100, &g), 0);
	assert_int_equal(g.size, 10);
	assert_int_equal(allocate(t, ref, true, false, 8, 4, &g), 0);
	assert_int_equal(g.size, 12);
	st_assert_content(t, ref,
			  "01\0\0\0"
			  "567\0\0\0\0",
			  12);
	assert_int_equal(allocate(t, ref, false, false, 0, 14, &g), 0);
	assert_int_equal(g.size, 14);
	assert_int_equal(allocate(t, ref, false, false, 0, 0, &g), CFS_EINVAL);
	assert_int_equal(allocate(t, ref, false, false, UINT64_MAX, 2, &g), CFS_EFBIG);
	st_check(t);
}

static void
setgid_directories_hand_on_their_group(void **state)
{
	struct storetest *t = *state;
	struct setattr_args a = {.valid = SETATTR_MODE | SETATTR_GID, .mode = 02755, .gid = 77};
	struct inode_attr d, f, e;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	a.ref = st_ref(&d);
	st_begin(t);
	assert_int_equal(names_setattr(t->s, &t->a, &a, &d, NULL), 0);
	st_commit(t);
	assert_int_equal(st_create(t, st_ref(&d), "f", INODE_FILE, &f), 0);
	assert_int_equal(st_create(t, st_ref(&d), "e", INODE_DIR, &e), 0);
	assert_int_equal(f.gid, 77);
	assert_int_equal(f.mode & S_ISGID, 0);
	assert_int_equal(e.gid, 77);
	assert_int_equal(e.mode & S_ISGID, S_ISGID);
}

#define HOUR_NS (INT64_C(3600) * 1000000000)

static int
hold(struct storetest *t, struct inode_ref ref)
{
	st_begin(t);
	int rc = content_hold(t->s, &t->a, ref, NULL);
	st_commit(t);
	return rc;
}

static void
a_file_without_a_name_stays_while_it_is_held(void **state)
{
	struct storetest *t = *state;
	struct inode_attr held, other, a;

	assert_int_equal(st_put(t, t->home, "held", "x", 1, &held), 0);
	assert_int_equal(st_put(t, t->home, "other", "y", 1, &other), 0);
	assert_int_equal(hold(t, st_ref(&held)), 0);
	assert_int_equal(st_unlink(t, t->home, "held", false), 0);
	assert_int_equal(st_unlink(t, t->home, "other", false), 0);
	for (int i = 1; i <= 4; i++) {
		t->s->clock_shift_ns = i * HOUR_NS * 2 / 3;
		assert_int_equal(hold(t, st_ref(&held)), 0);
		st_keep(t);
		st_assert_content(t, st_ref(&held), "x", 1);
	}
	assert_int_equal(names_getattr(t->s, &t->a, st_ref(&other), &a, NULL), CFS_ESTALE);
	t->s->clock_shift_ns = 5 * HOUR_NS;
	/* The hold goes in one round, the file in the next. */
	st_keep(t);
	st_keep(t);
	assert_int_equal(names_getattr(t->s, &t->a, st_ref(&held), &a, NULL), CFS_ESTALE);
	st_check(t);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(attributes_are_kept_and_counted),
	    TEST(attributes_are_checked),
	    TEST(attributes_of_one_file_have_a_limit),
	    TEST(attributes_stay_with_a_name_that_is_put_over),
	    TEST(attributes_go_with_directories),
	    TEST(data_and_holes_are_found),
	    TEST(blobs_are_told),
	    TEST(maps_are_bounded),
	    TEST(ranges_are_cleared_and_files_grow),
	    TEST(setgid_directories_hand_on_their_group),
	    TEST(a_file_without_a_name_stays_while_it_is_held),
	};
#undef TEST

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("space: memory", storetest_memory_setup);

	failed += run("space: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The namespace: what it promises, over every kind of store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storetest.h"

static int
lookup_code(struct storetest *t, struct inode_ref dir, const char *name)
{
	struct inode_attr attr;

	return names_lookup(t->s, &t->a, dir, st_str(name), &attr, NULL);
}

static void
directories_count_what_is_in_them(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, e, home;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_create(t, st_ref(&d), "e", INODE_DIR, &e), 0);
	assert_int_equal(st_put(t, st_ref(&d), "f", "x", 1, NULL), 0);
	d = st_lookup(t, t->home, "d");
	assert_int_equal(d.size, 2);
	assert_int_equal(d.nlink, 3);
	assert_int_equal(st_unlink(t, t->home, "d", true), CFS_ENOTEMPTY);
	assert_int_equal(st_unlink(t, t->home, "d", false), CFS_EISDIR);
	assert_int_equal(st_unlink(t, st_ref(&d), "f", true), CFS_ENOTDIR);
	assert_int_equal(st_unlink(t, st_ref(&d), "f", false), 0);
	assert_int_equal(st_unlink(t, st_ref(&d), "e", true), 0);
	assert_int_equal(st_unlink(t, t->home, "d", true), 0);
	assert_int_equal(names_getattr(t->s, &t->a, t->home, &home, NULL), 0);
	assert_int_equal(home.size, 0);
	assert_int_equal(home.nlink, 2);
	assert_int_equal(st_create(t, st_ref(&d), "late", INODE_FILE, NULL), CFS_ESTALE);
	st_check(t);
}

static void
names_are_bytes_and_checked(void **state)
{
	struct storetest *t = *state;
	char longest[257];

	memset(longest, 'n', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(st_put(t, t->home, longest, "x", 1, NULL), CFS_ENAMETOOLONG);
	longest[255] = '\0';
	assert_int_equal(st_put(t, t->home, longest, "x", 1, NULL), 0);
	assert_int_equal(st_put(t, t->home, "new\nline \"q\" \xff\xfe", "x", 1, NULL), 0);
	assert_int_equal(lookup_code(t, t->home, "new\nline \"q\" \xff\xfe"), 0);
	assert_int_equal(st_put(t, t->home, "..", "x", 1, NULL), CFS_EBADNAME);
	assert_int_equal(st_put(t, t->home, "a/b", "x", 1, NULL), CFS_EBADNAME);
	assert_int_equal(st_put(t, t->home, "", "x", 1, NULL), CFS_EBADNAME);
	assert_int_equal(st_put(t, t->home, ".versions", "x", 1, NULL), CFS_EBADNAME);
	st_check(t);
}

static void
only_the_owner_changes_a_tree(void **state)
{
	struct storetest *t = *state;
	struct setattr_args chmod_args = {.ref = t->bob_home, .valid = SETATTR_MODE};
	struct inode_attr attr, d;

	assert_int_equal(st_put(t, t->bob_home, "f", "x", 1, NULL), CFS_EDENIED);
	assert_int_equal(st_create(t, t->bob_home, "d", INODE_DIR, NULL), CFS_EDENIED);
	assert_int_equal(st_create(t, (struct inode_ref){STORE_ROOT_INO, 1}, "d", INODE_DIR, NULL),
			 CFS_EDENIED);
	st_begin(t);
	assert_int_equal(names_setattr(t->s, &t->a, &chmod_args, &attr, NULL), CFS_EDENIED);
	store_rollback(t->s);
	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(names_lookup(t->s, &t->b, t->home, st_str("d"), &attr, NULL), 0);
	st_begin(t);
	assert_int_equal(names_rename(t->s, &t->admin, t->home, st_str("d"), t->bob_home,
				      st_str("d"), false, false, &attr, NULL),
			 CFS_EXDEV);
	store_rollback(t->s);
}

static int
count_entry(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	(void)cookie;
	(void)name;
	(void)attr;
	++*(unsigned *)arg;
	return 0;
}

struct names {
	char all[400];
	unsigned room;
};

static int
take_name(void *arg, struct bytes_view name, enum inode_type type)
{
	struct names *n = arg;
	size_t at = strlen(n->all);

	if (n->room == 0)
		return 1;
	n->room--;
	(void)snprintf(n->all + at, sizeof(n->all) - at, "%.*s%s|", (int)name.len,
		       (const char *)name.data, type == INODE_DIR ? "/" : "");
	return 0;
}

/* The names behind after, room of them at most, each with a bar behind it; and a star at the end. */
static const char *
names_of(struct storetest *t, const struct cred *cred, struct inode_ref dir, const char *prefix,
	 const char *after, unsigned room)
{
	static struct names n;
	bool eof;

	n = (struct names){.room = room};
	assert_int_equal(
	    names_list(t->s, cred, dir, st_str(prefix), st_str(after), take_name, &n, &eof, NULL),
	    0);
	if (eof)
		strcat(n.all, "*");
	return n.all;
}

static void
names_are_found_by_what_they_begin_with(void **state)
{
	struct storetest *t = *state;
	static const char *const files[] = {"b\xff", "ab",         "b\xff\xff", "a",
					    "b",     "b\xff\xffz", "c",         "abc"};

	assert_string_equal(names_of(t, &t->a, t->home, "", "", 9), "*");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		assert_int_equal(st_put(t, t->home, files[i], "x", 1, NULL), 0);
	assert_int_equal(st_create(t, t->home, "ab.d", INODE_DIR, NULL), 0);
	assert_string_equal(names_of(t, &t->a, t->home, "", "", 20),
			    "a|ab|ab.d/|abc|b|b\xff|b\xff\xff|b\xff\xffz|c|*");
	assert_string_equal(names_of(t, &t->a, t->home, "ab", "", 20), "ab|ab.d/|abc|*");
	assert_string_equal(names_of(t, &t->a, t->home, "b\xff\xff", "", 20),
			    "b\xff\xff|b\xff\xffz|*");
	assert_string_equal(names_of(t, &t->a, t->home, "abcd", "", 20), "*");
	assert_string_equal(names_of(t, &t->a, t->home, "\xff", "", 20), "*");
	/* In pages; the name that a page ended with may be gone. */
	assert_string_equal(names_of(t, &t->a, t->home, "a", "", 2), "a|ab|");
	assert_string_equal(names_of(t, &t->a, t->home, "a", "ab", 2), "ab.d/|abc|*");
	assert_string_equal(names_of(t, &t->a, t->home, "a", "aa", 2), "ab|ab.d/|");
	assert_string_equal(names_of(t, &t->a, t->home, "a", "abc", 2), "*");
	assert_string_equal(names_of(t, &t->a, t->home, "b", "a", 1), "b|");
	assert_string_equal(names_of(t, &t->a, t->home, "a", "b", 1), "*");
}

/* Whatever became of an entry after it was made. */
static void
listed_names_have_the_types_of_what_they_name(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, f, attr;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	assert_int_equal(st_put(t, t->home, "g", "y", 1, NULL), 0);
	assert_int_equal(st_create(t, t->home, "e", INODE_DIR, NULL), 0);
	st_begin(t);
	assert_int_equal(names_rename(t->s, &t->a, t->home, st_str("d"), t->home, st_str("f"),
				      false, true, &attr, NULL),
			 0);
	(void)st_commit(t);
	assert_string_equal(names_of(t, &t->a, t->home, "", "", 9), "d|e/|f/|g|*");
	assert_int_equal(st_put(t, t->home, "g", "z", 1, NULL), 0);
	assert_int_equal(st_link(t, st_ref(&f), st_ref(&d), "link"), 0);
	assert_int_equal(st_rename(t, t->home, "e", st_ref(&d), "moved"), 0);
	assert_int_equal(st_unlink(t, t->home, "d", false), 0);
	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, NULL), 0);
	assert_string_equal(names_of(t, &t->a, t->home, "", "", 9), "d/|f/|g|*");
	assert_string_equal(names_of(t, &t->a, st_ref(&d), "", "", 9), "link|moved/|*");
}

static void
a_private_tree_does_not_exist_for_others(void **state)
{
	struct storetest *t = *state;
	struct cred c = {.user = t->bob.id, .trees_private = true};
	struct inode_ref root = {STORE_ROOT_INO, 1};
	struct walk_result w;
	struct inode_attr attr;
	uint64_t parent;
	unsigned seen = 0;
	bool eof;

	assert_int_equal(st_put(t, t->home, "f", "x", 1, &attr), 0);
	assert_int_equal(names_lookup(t->s, &c, root, st_str("alice"), &attr, NULL), CFS_ENOENT);
	assert_int_equal(names_lookup(t->s, &c, t->home, st_str("f"), &attr, NULL), CFS_ENOENT);
	assert_int_equal(names_getattr(t->s, &c, t->home, &attr, NULL), CFS_ENOENT);
	assert_int_equal(names_walk(t->s, &c, root, st_str("/alice/f"), false, false, &w, NULL),
			 CFS_ENOENT);
	assert_int_equal(names_readdir(t->s, &c, root, 0, count_entry, &seen, &eof, &parent, NULL),
			 0);
	assert_int_equal(seen, 1);
	assert_string_equal(names_of(t, &c, root, "", "", 9), "bob/|*");
	assert_string_equal(names_of(t, &t->b, root, "", "", 9), "alice/|bob/|*");
	seen = 0;
	assert_int_equal(
	    names_readdir(t->s, &t->b, root, 0, count_entry, &seen, &eof, &parent, NULL), 0);
	assert_int_equal(seen, 2);
	assert_true(eof);
}

static void
make_link(struct storetest *t, struct inode_ref dir, const char *name, const char *target)
{
	struct create_args a = {.dir = dir,
				.name = st_str(name),
				.ino = st_ino(t),
				.stream = t->stream.stream,
				.type = INODE_SYMLINK,
				.mode = 0777,
				.target = st_str(target)};
	struct inode_attr attr;

	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &a, &attr, NULL), 0);
	assert_int_equal(attr.size, strlen(target));
	(void)st_commit(t);
}

static int
walk(struct storetest *t, const char *path, bool nofollow, bool absent_ok, struct walk_result *w)
{
	return names_walk(t->s, &t->a, t->home, st_str(path), nofollow, absent_ok, w, NULL);
}

static void
walks_follow_links(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, f;
	struct walk_result w;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_put(t, st_ref(&d), "f", "hello", 5, &f), 0);
	make_link(t, t->home, "abs", "/alice/d");
	make_link(t, st_ref(&d), "up", "../d/./f");
	make_link(t, t->home, "loop", "loop");
	make_link(t, t->home, "dangling", "d/none");

	assert_int_equal(walk(t, "abs/up", false, false, &w), 0);
	assert_true(w.found);
	assert_int_equal(w.attr.ino, f.ino);
	assert_int_equal(w.parent.ino, d.ino);
	assert_int_equal(w.name_len, 1);
	assert_int_equal(walk(t, "abs/up", true, false, &w), 0);
	assert_int_equal(w.attr.type, INODE_SYMLINK);
	assert_int_equal(walk(t, "loop", false, false, &w), CFS_ELOOP);
	assert_int_equal(walk(t, "loop", true, false, &w), 0);
	assert_int_equal(walk(t, "dangling", false, true, &w), 0);
	assert_false(w.found);
	assert_int_equal(w.parent.ino, d.ino);
	assert_memory_equal(w.name, "none", 4);
	assert_int_equal(walk(t, "none/x", false, true, &w), CFS_ENOENT);
	assert_int_equal(walk(t, "d/f/x", false, true, &w), CFS_ENOTDIR);
	assert_int_equal(walk(t, "d/f/", false, false, &w), CFS_ENOTDIR);
	assert_int_equal(walk(t, "d//./../../../bob/..", false, false, &w), 0);
	assert_int_equal(w.attr.ino, STORE_ROOT_INO);
	assert_int_equal(w.parent.ino, 0);
	assert_int_equal(walk(t, "", false, false, &w), 0);
	assert_int_equal(w.attr.ino, t->home.ino);
	assert_int_equal(w.parent.ino, STORE_ROOT_INO);
	assert_memory_equal(w.name, "alice", 5);
	assert_int_equal(walk(t, "d/.", false, false, &w), 0);
	assert_int_equal(w.attr.ino, d.ino);
	assert_memory_equal(w.name, "d", 1);
}

static void
rename_does_what_the_manual_says(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, e, f, g, attr;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_create(t, st_ref(&d), "e", INODE_DIR, &e), 0);
	assert_int_equal(st_put(t, t->home, "f", "ff", 2, &f), 0);
	assert_int_equal(st_put(t, st_ref(&d), "g", "ggg", 3, &g), 0);

	assert_int_equal(st_rename(t, t->home, "d", st_ref(&e), "x"), CFS_EINVAL);
	assert_int_equal(st_rename(t, t->home, "d", st_ref(&d), "x"), CFS_EINVAL);
	assert_int_equal(st_rename(t, t->home, "f", t->home, "d"), CFS_EISDIR);
	assert_int_equal(st_rename(t, st_ref(&d), "e", t->home, "f"), CFS_ENOTDIR);
	assert_int_equal(st_rename(t, t->home, "none", t->home, "x"), CFS_ENOENT);
	assert_int_equal(st_rename(t, t->home, "f", t->home, "f"), 0);

	/* Over another: that one goes, its inode still answers those who have it open. */
	assert_int_equal(st_rename(t, t->home, "f", st_ref(&d), "g"), 0);
	attr = st_lookup(t, st_ref(&d), "g");
	assert_int_equal(attr.ino, f.ino);
	assert_int_equal(lookup_code(t, t->home, "f"), CFS_ENOENT);
	assert_int_equal(names_getattr(t->s, &t->a, st_ref(&g), &attr, NULL), 0);
	assert_int_equal(attr.nlink, 0);
	st_assert_content(t, st_ref(&g), "ggg", 3);

	/* A directory over an empty one, and across: the counts follow. */
	assert_int_equal(st_create(t, t->home, "empty", INODE_DIR, NULL), 0);
	assert_int_equal(st_rename(t, st_ref(&d), "e", t->home, "empty"), 0);
	assert_int_equal(st_lookup(t, t->home, "empty").ino, e.ino);
	assert_int_equal(st_rename(t, t->home, "empty", t->home, "d"), CFS_ENOTEMPTY);

	st_begin(t);
	assert_int_equal(names_rename(t->s, &t->a, t->home, st_str("empty"), st_ref(&d),
				      st_str("g"), true, false, &attr, NULL),
			 CFS_EEXIST);
	assert_int_equal(names_rename(t->s, &t->a, t->home, st_str("empty"), st_ref(&d),
				      st_str("g"), false, true, &attr, NULL),
			 0);
	(void)st_commit(t);
	assert_int_equal(st_lookup(t, t->home, "empty").ino, f.ino);
	assert_int_equal(st_lookup(t, st_ref(&d), "g").ino, e.ino);
	st_check(t);
}

static void
hard_links_are_one_file(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, f;
	char path[64];

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	assert_int_equal(st_link(t, st_ref(&f), st_ref(&d), "g"), 0);
	assert_int_equal(st_link(t, st_ref(&f), st_ref(&d), "g"), CFS_EEXIST);
	assert_int_equal(st_link(t, st_ref(&d), t->home, "dd"), CFS_EPERM);
	assert_int_equal(st_lookup(t, st_ref(&d), "g").nlink, 2);
	st_check(t);
	assert_int_equal(st_rename(t, t->home, "f", st_ref(&d), "g"), 0);
	assert_int_equal(st_lookup(t, t->home, "f").nlink, 2);
	assert_int_equal(st_rename(t, st_ref(&d), "g", t->home, "h"), 0);
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	st_check(t);
	assert_int_equal(names_path(t->s, f.ino, path, sizeof(path), NULL), 0);
	assert_string_equal(path, "/alice/h");
	assert_int_equal(st_put(t, t->home, "h", "yy", 2, NULL), 0);
	assert_int_equal(st_link(t, st_ref(&f), t->home, "back"), CFS_ENOENT);
	st_check(t);
}

static void
paths_are_told(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, f;
	char path[64], small[16];

	assert_int_equal(st_create(t, t->home, "dir", INODE_DIR, &d), 0);
	assert_int_equal(st_put(t, st_ref(&d), "file-with-a-name", "x", 1, &f), 0);
	assert_int_equal(names_path(t->s, f.ino, path, sizeof(path), NULL), 0);
	assert_string_equal(path, "/alice/dir/file-with-a-name");
	assert_int_equal(names_path(t->s, STORE_ROOT_INO, path, sizeof(path), NULL), 0);
	assert_string_equal(path, "/");
	assert_int_equal(names_path(t->s, d.ino, small, sizeof(small), NULL), 0);
	assert_string_equal(small, "/alice/dir");
	assert_int_equal(names_path(t->s, f.ino, small, sizeof(small), NULL), 0);
	assert_memory_equal(small, "…", 3);
}

static void
numbers_come_from_the_streams_range(void **state)
{
	struct storetest *t = *state;
	struct create_args a = {.dir = t->home,
				.name = st_str("f"),
				.ino = t->end_ino,
				.stream = t->stream.stream,
				.type = INODE_FILE};
	struct inode_attr attr;

	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &a, &attr, NULL), CFS_EINVAL);
	store_rollback(t->s);
	a.ino = st_ino(t);
	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &a, &attr, NULL), 0);
	(void)st_commit(t);
	a.name = st_str("g");
	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &a, &attr, NULL), CFS_EINVAL);
	store_rollback(t->s);
	a.stream = id128_random();
	a.ino = st_ino(t);
	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &a, &attr, NULL), CFS_EINVAL);
	store_rollback(t->s);
}

static void
what_was_rolled_back_never_was(void **state)
{
	struct storetest *t = *state;
	struct store_space before, after;
	struct inode_attr f;

	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	assert_int_equal(store_statfs(t->s, &t->a, &before, NULL), 0);
	st_need_ino(t);
	st_begin(t);
	assert_int_equal(st_put(t, t->home, "g", "yyy", 3, NULL), 0);
	assert_int_equal(st_link(t, st_ref(&f), t->home, "h"), 0);
	assert_int_equal(store_statfs(t->s, &t->a, &after, NULL), 0);
	assert_int_equal(after.used_bytes, before.used_bytes + 3);
	store_rollback(t->s);
	assert_int_equal(store_statfs(t->s, &t->a, &after, NULL), 0);
	assert_int_equal(after.used_bytes, before.used_bytes);
	assert_int_equal(after.files, before.files);
	assert_int_equal(lookup_code(t, t->home, "g"), CFS_ENOENT);
	assert_int_equal(st_link(t, st_ref(&f), t->home, "h"), 0);
	st_check(t);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(directories_count_what_is_in_them),
	    TEST(names_are_bytes_and_checked),
	    TEST(only_the_owner_changes_a_tree),
	    TEST(a_private_tree_does_not_exist_for_others),
	    TEST(names_are_found_by_what_they_begin_with),
	    TEST(listed_names_have_the_types_of_what_they_name),
	    TEST(walks_follow_links),
	    TEST(rename_does_what_the_manual_says),
	    TEST(hard_links_are_one_file),
	    TEST(paths_are_told),
	    TEST(numbers_come_from_the_streams_range),
	    TEST(what_was_rolled_back_never_was),
	};
#undef TEST

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("names: memory", storetest_memory_setup);

	failed += run("names: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/path.h"

static void
names_are_checked(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(name_check(name, 255), 0);
	assert_int_equal(name_check(name, 256), CFS_ENAMETOOLONG);
	assert_int_equal(name_check("", 0), CFS_EBADNAME);
	assert_int_equal(name_check(".", 1), CFS_EBADNAME);
	assert_int_equal(name_check("..", 2), CFS_EBADNAME);
	assert_int_equal(name_check(".versions", 9), CFS_EBADNAME);
	assert_int_equal(name_check("a/b", 3), CFS_EBADNAME);
	assert_int_equal(name_check("a\0b", 3), CFS_EBADNAME);
	assert_int_equal(name_check("...", 3), 0);
	assert_int_equal(name_check(".version", 8), 0);
	assert_int_equal(name_check("\xff\n\"", 3), 0);
}

static void
paths_become_normal(void **state)
{
	static const char *const cases[][3] = {
	    {"/alice", "a//b/../c", "/alice/a/c"},
	    {"/alice", "", "/alice"},
	    {"/alice", ".", "/alice"},
	    {"/alice", "..", "/"},
	    {"/alice", "../bob/x/", "/bob/x"},
	    {"/alice", "/bob//x", "/bob/x"},
	    {"", "a", "/a"},
	    {"", "/", "/"},
	    {"/a/b/", "../../c", "/c"},
	    {"x/./y", "z", "/x/y/z"},
	    {"/a", "...", "/a/..."},
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
		    path_normalise(path_view_str(cases[i][0]), path_view_str(cases[i][1]), &out),
		    0);
		assert_string_equal(buf_cstr(&out), cases[i][2]);
	}
	assert_int_equal(path_normalise(path_view_str("/a"), path_view_str("../.."), &out),
			 CFS_EINVAL);
	assert_int_equal(path_normalise(path_view_str("/a"), path_view_str("/.."), &out),
			 CFS_EINVAL);
	assert_int_equal(path_normalise(path_view_str("/a"), (struct path_view){"x\0y", 3}, &out),
			 CFS_EINVAL);
	buf_fini(&out);
}

static void
overlong_paths_are_refused(void **state)
{
	struct buf path = BUF_INIT, out = BUF_INIT;

	(void)state;
	for (int i = 0; i < 256; i++)
		assert_int_equal(buf_append_byte(&path, 'n'), 0);
	assert_int_equal(path_normalise(path_view_str("/"), path_view_buf(&path), &out),
			 CFS_ENAMETOOLONG);
	buf_clear(&path);
	while (path.len <= CFS_PATH_MAX)
		assert_int_equal(buf_append_str(&path, "/0123456"), 0);
	assert_int_equal(path_normalise(path_view_str("/"), path_view_buf(&path), &out),
			 CFS_ENAMETOOLONG);
	buf_truncate(&path, CFS_PATH_MAX - 7);
	assert_int_equal(path_normalise(path_view_str("/"), path_view_buf(&path), &out), 0);
	buf_fini(&path);
	buf_fini(&out);
}

static void
paths_are_taken_apart(void **state)
{
	static const char *const cases[][3] = {
	    {"/a/b", "/a", "b"}, {"/a/b//", "/a", "b"}, {"/a", "/", "a"},
	    {"a", ".", "a"},     {"/", "/", ""},        {"", ".", ""},
	    {"a/b", "a", "b"},   {"//a", "/", "a"},     {"a//b", "a", "b"},
	};
	struct path_view rest = path_view_str("//a/bc///d/"), name;
	char joined[32] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path_view dir = path_dir(path_view_str(cases[i][0]));
		struct path_view base = path_base(path_view_str(cases[i][0]));

		assert_int_equal(dir.len, strlen(cases[i][1]));
		assert_memory_equal(dir.p, cases[i][1], dir.len);
		assert_int_equal(base.len, strlen(cases[i][2]));
		assert_memory_equal(base.p, cases[i][2], base.len);
	}
	while (path_next(&rest, &name)) {
		(void)strncat(joined, name.p, name.len);
		(void)strcat(joined, "|");
	}
	assert_string_equal(joined, "a|bc|d|");
	assert_true(path_is_below(path_view_str("/a/b"), path_view_str("/a")));
	assert_true(path_is_below(path_view_str("/a"), path_view_str("/a")));
	assert_true(path_is_below(path_view_str("/a"), path_view_str("/")));
	assert_false(path_is_below(path_view_str("/ab"), path_view_str("/a")));
	assert_false(path_is_below(path_view_str("/"), path_view_str("/a")));
}

static void
globs_match(void **state)
{
	static const char *const yes[][2] = {
	    {"", ""},
	    {"*", ""},
	    {"*", ".abc"},
	    {"a*b*c", "aXbYbZc"},
	    {"*.log", "a.log.log"},
	    {"?", "x"},
	    {"[a-c]x", "bx"},
	    {"[!a-c]x", "dx"},
	    {"[]]", "]"},
	    {"[]-]", "-"},
	    {"[a-]", "-"},
	    {"[", "["},
	    {"[a", "[a"},
	    {"\\*", "*"},
	    {"\\[a]", "[a]"},
	    {"[\\]]", "]"},
	    {"*/b", "a/b"},
	    {"**", "a/b/c"},
	    {"**/c", "a/b/c"},
	    {"**/c", "c"},
	    {"a/**/d", "a/d"},
	    {"a/**/d", "a/b/c/d"},
	    {"a/**", "a/b/c"},
	    {"**/*.c", "x/y/z.c"},
	    {"**/a/*", "x/a/b/a/c"},
	    {"a**c", "a/b/c"},
	    {"**/b*/**/z", "a/bb/c/bx/z"},
	    {"?", "\xff"},
	    {"[\x80-\xff]", "\xc3"},
	    {"a\\", "a\\"},
	    {"[^x]", "y"},
	};
	static const char *const no[][2] = {
	    {"", "a"},     {"a", ""},        {"*", "a/b"},       {"?", "/"},
	    {"[!a]", "/"}, {"[.-0]", "/"},   {"a*b", "aXc"},     {"*.log", "a.logx"},
	    {"\\*", "a"},  {"**/c", "a/bc"}, {"a/**/d", "ad"},   {"a/**/d", "a/xd"},
	    {"?", ""},     {"[a-c]", "d"},   {"a*b/c", "a/b/c"}, {"**/*.c", "x.c/y"},
	    {"A", "a"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!glob_match(path_view_str(yes[i][0]), path_view_str(yes[i][1])))
			fail_msg("%s must match %s", yes[i][0], yes[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		if (glob_match(path_view_str(no[i][0]), path_view_str(no[i][1])))
			fail_msg("%s must not match %s", no[i][0], no[i][1]);
	}
	assert_true(glob_has_magic(path_view_str("a*")));
	assert_false(glob_has_magic(path_view_str("a\\*")));
}

/* Would take longer than the universe by plain recursion. */
static void
globs_take_bounded_time(void **state)
{
	char text[255];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(glob_match(path_view_str("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
				(struct path_view){text, sizeof(text)}));
	assert_false(glob_match(path_view_str("**a**a**a**a**a**a**a**a**a**a*b"),
				(struct path_view){text, sizeof(text)}));
}

static void
utf8_is_told_from_other_bytes(void **state)
{
	static const char *const good[] = {"",
					   "abc",
					   "\xc3\xa4",
					   "\xe2\x82\xac",
					   "\xf0\x9f\x98\x80",
					   "\xf4\x8f\xbf\xbf",
					   "\xef\xbf\xbf",
					   "\xed\x9f\xbf"};
	static const char *const bad[] = {"\x80",
					  "\xc3",
					  "\xc0\xaf",
					  "\xe0\x80\xaf",
					  "\xed\xa0\x80",
					  "\xf4\x90\x80\x80",
					  "\xf8\x88\x80\x80\x80",
					  "\xe2\x82",
					  "a\xff"};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	assert_int_equal(utf8_lossy(&out, "a\xff\xc3\xa4\xe2\x82z", 7), 0);
	assert_string_equal(buf_cstr(&out), "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbdz");
	buf_fini(&out);
}

static void
names_are_escaped(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(
	    name_escape(&out, "a b\n\t\\\x1b[1m\x7f\0\xff\xc3\xa4\xc2\x9b\xe2\x80\xae", 20), 0);
	assert_string_equal(
	    buf_cstr(&out),
	    "a b\\n\\t\\\\\\x1b[1m\\x7f\\x00\\xff\xc3\xa4\\xc2\\x9b\\xe2\\x80\\xae");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_checked),
	    cmocka_unit_test(paths_become_normal),
	    cmocka_unit_test(overlong_paths_are_refused),
	    cmocka_unit_test(paths_are_taken_apart),
	    cmocka_unit_test(globs_match),
	    cmocka_unit_test(globs_take_bounded_time),
	    cmocka_unit_test(utf8_is_told_from_other_bytes),
	    cmocka_unit_test(names_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

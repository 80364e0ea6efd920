/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/words.h"

/* A line and its words, joined by '|'. */
struct line {
	const char *text, *words;
};

static void
lines_become_words(void **state)
{
	static const struct line lines[] = {
	    {"", ""},
	    {"   \t ", ""},
	    {"ls", "ls"},
	    {"  put  a\tb ", "put|a|b"},
	    {"get 'a b' \"c d\"", "get|a b|c d"},
	    {"x a\\ b c\\\\d", "x|a b|c\\d"},
	    {"x 'a\\b\"c' \"d'e\"", "x|a\\b\"c|d'e"},
	    {"x \"a\\\"b\\\\c\\d\"", "x|a\"b\\c\\d"},
	    {"x a'b'\"c\"d ''", "x|abcd|"},
	    {"x # a comment 'open", "x"},
	    {"# all of it", ""},
	    {"x a#b", "x|a#b"},
	    {"x \\#y", "x|#y"},
	    {"x end\\", "x|end\\"},
	    {"x a\\\nb", "x|ab"},
	    {"x \xff\xfe", "x|\xff\xfe"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct cfs_err err = CFS_ERR_INIT;
		struct words w;
		char joined[100] = "";

		assert_int_equal(words_split(lines[i].text, &w, &err), 0);
		for (size_t k = 0; k < w.n; k++) {
			strcat(joined, k > 0 ? "|" : "");
			strcat(joined, w.v[k]);
		}
		assert_string_equal(joined, lines[i].words);
		assert_true(w.n == 0 || w.v[w.n] == NULL);
		words_fini(&w);
	}
}

static void
a_quote_that_is_not_closed_is_refused(void **state)
{
	static const char *const lines[] = {"x 'a", "x \"a", "x \"a\\\"", "'"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct cfs_err err = CFS_ERR_INIT;
		struct words w;

		assert_int_equal(words_split(lines[i], &w, &err), CFS_EUSAGE);
		assert_non_null(strstr(err.text, "not closed"));
		words_fini(&w);
	}
}

static void
a_quoted_word_comes_back(void **state)
{
	static const char *const names[] = {"a",     "a b",  "it's", "\"x\"",  "a\\b", "#a",
					    "*?[x]", "t\tb", "a\nb", "$HOME",  "",     "'\n'",
					    "!x",    "\xff", "-r",   "a;b|c&", "a\n'b"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct cfs_err err = CFS_ERR_INIT;
		char *quoted = words_quote(names[i]);
		struct words w;

		assert_non_null(quoted);
		assert_int_equal(words_split(quoted, &w, &err), 0);
		assert_int_equal(w.n, 1);
		assert_string_equal(w.v[0], names[i]);
		words_fini(&w);
		free(quoted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_become_words),
	    cmocka_unit_test(a_quote_that_is_not_closed_is_refused),
	    cmocka_unit_test(a_quoted_word_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/shell_parse.h"

/* Aliases of these tests. */
static const char *
alias(void *arg, const char *name)
{
	static const char *const names[][2] = {
	    {"ll", "ls -l"},    {"ls", "ls -1"},    {"two", "a; b"},
	    {"me", "you"},      {"you", "me"},      {"up", "cd .."},
	    {"out", "!echo x"}, {"into", "cat > "}, {"quiet", "-rm -f"},
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i][0], name) == 0) {
			return names[i][1];
		}
	}
	return NULL;
}

static int
parse(const char *text, bool aliases, struct shell_item **out, bool *more, struct cfs_err *err)
{
	const struct shell_source source = {
	    .name = "script", .line = 1, .alias = aliases ? alias : NULL};

	return shell_parse(text, &source, out, more, err);
}

/* All items as text, one a line, with a '&' where they run in the background. */
static void
as_text(const struct shell_item *items, char *out, size_t size)
{
	*out = '\0';
	for (; items != NULL; items = items->next) {
		char *text = shell_item_text(items);
		size_t n = strlen(out);

		assert_non_null(text);
		snprintf(out + n, size - n, "%s%s%s", n > 0 ? "\n" : "", text,
			 items->background ? " &" : "");
		free(text);
	}
}

struct pair {
	const char *text, *want;
};

static void
check(const struct pair *pairs, size_t n, bool aliases)
{
	for (size_t i = 0; i < n; i++) {
		struct cfs_err err = CFS_ERR_INIT;
		struct shell_item *items;
		char text[500];

		if (parse(pairs[i].text, aliases, &items, NULL, &err) != 0) {
			fail_msg("%s: %s", pairs[i].text, err.text);
		}
		as_text(items, text, sizeof text);
		assert_string_equal(text, pairs[i].want);
		shell_items_free(items);
	}
}

static void
text_becomes_commands(void **state)
{
	static const struct pair pairs[] = {
	    {"", ""},
	    {" \t\n # nothing\n\n", ""},
	    {"ls", "ls"},
	    {"ls;pwd", "ls\npwd"},
	    {"ls ; pwd # both\ncd", "ls\npwd\ncd"},
	    {"ls&&pwd||cd", "ls && pwd || cd"},
	    {"ls &&\n\n pwd", "ls && pwd"},
	    {"ls|grep x|\nwc -l", "ls | grep x | wc -l"},
	    {"put a & put b&ls", "put a &\nput b &\nls"},
	    {"ls>f", "ls > f"},
	    {"ls a2>f", "ls a2 > f"},
	    {"ls a 2>f", "ls a 2> f"},
	    {"ls 2>>f 2>&1 >>g <h", "ls 2>> f 2>&1 >> g < h"},
	    {"> 'a b' ls", "ls > a\\ b"},
	    {"ls | sort >f", "ls | sort > f"},
	    {"-rm x", "-rm x"},
	    {"- rm x && -ls", "-rm x && -ls"},
	    {"\\-x", "\\-x"},
	    {"rm -r -- -x", "rm -r -- -x"},
	    {"!ls | x; y & # z", "!ls | x; y & # z"},
	    {"cd a && !make -C 'x\nls", "cd a && !make -C 'x\nls"},
	    {"-!false", "-!false"},
	    {"ls '!x' a!b", "ls \\!x a\\!b"},
	    {"ls 'a;b' \"c|d\" e\\&f", "ls a\\;b c\\|d e\\&f"},
	    {"ls 'two\nlines'", "ls two'\n'lines"},
	    {"ls a\\\nb", "ls ab"},
	    {"ls \\\n  b", "ls b"},
	    {"ls ''", "ls ''"},
	    {"ls x\\", "ls x\\\\"},
	};

	(void)state;
	check(pairs, ARRAY_SIZE(pairs), false);
}

static void
aliases_are_replaced_where_a_command_begins(void **state)
{
	static const struct pair pairs[] = {
	    {"ll a", "ls -1 -l a"},
	    {"cd;ll", "cd\nls -1 -l"},
	    {"ls | ll", "ls -1 | ll"},
	    {"cat ll", "cat ll"},
	    {"'ll' x", "ll x"},
	    {"l\\l x", "ll x"},
	    {"two c | d", "a\nb c | d"},
	    {"two && up", "a\nb && cd .."},
	    {"me x", "me x"},
	    {"out | wc", "!echo x | wc"},
	    {"into f x", "cat x > f"},
	    {"quiet x", "-rm -f x"},
	    {"-ll", "-ls -1 -l"},
	    {"> ll ll", "ls -1 -l > ll"},
	    {"ll & ll", "ls -1 -l &\nls -1 -l"},
	};

	(void)state;
	check(pairs, ARRAY_SIZE(pairs), true);
}

static void
what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *want;
		bool more;
	} wrong[] = {
	    {"ls 'a", "script:1:4: a quote is not closed: '", true},
	    {"ls\n  ls b\"a", "script:2:6: a quote is not closed: \"", true},
	    {"; ls", "script:1:1: a command is missing before ;", false},
	    {"ls ;; ls", "script:1:5: a command is missing before ;", false},
	    {"ls && ; ls", "script:1:7: a command is missing before ;", false},
	    {"ls &&", "script:1:6: a command is missing before the end of the line", true},
	    {"ls ||\n", "script:2:1: a command is missing before the end of the line", true},
	    {"ls |", "script:1:5: a command is missing before the end of the line", true},
	    {"ls | | wc", "script:1:6: a command is missing before |", false},
	    {"| wc", "script:1:1: a command is missing before |", false},
	    {"ls >", "script:1:5: a file is missing behind >", false},
	    {"ls\nls > > f", "script:2:6: a file is missing behind >", false},
	    {"> f", "script:1:4: a command is missing before the end of the line", false},
	    {"-", "script:1:2: a command is missing before the end of the line", false},
	    {"- - ls", "script:1:3: a command is missing before -", false},
	    {"ls 'two\nlines' |;", "script:2:9: a command is missing before ;", false},
	    {"ll |;", "script:1:5: a command is missing before ;", false},
	    {"ll > ;", "script:1:6: a file is missing behind >", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct cfs_err err = CFS_ERR_INIT;
		struct shell_item *items;
		bool more;

		assert_int_equal(parse(wrong[i].text, true, &items, &more, &err), CFS_EUSAGE);
		assert_string_equal(err.text, wrong[i].want);
		assert_int_equal(more, wrong[i].more);
		assert_null(items);
	}
}

static void
a_backslash_at_the_end_may_go_on(void **state)
{
	struct shell_item *items;
	bool more;

	(void)state;
	assert_int_equal(parse("ls a\\", false, &items, &more, NULL), 0);
	assert_true(more);
	shell_items_free(items);
	assert_int_equal(parse("ls a\\\n", false, &items, &more, NULL), 0);
	assert_true(more);
	shell_items_free(items);
	assert_int_equal(parse("ls \\\n", false, &items, &more, NULL), 0);
	assert_true(more);
	shell_items_free(items);
	assert_int_equal(parse("ls a", false, &items, &more, NULL), 0);
	assert_false(more);
	shell_items_free(items);
}

static void
lines_are_numbered(void **state)
{
	struct shell_item *items, *i;

	(void)state;
	assert_int_equal(
	    parse("\nls\n\nput 'a\nb' c\nll; pwd\ncd\\\n x\ncd", true, &items, NULL, NULL), 0);
	i = items;
	assert_int_equal(i->line, 2);
	i = i->next;
	assert_int_equal(i->line, 4);
	i = i->next;
	assert_int_equal(i->line, 6);
	i = i->next->next;
	assert_int_equal(i->line, 7);
	assert_int_equal(i->next->line, 9);
	shell_items_free(items);
}

/* A generator of its own, so that a failure comes again. */
static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
random_text_is_parsed_or_refused(void **state)
{
	static const char pool[] = "ab2 \t\n\n'\"\\#;&&||<>!-=lx";
	unsigned seed = 1, parsed = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct cfs_err err = CFS_ERR_INIT;
		struct shell_item *items, *again;
		char text[40], first[2000], second[2000];
		size_t n = next(&seed) % (sizeof text - 1);
		bool bytes = next(&seed) % 4 == 0;

		for (size_t i = 0; i < n; i++) {
			text[i] = bytes ? (char)(next(&seed) % 255 + 1)
					: pool[next(&seed) % (sizeof pool - 1)];
		}
		text[n] = '\0';
		if (parse(text, next(&seed) % 2 != 0, &items, NULL, &err) != 0) {
			assert_int_equal(err.code, CFS_EUSAGE);
			continue;
		}
		/* What it is as text parses to the same. */
		as_text(items, first, sizeof first);
		assert_int_equal(parse(first, false, &again, NULL, &err), 0);
		as_text(again, second, sizeof second);
		assert_string_equal(first, second);
		shell_items_free(items);
		shell_items_free(again);
		parsed++;
	}
	assert_true(parsed > 2000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_becomes_commands),
	    cmocka_unit_test(aliases_are_replaced_where_a_command_begins),
	    cmocka_unit_test(what_is_wrong_is_told_with_its_place),
	    cmocka_unit_test(a_backslash_at_the_end_may_go_on),
	    cmocka_unit_test(lines_are_numbered),
	    cmocka_unit_test(random_text_is_parsed_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

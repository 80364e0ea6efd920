/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/shell_cursor.h"

static const char *
alias(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "ll") == 0 ? "ls -l" : strcmp(name, "both") == 0 ? "cd a; put" : NULL;
}

static void
the_place_is_known(void **state)
{
	static const struct {
		const char *line;
		enum shell_place place;
		const char *before, *word; /* words before with '|' behind each */
		size_t start;
		char quote;
	} lines[] = {
	    {"", SHELL_AT_COMMAND, "", "", 0, '\0'},
	    {"mk", SHELL_AT_COMMAND, "", "mk", 0, '\0'},
	    {"ll", SHELL_AT_COMMAND, "", "ll", 0, '\0'},
	    {"  -mk", SHELL_AT_COMMAND, "", "mk", 3, '\0'},
	    {"cat ", SHELL_AT_ARGUMENT, "cat|", "", 4, '\0'},
	    {"cat a\\ b", SHELL_AT_ARGUMENT, "cat|", "a b", 4, '\0'},
	    {"cat a\\", SHELL_AT_ARGUMENT, "cat|", "a", 4, '\0'},
	    {"cat 'a \"b", SHELL_AT_ARGUMENT, "cat|", "a \"b", 4, '\''},
	    {"cat \"it's", SHELL_AT_ARGUMENT, "cat|", "it's", 4, '"'},
	    {"cat x\"a b", SHELL_AT_ARGUMENT, "cat|", "xa b", 4, '"'},
	    {"cat 'done' x", SHELL_AT_ARGUMENT, "cat|done|", "x", 11, '\0'},
	    {"ls; put a", SHELL_AT_ARGUMENT, "put|", "a", 8, '\0'},
	    {"ls && mk", SHELL_AT_COMMAND, "", "mk", 6, '\0'},
	    {"ls & ", SHELL_AT_COMMAND, "", "", 5, '\0'},
	    {"ll a", SHELL_AT_ARGUMENT, "ls|-l|", "a", 3, '\0'},
	    {"both x", SHELL_AT_ARGUMENT, "put|", "x", 5, '\0'},
	    {"ls | gr", SHELL_AT_PROGRAM, "", "gr", 5, '\0'},
	    {"ls | grep x f", SHELL_AT_FILE, "grep|x|", "f", 12, '\0'},
	    {"ls > f", SHELL_AT_FILE, "ls|", "f", 5, '\0'},
	    {"ls > f g", SHELL_AT_ARGUMENT, "ls|", "g", 7, '\0'},
	    {"put - x < ", SHELL_AT_FILE, "put|-|x|", "", 10, '\0'},
	    {"!l", SHELL_AT_PROGRAM, "", "l", 1, '\0'},
	    {"cd x && !ls -l 'a b", SHELL_AT_FILE, "ls|-l|", "a b", 15, '\''},
	    {"cat 'a\nb' c", SHELL_AT_ARGUMENT, "cat|a\nb|", "c", 10, '\0'},
	    {"cat 'a\nb", SHELL_AT_ARGUMENT, "cat|", "a\nb", 4, '\''},
	    {"cd a\ncat b", SHELL_AT_ARGUMENT, "cat|", "b", 9, '\0'},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct shell_cursor c;
		char before[100] = "";

		assert_int_equal(shell_cursor(lines[i].line, alias, NULL, &c), 0);
		for (size_t k = 0; k < c.before.n; k++) {
			strcat(before, c.before.v[k]);
			strcat(before, "|");
		}
		assert_string_equal(before, lines[i].before);
		assert_string_equal(c.word, lines[i].word);
		assert_int_equal(c.place, lines[i].place);
		assert_int_equal(c.start, lines[i].start);
		assert_int_equal(c.quote, lines[i].quote);
		shell_cursor_fini(&c);
	}
}

static void
what_is_put_in_reads_back(void **state)
{
	static const char *const begun[] = {"cat ", "cat '", "cat \"", "cat x\"", "ls; cat a\\"};
	static const char *const names[] = {
	    "plain", "two words", "it's",     "say \"so\"", "a|b;c&d", "a\nb",   "back\\",
	    "#x",    "$HOME!",    "\xff\xfe", "-dash",      "*?[a]",   "a'\n'b", "<in>"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(begun); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			struct shell_cursor c, again;
			char *line;

			assert_int_equal(shell_cursor(begun[i], NULL, NULL, &c), 0);
			line = shell_cursor_replace(&c, begun[i], names[k], true, false);
			assert_non_null(line);
			assert_int_equal(line[strlen(line) - 1], ' ');
			shell_cursor_fini(&c);
			assert_int_equal(shell_cursor(line, NULL, NULL, &c), 0);
			assert_int_equal(c.before.n, 2);
			assert_string_equal(c.before.v[1], names[k]);
			shell_cursor_fini(&c);
			free(line);

			/* And where it is only a part, one can go on. */
			assert_int_equal(shell_cursor(begun[i], NULL, NULL, &c), 0);
			line = shell_cursor_replace(&c, begun[i], names[k], false, false);
			assert_int_equal(shell_cursor(line, NULL, NULL, &again), 0);
			assert_string_equal(again.word, names[k]);
			assert_int_equal(again.start, c.start);
			shell_cursor_fini(&c);
			shell_cursor_fini(&again);
			free(line);
		}
	}
}

static void
any_line_has_a_cursor(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		static const char pool[] = "ab \n'\"\\#;&|<>!-l";
		char line[24];
		size_t n = (seed >> 8) % (sizeof line - 1);
		struct shell_cursor c;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			line[i] = pool[(seed >> 8) % (sizeof pool - 1)];
		}
		seed = seed * 1664525u + 1013904223u;
		line[n] = '\0';
		assert_int_equal(shell_cursor(line, alias, NULL, &c), 0);
		assert_true(c.start <= n);
		shell_cursor_fini(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_place_is_known),
	    cmocka_unit_test(what_is_put_in_reads_back),
	    cmocka_unit_test(any_line_has_a_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cli/remote.h"
#include "cli/shell.h"

/* Completion of what needs no server: commands, options, local names. */

static void
add_word(void *arg, const char *word, bool is_directory)
{
	char *all = arg;

	(void)is_directory;
	assert_true(strlen(all) + strlen(word) + 2 < 2000);
	strcat(all, word);
	strcat(all, "|");
}

/* The candidates for the last word of a line, in any order; each with '|' behind it. */
static void
complete(struct cli *cli, const char *line, const char *prefix, char all[2000])
{
	struct cfs_err err = CFS_ERR_INIT;
	struct words before;

	all[0] = '|';
	all[1] = '\0';
	assert_int_equal(words_split(line, &before, &err), 0);
	shell_complete(cli, &before, prefix, add_word, all);
	words_fini(&before);
}

static void
commands_depend_on_where_one_is(void **state)
{
	struct cli cli = {.out = stdout, .msg = stderr};
	char all[2000];

	(void)state;
	complete(&cli, "", "mk", all);
	assert_string_equal(all, "|mkdir|");
	complete(&cli, "", "", all);
	assert_non_null(strstr(all, "|shell|"));
	assert_null(strstr(all, "|cd|"));
	assert_null(strstr(all, "|__complete|"));
	cli.shell = true;
	complete(&cli, "", "", all);
	assert_null(strstr(all, "|shell|"));
	assert_non_null(strstr(all, "|cd|"));
	assert_null(strstr(all, "|__complete|"));
}

static void
options_are_the_commands_and_everybodys(void **state)
{
	struct cli cli = {.out = stdout, .msg = stderr};
	char all[2000];

	(void)state;
	complete(&cli, "put", "--no", all);
	assert_string_equal(all, "|--no-clobber|");
	complete(&cli, "put a", "--js", all);
	assert_string_equal(all, "|--json|");
	complete(&cli, "whoami", "--he", all);
	assert_string_equal(all, "|--help|");
	complete(&cli, "", "--prof", all);
	assert_string_equal(all, "|--profile|");
}

static void
local_names_are_offered_with_their_folder(void **state)
{
	struct cli cli = {.out = stdout, .msg = stderr};
	char dir[200], path[250], want[300], all[2000];
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/cli-complete.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/sub dir", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/", dir);
	complete(&cli, "put -r", path, all);
	snprintf(want, sizeof want, "|%s/sub dir/|", dir);
	assert_string_equal(all, want);
	snprintf(path, sizeof path, "%s/x", dir);
	complete(&cli, "put", path, all);
	assert_string_equal(all, "|");
	snprintf(path, sizeof path, "%s/sub dir", dir);
	rmdir(path);
	rmdir(dir);
}

static void
another_server_is_told_from_a_path(void **state)
{
	static const char *const others[] = {"work:", "work:a/b", "cfs://host/x", "a.b:"};
	static const char *const paths[] = {"a", "/a:b", "./a:b", "a/b:c", ":a", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_true(remote_is_other(others[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_false(remote_is_other(paths[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands_depend_on_where_one_is),
	    cmocka_unit_test(options_are_the_commands_and_everybodys),
	    cmocka_unit_test(local_names_are_offered_with_their_folder),
	    cmocka_unit_test(another_server_is_told_from_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/args.h"
#include "base/bytes.h"

struct put {
	bool recursive;
	const char *name;
	int64_t jobs;
	uint64_t limit_bytes;
	int64_t timeout_ms;
	char filters[64];
};

struct common {
	int verbose;
	bool json;
};

static int
add_filter(void *values, const char *text, struct cfs_err *err)
{
	struct put *put = values;

	if (text[0] == '!')
		return err_set(err, CFS_EUSAGE, "bad pattern '%s'", text);
	(void)strcat(put->filters, text);
	(void)strcat(put->filters, ";");
	return 0;
}

static const struct arg_opt put_opts[] = {
    {.short_name = 'r',
     .long_name = "recursive",
     .kind = ARG_FLAG,
     .offset = offsetof(struct put, recursive),
     .help = "copy folders with all in them"},
    {.short_name = 'n',
     .long_name = "name",
     .kind = ARG_STRING,
     .offset = offsetof(struct put, name),
     .arg_name = "NAME",
     .help = "the new name"},
    {.short_name = 'j',
     .long_name = "jobs",
     .kind = ARG_INT,
     .offset = offsetof(struct put, jobs),
     .arg_name = "N",
     .help = "files at once",
     .min = 1,
     .max = 64},
    {.long_name = "bwlimit",
     .kind = ARG_SIZE,
     .offset = offsetof(struct put, limit_bytes),
     .arg_name = "BYTES-A-SECOND",
     .help = "how fast at most,\nin all"},
    {.long_name = "timeout",
     .kind = ARG_DURATION,
     .offset = offsetof(struct put, timeout_ms),
     .arg_name = "TIME",
     .help = "how long to wait"},
    {.long_name = "include",
     .kind = ARG_CALL,
     .call = add_filter,
     .arg_name = "GLOB",
     .help = "only these"},
    {.long_name = "secret", .kind = ARG_FLAG, .offset = offsetof(struct put, recursive)},
};

static const struct arg_opt common_opts[] = {
    {.short_name = 'v',
     .long_name = "verbose",
     .kind = ARG_COUNT,
     .offset = offsetof(struct common, verbose),
     .help = "say more"},
    {.long_name = "json",
     .kind = ARG_FLAG,
     .offset = offsetof(struct common, json),
     .help = "for programs"},
};

static struct put put;
static struct common common;

static const struct arg_group groups[] = {
    {"Options", put_opts, ARRAY_SIZE(put_opts), &put},
    {"Common options", common_opts, ARRAY_SIZE(common_opts), &common},
};

static const struct arg_spec spec = {
    .prog = "cfs put",
    .synopsis = "[-r] LOCAL... [REMOTE]\n-",
    .summary = "Copies files to the server.",
    .footer = "See cfs(1).",
    .groups = groups,
    .n_groups = ARRAY_SIZE(groups),
    .min_args = 1,
    .max_args = 3,
};

#define WORDS_MAX 16

static char line[256];
static char *words[WORDS_MAX + 1];

/* Splits text at blanks and parses it; the arguments that are left stand in words from *first on. */
static int
parse(const struct arg_spec *s, const char *text, int *first, int *argc, struct cfs_err *err)
{
	memset(&put, 0, sizeof(put));
	memset(&common, 0, sizeof(common));
	(void)strcpy(line, text);
	*argc = 0;
	for (char *p = strtok(line, " "); p != NULL; p = strtok(NULL, " "))
		words[(*argc)++] = p;
	words[*argc] = NULL;
	*err = (struct cfs_err)CFS_ERR_INIT;
	return args_parse(s, *argc, words, first, err);
}

static void
options_are_read_in_every_form(void **state)
{
	struct cfs_err err;
	int first, argc;

	(void)state;
	assert_int_equal(parse(&spec,
			       "put a -rvvj4 --name=x=y b --bwlimit 1M --timeout=2m -v --json -",
			       &first, &argc, &err),
			 ARGS_OK);
	assert_true(put.recursive && common.json);
	assert_int_equal(common.verbose, 3);
	assert_int_equal(put.jobs, 4);
	assert_string_equal(put.name, "x=y");
	assert_true(put.limit_bytes == 1 << 20);
	assert_int_equal(put.timeout_ms, 120000);
	assert_int_equal(argc - first, 3);
	assert_string_equal(words[first], "a");
	assert_string_equal(words[first + 1], "b");
	assert_string_equal(words[first + 2], "-");
	/* Nothing was lost on the way. */
	assert_string_equal(words[0], "put");
	assert_string_equal(words[1], "-rvvj4");
	assert_null(words[argc]);
}

static void
two_dashes_end_options(void **state)
{
	struct arg_spec first_word = spec;
	struct cfs_err err;
	int first, argc;

	(void)state;
	assert_int_equal(parse(&spec, "put a -r -- -v --json", &first, &argc, &err), ARGS_OK);
	assert_int_equal(argc - first, 3);
	assert_string_equal(words[first + 1], "-v");
	assert_int_equal(common.verbose, 0);
	assert_int_equal(parse(&spec, "put -n -- x", &first, &argc, &err), ARGS_OK);
	assert_string_equal(put.name, "--");
	first_word.stop_at_arg = true;
	assert_int_equal(parse(&first_word, "cfs -v ls -r", &first, &argc, &err), ARGS_OK);
	assert_int_equal(common.verbose, 1);
	assert_false(put.recursive);
	assert_string_equal(words[first], "ls");
	assert_string_equal(words[first + 1], "-r");
}

static void
calls_see_values_in_order(void **state)
{
	struct cfs_err err;
	int first, argc;

	(void)state;
	assert_int_equal(parse(&spec, "put --include a x --include=b", &first, &argc, &err),
			 ARGS_OK);
	assert_string_equal(put.filters, "a;b;");
	assert_int_equal(parse(&spec, "put --include !", &first, &argc, &err), CFS_EUSAGE);
	assert_string_equal(err.text, "--include: bad pattern '!'");
}

static void
help_and_version_are_known_everywhere(void **state)
{
	struct cfs_err err;
	int first, argc;

	(void)state;
	assert_int_equal(parse(&spec, "put --help", &first, &argc, &err), ARGS_HELP);
	assert_int_equal(parse(&spec, "put a b c d --version", &first, &argc, &err), ARGS_VERSION);
	assert_int_equal(parse(&spec, "put -- --help", &first, &argc, &err), ARGS_OK);
}

static void
mistakes_are_explained(void **state)
{
	static const char *const cases[][2] = {
	    {"put", "argument missing"},
	    {"put a b c d", "too many arguments"},
	    {"put --recusrive a", "--recusrive: unknown option; did you mean --recursive?"},
	    {"put --zzzzzz a", "--zzzzzz: unknown option"},
	    {"put --recurs a", "--recurs: unknown option; did you mean --recursive?"},
	    {"put -rx a", "-x: unknown option"},
	    {"put a -j", "-j needs a value"},
	    {"put a --jobs", "--jobs needs a value"},
	    {"put -jx a", "--jobs: 'x' is not a number"},
	    {"put -j65 a", "--jobs: 65 is not from 1 to 64"},
	    {"put --bwlimit=x a", "--bwlimit: 'x' is not a size"},
	    {"put --timeout=x a", "--timeout: 'x' is not a duration"},
	    {"put --json=1 a", "--json takes no value"},
	};
	char expected[200];
	struct cfs_err err;
	int first, argc;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(&spec, cases[i][0], &first, &argc, &err), CFS_EUSAGE);
		(void)snprintf(expected, sizeof(expected), "%s%s", cases[i][1],
			       strchr(cases[i][1], '?') != NULL ? "" : "; try 'cfs put --help'");
		assert_string_equal(err.text, expected);
		assert_int_equal(err_exit_code(err.code), 2);
	}
}

static void
help_comes_from_the_tables(void **state)
{
	static const char expected[] = "usage: cfs put [-r] LOCAL... [REMOTE]\n"
				       "       cfs put -\n"
				       "Copies files to the server.\n"
				       "\nOptions:\n"
				       "  -r, --recursive         copy folders with all in them\n"
				       "  -n, --name=NAME         the new name\n"
				       "  -j, --jobs=N            files at once\n"
				       "      --bwlimit=BYTES-A-SECOND\n"
				       "                          how fast at most,\n"
				       "                          in all\n"
				       "      --timeout=TIME      how long to wait\n"
				       "      --include=GLOB      only these\n"
				       "\nCommon options:\n"
				       "  -v, --verbose           say more\n"
				       "      --json              for programs\n"
				       "      --help              show this help and exit\n"
				       "\nSee cfs(1).\n";
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_non_null(f);
	args_print_help(f, &spec);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(text, expected);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_are_read_in_every_form),
	    cmocka_unit_test(two_dashes_end_options),
	    cmocka_unit_test(calls_see_values_in_order),
	    cmocka_unit_test(help_and_version_are_known_everywhere),
	    cmocka_unit_test(mistakes_are_explained),
	    cmocka_unit_test(help_comes_from_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

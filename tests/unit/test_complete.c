/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What may stand at the end of a command line: splitting a line of bash, options and their values, the synopsis. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/complete.h"

static const struct arg_opt opts[] = {
    {.long_name = "device", .kind = ARG_FLAG, .help = "one more device"},
    {.short_name = 'w',
     .long_name = "when",
     .kind = ARG_STRING,
     .arg_name = "WHEN",
     .help = "time"},
    {.short_name = 'i', .long_name = "in", .kind = ARG_STRING, .arg_name = "FILE", .help = "from"},
    {.long_name = "secret", .kind = ARG_FLAG},
};
static const struct arg_group group = {.opts = opts, .n = ARRAY_SIZE(opts)};
static const struct arg_spec spec = {
    .prog = "p",
    .synopsis = "list\nadd|del [--in FILE] USER...\n[-w WHEN] push [PLACE] DIR",
    .groups = &group,
    .n_groups = 1,
};

static bool
offer_kind(struct complete *c, const char *kind, void *arg)
{
	(void)arg;
	if (strcmp(kind, "USER") == 0) {
		complete_offer(c, "alice", "a user");
		complete_offer(c, "bob", NULL);
		complete_offer(c, "b\tad", NULL);
	} else if (strcmp(kind, "WHEN") == 0) {
		complete_offer(c, "now", NULL);
	} else if (strcmp(kind, "PLACE") == 0) {
		complete_offer(c, "here:", NULL);
	} else {
		return false;
	}
	return true;
}

/* What is offered for a line of bash, blanks between the candidates. */
static const char *
offered(char out[512], bool describe, const char *line, const char *breaks)
{
	char name[] = "__complete", d[] = "-d", l[] = "-l", *argv[5];
	FILE *f = fmemopen(out, 512, "w");
	struct complete c;
	int n = 0;

	memset(out, 0, 512);
	argv[n++] = name;
	if (describe)
		argv[n++] = d;
	argv[n++] = l;
	argv[n++] = (char *)(uintptr_t)line;
	argv[n++] = (char *)(uintptr_t)breaks;
	assert_non_null(f);
	if (complete_init(&c, n, argv, f)) {
		complete_spec(&c, &spec, 0, offer_kind, NULL);
		complete_fini(&c);
	}
	(void)fclose(f);
	for (char *p = out; *p != '\0'; p++)
		*p = *p == '\n' ? ' ' : *p;
	return out;
}

static void
test_synopsis(void **state)
{
	char out[512];

	(void)state;
	assert_string_equal(offered(out, false, "p ", ""), "list add del push ");
	assert_string_equal(offered(out, false, "p l", ""), "list ");
	assert_string_equal(offered(out, false, "p list ", ""), "");
	assert_string_equal(offered(out, false, "p add ", ""), "alice bob ");
	assert_string_equal(offered(out, false, "p del alice b", ""), "bob ");
	assert_string_equal(offered(out, false, "p add -i x b", ""), "bob ");
	assert_string_equal(offered(out, false, "p push ", ""), "here: \tdirectories ");
	assert_string_equal(offered(out, false, "p push here: ", ""), "\tdirectories ");
	assert_string_equal(offered(out, false, "p push a b ", ""), "");
	assert_string_equal(offered(out, false, "p other ", ""), "");
	assert_string_equal(offered(out, true, "p add a", ""), "alice\ta user ");
}

static void
test_options(void **state)
{
	char out[512];

	(void)state;
	assert_string_equal(offered(out, false, "p --de", ""), "--device ");
	/* One without a help is hidden. */
	assert_string_equal(offered(out, false, "p --", ""),
			    "--device --when --in --help --version ");
	assert_string_equal(offered(out, true, "p --w", ""), "--when\ttime ");
	assert_string_equal(offered(out, false, "p --when n", ""), "now ");
	assert_string_equal(offered(out, false, "p --when=n", ""), "--when=now ");
	assert_string_equal(offered(out, false, "p -w ", ""), "now ");
	assert_string_equal(offered(out, false, "p -i ", ""), "\tfiles ");
	assert_string_equal(offered(out, false, "p --when=now l", ""), "list ");
}

static void
test_lines(void **state)
{
	char out[512];

	(void)state;
	assert_string_equal(offered(out, false, "p add \"b", "\""), "bob ");
	assert_string_equal(offered(out, false, "p  add   'alice' b\\o", ""), "bob ");
	assert_string_equal(offered(out, false, "p --when=n", ":="), "now ");
	assert_string_equal(offered(out, false, "p --when\\=n", ":="), "--when=now ");
	assert_string_equal(offered(out, false, "p add \"al\"i", "\":="), "alice ");
	assert_string_equal(offered(out, false, "p", ""), "");
	assert_string_equal(offered(out, false, "", ""), "");
	assert_string_equal(offered(out, false, "p add \\", ""), "");
}

static void
test_words(void **state)
{
	char name[] = "__complete", dashes[] = "--", prog[] = "p", add[] = "add", b[] = "b";
	char *argv[] = {name, dashes, prog, add, b};
	struct complete c;

	(void)state;
	assert_true(complete_init(&c, 5, argv, stdout));
	assert_int_equal(c.n, 3);
	assert_string_equal(c.typed, "b");
	complete_fini(&c);
	assert_false(complete_init(&c, 3, argv, stdout));
	assert_false(complete_init(&c, 1, argv, stdout));
}

static void
test_commands(void **state)
{
	char out[512] = "";
	char name[] = "__complete", dashes[] = "--", prog[] = "p", in[] = "in";
	char *argv[] = {name, dashes, prog, in};
	FILE *f = fmemopen(out, sizeof(out), "w");
	struct complete c;

	(void)state;
	assert_non_null(f);
	assert_true(complete_init(&c, 4, argv, f));
	c.describe = true;
	complete_commands(
	    &c, "Commands:\n  init     make it\n  info say so\nin no command\n  list  l\n");
	complete_fini(&c);
	(void)fclose(f);
	assert_string_equal(out, "init\tmake it\ninfo\tsay so\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_synopsis), cmocka_unit_test(test_options),
	    cmocka_unit_test(test_lines),    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

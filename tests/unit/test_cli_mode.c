/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "cli/mode.h"

struct change {
	const char *text;
	uint32_t from, file, directory;
};

static void
modes_change_as_chmod_does_it(void **state)
{
	/* What GNU chmod makes of them with umask 0. */
	static const struct change changes[] = {
	    {"644", 0755, 0644, 0644},
	    {"0", 0777, 0, 0},
	    {"4755", 0, 04755, 04755},
	    {"u+x", 0644, 0744, 0744},
	    {"go-w", 0666, 0644, 0644},
	    {"a=r", 0777, 0444, 0444},
	    {"+x", 0644, 0755, 0755},
	    {"-x", 0755, 0644, 0644},
	    {"=", 0755, 0, 0},
	    {"a+X", 0644, 0644, 0755},
	    {"a+X", 0744, 0755, 0755},
	    {"u=rwX,go=rX", 0600, 0644, 0755},
	    {"u+s,g+s", 0755, 06755, 06755},
	    {"+t", 0777, 01777, 01777},
	    {"u-s", 04755, 0755, 0755},
	    {"o+s", 0755, 0755, 0755},
	    {"u+r-w", 0200, 0400, 0400},
	    {"ug=rw,o=", 0777, 0660, 0660},
	    {"u=rwx", 04700, 0700, 04700},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct mode_change m;

		assert_int_equal(mode_parse(changes[i].text, &m), 0);
		assert_int_equal(mode_apply(&m, changes[i].from, false), changes[i].file);
		assert_int_equal(mode_apply(&m, changes[i].from, true), changes[i].directory);
	}
}

static void
what_is_no_mode_is_refused(void **state)
{
	static const char *const bad[] = {"",     "8",   "77777", "u",      "u+q", "z+x",
					  "+x,",  ",+x", "u+x g", "0x1",    "1e3", "644x",
					  "u+xg", "u!x", "u+r,g", "644,u+x"};
	char many[64] = "u";
	struct mode_change m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mode_parse(bad[i], &m), CFS_EINVAL);
	}
	/* More clauses than there is room for. */
	for (size_t i = 1; i + 1 < sizeof many; i++) {
		many[i] = '+';
	}
	assert_int_equal(mode_parse(many, &m), CFS_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modes_change_as_chmod_does_it),
	    cmocka_unit_test(what_is_no_mode_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

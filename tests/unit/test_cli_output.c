/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "cli/output.h"
#include "cli/progress.h"

static void
modes_are_written_as_ls_does_it(void **state)
{
	static const struct {
		enum cfs_type type;
		uint32_t mode;
		const char *text;
	} cases[] = {
	    {CFS_FILE, 0644, "-rw-r--r--"},    {CFS_DIR, 0755, "drwxr-xr-x"},
	    {CFS_SYMLINK, 0777, "lrwxrwxrwx"}, {CFS_FILE, 04755, "-rwsr-xr-x"},
	    {CFS_FILE, 06644, "-rwSr-Sr--"},   {CFS_DIR, 01777, "drwxrwxrwt"},
	    {CFS_DIR, 01776, "drwxrwxrwT"},    {CFS_FIFO, 0, "p---------"},
	    {CFS_SOCK, 0, "s---------"},       {(enum cfs_type)99, 0, "?---------"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct cfs_attr a = {.type = cases[i].type, .mode = cases[i].mode};
		char text[11];

		out_mode(text, &a);
		assert_string_equal(text, cases[i].text);
	}
	assert_string_equal(out_type((enum cfs_type)99), "unknown");
	assert_string_equal(out_type((enum cfs_type)0), "unknown");
}

static void
names_in_json_are_exact(void **state)
{
	json_t *o = json_object();

	(void)state;
	out_json_name(o, "name", "gr\xc3\xbc\xc3\x9f\n");
	assert_string_equal(json_string_value(json_object_get(o, "name")), "gr\xc3\xbc\xc3\x9f\n");
	assert_null(json_object_get(o, "name_b64"));
	out_json_name(o, "path", "caf\xe9");
	assert_string_equal(json_string_value(json_object_get(o, "path")), "caf\xef\xbf\xbd");
	assert_string_equal(json_string_value(json_object_get(o, "path_b64")), "Y2Fm6Q==");
	json_decref(o);
}

static void
progress_says_how_far_it_is(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct progress p = {.on = true, .f = f, .started_ns = now_mono_ns() - 10 * NS_PER_S};

	(void)state;
	assert_non_null(f);
	progress_expect(&p, 4, 2000000);
	progress_file(&p);
	assert_true(p.shown);
	progress_bytes(&p, 1000000); /* too soon to be drawn again */
	p.drawn_ns = p.started_ns;
	progress_bytes(&p, 0);
	progress_clear(&p);
	assert_false(p.shown);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "  0 %  0 of 2.0M"));
	assert_non_null(strstr(text, " 50 %  977K of 2.0M  98K/s  0:10 left  1 of 4 files"));
	/* The line is gone at the end. */
	assert_string_equal(text + n - 4, "\r\033[K");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modes_are_written_as_ls_does_it),
	    cmocka_unit_test(names_in_json_are_exact),
	    cmocka_unit_test(progress_says_how_far_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

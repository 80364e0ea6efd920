/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static const int codes[] = {
#define ERR(name, number, exit_code, errno_value, text) CFS_E##name,
#include "base/errors.def"
#undef ERR
};

#define CODE_COUNT (sizeof(codes) / sizeof(codes[0]))

static void
codes_are_distinct_and_survive_the_wire(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODE_COUNT; i++) {
		assert_true(codes[i] < 0);
		assert_true(err_to_wire(codes[i]) > 0);
		assert_int_equal(err_from_wire(err_to_wire(codes[i])), codes[i]);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(codes[i], codes[j]);
			assert_string_not_equal(err_name(codes[i]), err_name(codes[j]));
			assert_string_not_equal(err_text(codes[i]), err_text(codes[j]));
		}
	}
	assert_int_equal(err_to_wire(CFS_OK), 0);
	assert_int_equal(err_from_wire(0), CFS_OK);
	assert_int_equal(err_from_wire(60000), CFS_EFAIL);
	assert_int_equal(err_from_wire(UINT32_MAX), CFS_EFAIL);
}

static void
table_answers_exit_codes_and_errnos(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODE_COUNT; i++) {
		int exit_code = err_exit_code(codes[i]);

		assert_true((exit_code >= 1 && exit_code <= 9) || exit_code == 130);
		assert_true(err_to_errno(codes[i]) > 0);
	}
	assert_int_equal(err_exit_code(CFS_OK), 0);
	assert_int_equal(err_exit_code(CFS_ENOENT), 3);
	assert_int_equal(err_exit_code(CFS_ENET), 5);
	assert_int_equal(err_exit_code(-9999), 1);
	assert_int_equal(err_to_errno(CFS_OK), 0);
	assert_int_equal(err_to_errno(CFS_EQUOTA), EDQUOT);
	assert_int_equal(err_to_errno(-9999), EIO);
	assert_string_equal(err_name(CFS_ENOENT), "NOENT");
	assert_string_equal(err_name(-9999), "UNKNOWN");
	assert_string_equal(err_text(CFS_OK), "no error");
}

static void
errnos_map_to_codes(void **state)
{
	(void)state;
	assert_int_equal(err_from_errno(0), CFS_OK);
	assert_int_equal(err_from_errno(ENOSPC), CFS_ENOSPC);
	assert_int_equal(err_from_errno(ECONNREFUSED), CFS_ENET);
	assert_int_equal(err_from_errno(EWOULDBLOCK), CFS_EBUSY);
	assert_int_equal(err_from_errno(EIO), CFS_EIO);
	assert_int_equal(err_from_errno(12345), CFS_EIO);
	for (int e = 1; e < 140; e++)
		assert_true(err_from_errno(e) < 0);
}

static void
local_errnos_keep_what_exit_codes_tell(void **state)
{
	(void)state;
	assert_int_equal(err_exit_code(err_from_local(ENOENT)), 3);
	assert_int_equal(err_exit_code(err_from_local(EACCES)), 4);
	assert_int_equal(err_exit_code(err_from_local(EPERM)), 4);
	assert_int_equal(err_exit_code(err_from_local(EEXIST)), 6);
	/* Of this machine, not of the server; and no damaged content. */
	assert_int_equal(err_from_local(ENOSPC), CFS_ELOCALSPACE);
	assert_int_equal(err_from_local(EDQUOT), CFS_ELOCALSPACE);
	assert_int_equal(err_from_local(EIO), CFS_ELOCALIO);
	assert_int_equal(err_from_local(ECONNREFUSED), CFS_ELOCALIO);
}

static void
set_and_wrap_build_one_line(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;

	(void)state;
	assert_int_equal(err_set_errno(&err, ENOSPC, "fsync %s", "b1"), CFS_ENOSPC);
	assert_string_equal(err.text, "fsync b1: No space left on device");
	assert_int_equal(err_wrap(&err, "put /%c", 'a'), CFS_ENOSPC);
	assert_string_equal(err.text, "put /a: fsync b1: No space left on device");
	assert_int_equal(err.code, CFS_ENOSPC);
	assert_int_equal(err_code(&err, CFS_EDENIED), CFS_EDENIED);
	assert_string_equal(err.text, "permission denied");
}

static void
set_takes_no_buffer(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, CFS_EPROTO, "x"), CFS_EPROTO);
	assert_int_equal(err_set_errno(NULL, ENOENT, "x"), CFS_ENOENT);
	assert_int_equal(err_code(NULL, CFS_ERANGE), CFS_ERANGE);
	assert_int_equal(err_wrap(NULL, "x"), CFS_EFAIL);
}

static void
long_text_is_cut_and_ended(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	char name[4 * CFS_ERR_TEXT_MAX];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	err_set(&err, CFS_EFAIL, "%s", name);
	assert_int_equal(strlen(err.text), CFS_ERR_TEXT_MAX - 1);
	err_wrap(&err, "%s", name);
	assert_int_equal(strlen(err.text), CFS_ERR_TEXT_MAX - 1);
	err_set_errno(&err, ENOENT, "%s", name);
	assert_int_equal(strlen(err.text), CFS_ERR_TEXT_MAX - 1);
}

static void
control_bytes_never_reach_the_text(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;

	(void)state;
	err_set(&err, CFS_ENOENT, "%s", "a\nb\r\x1b[31m\x7f \xc3\xa9");
	assert_string_equal(err.text, "a?b??[31m? \xc3\xa9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(codes_are_distinct_and_survive_the_wire),
	    cmocka_unit_test(table_answers_exit_codes_and_errnos),
	    cmocka_unit_test(errnos_map_to_codes),
	    cmocka_unit_test(local_errnos_keep_what_exit_codes_tell),
	    cmocka_unit_test(set_and_wrap_build_one_line),
	    cmocka_unit_test(set_takes_no_buffer),
	    cmocka_unit_test(long_text_is_cut_and_ended),
	    cmocka_unit_test(control_bytes_never_reach_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

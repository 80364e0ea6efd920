/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xdg.h"

static void
folders_follow_the_environment(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(setenv("HOME", "/home/a", 1), 0);
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	assert_int_equal(xdg_path(XDG_CONFIG, NULL, false, &out, NULL), 0);
	assert_string_equal((char *)out.data, "/home/a/.config/cfs");
	assert_int_equal(xdg_path(XDG_CONFIG, "cfs.conf", false, &out, NULL), 0);
	assert_string_equal((char *)out.data, "/home/a/.config/cfs/cfs.conf");
	assert_int_equal(setenv("XDG_CONFIG_HOME", "/etc/x", 1), 0);
	assert_int_equal(xdg_path(XDG_CONFIG, NULL, false, &out, NULL), 0);
	assert_string_equal((char *)out.data, "/etc/x/cfs");
	assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
	assert_int_equal(xdg_path(XDG_CONFIG, NULL, false, &out, NULL), 0);
	assert_string_equal((char *)out.data, "/home/a/.config/cfs");
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(setenv("XDG_STATE_HOME", "/state", 1), 0);
	assert_int_equal(xdg_path(XDG_RUNTIME, "sock", false, &out, NULL), 0);
	assert_string_equal((char *)out.data, "/state/cfs/run/sock");
	buf_fini(&out);
}

static void
folders_are_made_private(void **state)
{
	const char *top = getenv("TMPDIR");
	struct buf out = BUF_INIT;
	char home[512];
	struct stat st;

	(void)state;
	(void)snprintf(home, sizeof(home), "%s/cfs-xdg-XXXXXX", top != NULL ? top : "/tmp");
	assert_non_null(mkdtemp(home));
	assert_int_equal(setenv("XDG_CACHE_HOME", home, 1), 0);
	assert_int_equal(xdg_path(XDG_CACHE, "x", true, &out, NULL), 0);
	assert_int_equal(stat((char *)out.data, &st), -1);
	buf_truncate(&out, out.len - 2);
	assert_int_equal(stat(buf_cstr(&out), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rmdir(buf_cstr(&out)), 0);
	assert_int_equal(rmdir(home), 0);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(folders_follow_the_environment),
	    cmocka_unit_test(folders_are_made_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* cfsd.conf: the sample in conf/ is what the table prints; errors name file and line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "server/config.h"

struct errors {
	unsigned count;
	char last[512];
};

static void
note(void *arg, const char *text)
{
	struct errors *e = arg;

	e->count++;
	(void)snprintf(e->last, sizeof(e->last), "%s", text);
}

static int
load(const char *text, struct config **out, struct errors *errors)
{
	const char *tmp = getenv("TMPDIR");
	char path[256];
	int fd, rc;

	*errors = (struct errors){0};
	(void)snprintf(path, sizeof(path), "%s/cfs-config-XXXXXX", tmp ? tmp : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	(void)close(fd);
	rc = config_load(path, note, errors, out, NULL);
	(void)unlink(path);
	return rc;
}

/* The test runs in the repository's top folder. */
static void
test_sample_is_current(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct buf stored = BUF_INIT;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	config_print_sample(f);
	assert_int_equal(fclose(f), 0);
	if (io_read_file(AT_FDCWD, "conf/cfsd.conf", 1 << 20, &stored, &err))
		fail_msg("%s", err.text);
	if (stored.len != len || memcmp(stored.data, text, len) != 0)
		fail_msg("conf/cfsd.conf is old: cfsd --sample-config > conf/cfsd.conf");
	buf_fini(&stored);
	free(text);
}

static void
test_defaults(void **state)
{
	struct errors e;
	struct config *c;

	(void)state;
	assert_int_equal(load("[store]\npath = /srv/x\n", &c, &e), 0);
	assert_string_equal(c->path, "/srv/x");
	assert_string_equal(c->listen, ":7440");
	assert_int_equal(c->access, ACCESS_SHARED);
	assert_int_equal(c->attic_keep_ms, INT64_C(30) * 24 * 3600 * 1000);
	assert_null(c->admin_socket);
	config_free(c);
	assert_int_equal(load("[store]\npath=/srv/x\n[access]\ndefault = private\n"
			      "[limits]\nconnections = 7\n[timeouts]\nsignin = 5s\n",
			      &c, &e),
			 0);
	assert_int_equal(c->access, ACCESS_PRIVATE);
	assert_int_equal(c->connections, 7);
	assert_int_equal(c->signin_ms, 5000);
	config_free(c);
}

static void
expect_error(const char *text, const char *part)
{
	struct errors e;
	struct config *c;

	assert_int_equal(load(text, &c, &e), CFS_ECONFIG);
	assert_null(c);
	assert_true(e.count > 0);
	if (!strstr(e.last, part))
		fail_msg("'%s' does not say '%s'", e.last, part);
}

static void
test_errors(void **state)
{
	(void)state;
	expect_error("", "path is missing");
	expect_error("[store]\npath = /x\n[server]\nlisten_on = y\n", ":4: [server] listen_on");
	expect_error("[store]\npath = /x\n[access]\ndefault = maybe\n", ":4: [access] default");
	expect_error("[store]\npath = /x\n[limits]\nconnections = many\n", ":4:");
	expect_error("[store]\npath = /x\n[limits]\nconnections = 0\n", ":4:");
	expect_error("[store]\npath = /x\n[timeouts]\nsignin = 5 apples\n", ":4:");
	expect_error("[store]\npath = /x\n[server]\naddress = a:99999\n",
		     ":4: [server] address: \"a:99999\": the port is not");
	expect_error("[store]\npath = /x\n[server]\nlisten = :0, [::1:1\n", ":4: [server] listen");
	expect_error("[store]\npath = /x\n[server]\nlisten = 127.0.0.1:70000\n",
		     ":4: [server] listen");
	expect_error("[store]\npath = /x\n[server]\nlisten = ,\n", ":4: [server] listen: no");
	expect_error("[store]\npath = /x\n[metrics]\nlisten = 10.0.0.1:9440\n", "remote = yes");
	expect_error("[store]\npath = /x\n[metrics]\nlisten = :9440\n", "remote = yes");
	expect_error("[store]\npath = /x\n[metrics]\nlisten = 127.0.0.1.evil.example:1\n",
		     "remote = yes");
	expect_error("[store]\npath = /x\n[metrics]\nlisten = 127.0.0.1:99999\n",
		     ":4: [metrics] listen");
	expect_error("[store]\npath = /x\n[sore]\npath = /y\n", "sore");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sample_is_current),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

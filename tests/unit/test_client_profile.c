/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Profiles as they are kept, and the limit of a line's rate. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "client/bucket.h"
#include "client/cfs.h"

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = NULL;

	assert_true(asprintf(&folder, "%s/cfs-profile-XXXXXX", tmp ? tmp : "/tmp") > 0);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
	assert_int_equal(unsetenv("CFS_PROFILE"), 0);
	*state = folder;
	return 0;
}

static int
teardown(void **state)
{
	char *command = NULL;

	assert_true(asprintf(&command, "rm -rf '%s'", (char *)*state) > 0);
	assert_int_equal(system(command), 0);
	free(command);
	free(*state);
	return 0;
}

static void
save(const char *name, const char *host, const char *user, bool make_default)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_profile p = {.port = 7441, .has_pin = true};

	memset(p.pin.b, name[0], sizeof(p.pin.b));
	p.name = strdup(name);
	p.host = strdup(host);
	p.user = strdup(user);
	if (cfs_profile_save(&p, make_default, &err) < 0)
		fail_msg("%s", err.text);
	cfs_profile_fini(&p);
}

static int
count(void *arg, const struct cfs_profile *p, bool is_default)
{
	unsigned *n = arg;

	n[0]++;
	n[1] += is_default;
	assert_non_null(p->name);
	return 0;
}

static void
saved_and_loaded(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_profile p;
	unsigned n[2] = {0};
	char path[400];
	struct stat st;

	assert_int_equal(cfs_profile_load(NULL, &p, &err), CFS_ENOTSIGNEDIN);
	save("home", "files.example", "alice", false);
	save("work", "::1", "bob", false);
	assert_int_equal(cfs_profile_load(NULL, &p, &err), 0);
	assert_string_equal(p.name, "home");
	assert_string_equal(p.host, "files.example");
	assert_string_equal(p.user, "alice");
	assert_int_equal(p.port, 7441);
	assert_true(p.has_pin);
	assert_int_equal(p.pin.b[31], 'h');
	cfs_profile_fini(&p);
	assert_int_equal(setenv("CFS_PROFILE", "work", 1), 0);
	assert_int_equal(cfs_profile_load(NULL, &p, &err), 0);
	assert_string_equal(p.host, "::1");
	cfs_profile_fini(&p);
	assert_int_equal(cfs_profile_list(count, n, &err), 0);
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 1);
	(void)snprintf(path, sizeof(path), "%s/cfs/profiles.conf", (char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
removed_with_its_key(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_profile p = {.port = 1};
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/key", (char *)*state);
	assert_int_equal(io_write_file(AT_FDCWD, path, "k", 1, 0600, &err), 0);
	p.name = strdup("one");
	p.host = strdup("h");
	p.key_path = strdup(path);
	assert_int_equal(cfs_profile_save(&p, true, &err), 0);
	cfs_profile_fini(&p);
	assert_int_equal(cfs_profile_load("one", &p, &err), 0);
	assert_string_equal(p.key_path, path);
	cfs_profile_fini(&p);
	assert_int_equal(cfs_profile_remove("one", &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(cfs_profile_remove("one", &err), CFS_ENOENT);
}

static void
bad_ones_are_refused(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_profile p = {.port = 1};
	char path[400];

	p.name = strdup("../evil");
	p.host = strdup("h");
	assert_int_equal(cfs_profile_save(&p, true, &err), CFS_EUSAGE);
	cfs_profile_fini(&p);
	save("home", "h", "u", true);
	(void)snprintf(path, sizeof(path), "%s/cfs/profiles.conf", (char *)*state);
	assert_int_equal(
	    io_write_file(AT_FDCWD, path, "[home]\nhost = h\nport = 99999\n", 29, 0600, &err), 0);
	assert_int_equal(cfs_profile_load("home", &p, &err), CFS_ECONFIG);
	assert_non_null(strstr(err.text, "profiles.conf:3"));
}

static void
from_urls(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_profile p;

	(void)state;
	assert_int_equal(cfs_profile_from_url("cfs://alice@files.example:99", &p, &err), 0);
	assert_string_equal(p.host, "files.example");
	assert_string_equal(p.user, "alice");
	assert_int_equal(p.port, 99);
	assert_null(p.name);
	cfs_profile_fini(&p);
	assert_int_equal(cfs_profile_from_url("cfs://", &p, &err), CFS_EUSAGE);
}

static void
limits_the_rate(void **state)
{
	struct bucket b;
	uint64_t now, moved = 0;

	(void)state;
	bucket_init(&b, 1000000);
	now = b.last_ns;
	/* Ten seconds in steps of a millisecond, taking 64 KiB whenever that is allowed. */
	for (unsigned i = 0; i < 10000; i++, now += 1000000) {
		if (!bucket_open(&b, now))
			continue;
		bucket_take(&b, 65536);
		moved += 65536;
	}
	assert_in_range(moved, 9900000, 10500000);
	/* A time that was looked at before is no time that has passed. */
	bucket_take(&b, 2000000);
	assert_false(bucket_open(&b, now - 5000000));
	bucket_init(&b, 0);
	assert_true(bucket_open(&b, now));
	bucket_take(&b, SIZE_MAX / 2);
	assert_true(bucket_open(&b, now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(saved_and_loaded, setup, teardown),
	    cmocka_unit_test_setup_teardown(removed_with_its_key, setup, teardown),
	    cmocka_unit_test_setup_teardown(bad_ones_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(from_urls, setup, teardown),
	    cmocka_unit_test(limits_the_rate),
	};

	return cmocka_run_group_tests_name("client profiles", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that fills up, a real one: a small tmpfs in a mount namespace of the test's own (skipped where that is not allowed). */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/impl.h"
#include "storetest.h"

#define CONTENT 30000u
#define ENOUGH  5000u
#define REFUSED 5u

static void
name_of(char out[32], unsigned round, unsigned i)
{
	(void)snprintf(out, 32, "f%u-%u", round, i);
}

/* Puts files until several are refused. How many were taken. */
static unsigned
fill(struct storetest *t, unsigned round)
{
	static unsigned char data[CONTENT];
	unsigned taken = 0, refused = 0;
	char name[32];

	for (unsigned i = 0; i < ENOUGH && refused < REFUSED; i++) {
		name_of(name, round, taken);
		int rc = st_put(t, t->home, name, data, sizeof(data), NULL);
		if (rc == 0)
			taken++;
		else
			assert_int_equal(rc, CFS_ENOSPC);
		refused += rc != 0;
	}
	assert_int_equal(refused, REFUSED);
	return taken;
}

static void
it_fills_and_empties(void **state)
{
	struct storetest *t = *state;
	char name[32];
	unsigned first = 0;

	for (unsigned round = 0; round < 3; round++) {
		unsigned taken = fill(t, round);

		assert_true(taken > 100);
		if (round == 0)
			first = taken;
		/* As much as at the first time, near enough: what was deleted gave its room back. */
		assert_true(taken > first * 9 / 10);
		for (unsigned i = 0; i < taken; i++) {
			name_of(name, round, i);
			assert_int_equal(st_unlink(t, t->home, name, false), 0);
		}
		st_check(t);
		t->s->clock_shift_ns += 3 * 3600 * NS_PER_S;
		st_keep(t);
		assert_false(t->shared->ballast_gone);
	}
}

/* 1 where the kernel does not let us. */
static int
own_disk(const char *at)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", at, "tmpfs", 0, "size=32m") != 0)
		return 1;
	return setenv("TMPDIR", at, 1);
}

/* Runs in a child: the namespace, and the disk with it, go when it ends. */
static int
run_child(const char *at)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
	    it_fills_and_empties, storetest_dir_setup, storetest_teardown)};

	if (own_disk(at) != 0)
		return 77;
	return cmocka_run_group_tests_name("on a small disk", tests, NULL, NULL) == 0 ? 0 : 1;
}

static void
a_full_disk_lets_delete_and_recovers(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char at[256];
	int status;

	(void)state;
	(void)snprintf(at, sizeof(at), "%s/full.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(at));
	(void)fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_child(at));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)rmdir(at);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("mounting a file system is not allowed here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_full_disk_lets_delete_and_recovers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

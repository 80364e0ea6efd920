/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>

#include "cli/interrupt.h"
#include "cli/shell_local.h"

/* A program that ends by itself only where a test fails. */
#define STAYS "sleep 20"

/*
 * In the place of cli/interrupt's: the last look before the program is started. What comes now has missed the look, and the program is
 * not there yet.
 */
static int came_before, comes_now;

int
interrupt_pending(void)
{
	if (comes_now != 0) {
		assert_int_equal(raise(comes_now), 0);
	}
	return came_before;
}

static void
gives_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(local_shell("exit 7"), 7);
	assert_int_equal(local_shell("kill -9 $$"), 137);
	assert_int_equal(local_shell("trap '' INT; kill -INT $$; exit 3"), 3);
	assert_int_equal(setenv("SHELL", "/bin/true", 1), 0);
	assert_int_equal(local_shell(" \t"), 0);
}

static void
a_key_before_the_program_is_there_reaches_it(void **state)
{
	(void)state;
	comes_now = SIGINT;
	assert_int_equal(local_shell("exec " STAYS), 128 + SIGINT);
	comes_now = SIGQUIT;
	assert_int_equal(local_shell("ulimit -c 0; exec " STAYS), 128 + SIGQUIT);
	comes_now = 0;
	/* And is not kept for the next one. */
	assert_int_equal(local_shell("exit 4"), 4);
}

static void
a_key_that_was_seen_keeps_it_from_being_started(void **state)
{
	(void)state;
	came_before = SIGINT;
	assert_int_equal(local_shell("exit 5"), 128 + SIGINT);
	came_before = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_exit_codes),
	    cmocka_unit_test(a_key_before_the_program_is_there_reaches_it),
	    cmocka_unit_test(a_key_that_was_seen_keeps_it_from_being_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Waiting that looks first: it sees what poll() sees, and looks only where that was worth it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/spin.h"
#include "base/time.h"

struct line {
	int fd[2];
	struct pollfd p;
};

static void
line_open(struct line *l)
{
	assert_int_equal(pipe(l->fd), 0);
	l->p = (struct pollfd){.fd = l->fd[0], .events = POLLIN};
}

static void
line_close(struct line *l)
{
	close(l->fd[0]);
	close(l->fd[1]);
}

static void
say(struct line *l)
{
	assert_int_equal(write(l->fd[1], "x", 1), 1);
}

static void
hear(struct line *l)
{
	char c;

	assert_int_equal(read(l->fd[0], &c, 1), 1);
}

/* What is there is told at once, and makes the next wait one that looks. */
static void
ready_at_once(void **state)
{
	struct spin s = SPIN_INIT;
	struct line l;

	(void)state;
	line_open(&l);
	say(&l);
	assert_int_equal(spin_poll(&s, &l.p, 1, -1), 1);
	assert_int_equal(l.p.revents, POLLIN);
	assert_true(s.worth);
	assert_int_equal(spin_poll(&s, &l.p, 1, 0), 1);
	line_close(&l);
}

/* Nothing comes: the time is up all the same, and the next wait sleeps. */
static void
time_is_up(void **state)
{
	struct spin s = {.worth = true};
	struct line l;
	uint64_t began = now_mono_ns();

	(void)state;
	line_open(&l);
	assert_int_equal(spin_poll(&s, &l.p, 1, 20), 0);
	assert_in_range(now_mono_ns() - began, 20 * NS_PER_MS, 20 * NS_PER_S);
	assert_false(s.worth);
	line_close(&l);
}

static void *
say_later(void *arg)
{
	const struct timespec ms = {.tv_nsec = NS_PER_MS};

	(void)nanosleep(&ms, NULL);
	say(arg);
	return NULL;
}

/* What comes after the looking is waited for. */
static void
comes_later(void **state)
{
	struct spin s = {.worth = true};
	struct line l;
	pthread_t t;

	(void)state;
	line_open(&l);
	assert_int_equal(pthread_create(&t, NULL, say_later, &l), 0);
	assert_int_equal(spin_poll(&s, &l.p, 1, -1), 1);
	assert_false(s.worth);
	hear(&l);
	pthread_join(t, NULL);
	line_close(&l);
}

/* Others wanted the processor a moment ago: it is not looked, so that what was kept from then stays. */
static void
left_to_others(void **state)
{
	uint64_t later = now_mono_ns() + 60 * (uint64_t)NS_PER_S;
	struct spin s = {.worth = true, .not_before_ns = later};
	struct line l;

	(void)state;
	line_open(&l);
	assert_int_equal(spin_poll(&s, &l.p, 1, 1), 0);
	assert_int_equal(s.not_before_ns, later);
	line_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ready_at_once),
	    cmocka_unit_test(time_is_up),
	    cmocka_unit_test(comes_later),
	    cmocka_unit_test(left_to_others),
	};

	return cmocka_run_group_tests_name("spin", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Readers who want some events: what they get is what the whole list has for them, for random events and wants, with places
 * to go on from anywhere; and what they do not want is not read.
 */

#include <stdio.h>
#include <string.h>

#include "store/events.h"
#include "store/impl.h"
#include "storetest.h"

#define EVENTS 6000u /* more than there are briefs: of the first ones none is left */

struct wish {
	const struct cred *cred;
	struct event_want want;
	const char *dir; /* NULL: all */
	uint64_t hash;
};

struct got {
	const struct wish *w;
	uint64_t sum, count; /* of the numbers of those that are wanted */
	unsigned looked_at;
};

static const char *const folders[] = {"", "/alice", "/alice/a", "/alice/ab", "/bob/a", "/bob/a/b"};

static unsigned
next(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % below;
}

static struct event
random_event(struct storetest *t, unsigned *seed, char path[64], char target[64])
{
	uint64_t owner = next(seed, 2) ? t->alice.id : t->bob.id;
	uint64_t user = next(seed, 2) ? t->alice.id : t->bob.id;

	(void)snprintf(path, 64, "%s/%u", folders[next(seed, 6)], next(seed, 50));
	(void)snprintf(target, 64, "%s/x", folders[next(seed, 6)]);
	return (struct event){.kind = (enum event_kind)(1 + next(seed, 3)),
			      .owner = owner,
			      .user = user,
			      .ino = next(seed, 1000000),
			      .version = next(seed, 1000000),
			      .path = st_str(path),
			      .target = next(seed, 4) == 0 ? st_str(target) : st_str("")};
}

static void
add_events(struct storetest *t, unsigned *seed, unsigned count)
{
	char path[64], target[64];

	st_begin(t);
	for (unsigned i = 0; i < count; i++) {
		struct event e = random_event(t, seed, path, target);

		assert_int_equal(events_add(t->s, &e, NULL), 0);
	}
	(void)st_commit(t);
}

static bool
is_within(struct bytes_view path, const char *dir)
{
	size_t n = strlen(dir);

	return path.len >= n && (n == 0 || memcmp(path.data, dir, n) == 0) &&
	       (path.len == n || ((const char *)path.data)[n] == '/');
}

static int
take(void *arg, const struct event *e)
{
	struct got *g = arg;
	const struct wish *w = g->w;

	g->looked_at++;
	if (w->want.kinds != 0 && (w->want.kinds & UINT32_C(1) << e->kind) == 0)
		return 0;
	if (w->dir != NULL && !is_within(e->path, w->dir) && !is_within(e->target, w->dir))
		return 0;
	g->count++;
	g->sum += e->id;
	return 0;
}

/* In slices of at most max; with and without saying what is wanted but for the filter. */
static struct got
read_all(struct storetest *t, const struct wish *w, uint64_t since, unsigned max, bool hints)
{
	struct event_want want = hints ? w->want : (struct event_want){.filter = w->want.filter};
	struct got g = {.w = w};
	uint64_t newest, last = since;

	assert_int_equal(events_newest(t->s, &newest, NULL), 0);
	while (last < newest) {
		uint64_t from = last;

		assert_true(events_list(t->s, w->cred, from, max, &want, take, &g, &last, NULL) >=
			    0);
		assert_true(last > from);
	}
	return g;
}

static void
whoever_says_what_is_wanted_gets_all_of_it(void **state)
{
	struct storetest *t = *state;
	const struct cred *creds[] = {&t->a, &t->b, &t->admin};
	const unsigned filters[] = {0, EVENTS_MINE, EVENTS_UNSEEN, EVENTS_VISIBLE};
	unsigned seed = 7;

	add_events(t, &seed, EVENTS);
	for (unsigned i = 0; i < 60; i++) {
		struct wish w = {.cred = creds[next(&seed, 3)]};
		uint64_t since = next(&seed, 3) == 0 ? next(&seed, EVENTS) : EVENTS - 300;
		unsigned max = 1 + next(&seed, 2) * 700;

		w.want.filter = filters[next(&seed, 4)];
		w.want.kinds = next(&seed, 2) * 2u << next(&seed, 3);
		if (next(&seed, 3) > 0) {
			w.dir = folders[next(&seed, 6)];
			w.hash = events_dir(st_str(w.dir));
			w.want.dirs = &w.hash;
			w.want.dir_count = 1;
		}
		struct got some = read_all(t, &w, since, max, true);
		struct got all = read_all(t, &w, since, max, false);

		assert_int_equal(some.count, all.count);
		assert_int_equal(some.sum, all.sum);
		assert_true(some.looked_at <= all.looked_at);
	}
}

static void
what_is_not_wanted_is_not_read(void **state)
{
	struct storetest *t = *state;
	uint64_t dir = events_dir(st_str("/alice/ab")), newest, last = 0;
	struct wish w = {&t->admin, {.dirs = &dir, .dir_count = 1}, "/alice/ab", dir};
	unsigned seed = 11;

	add_events(t, &seed, 3000);
	struct got g = read_all(t, &w, 0, 1000, true);
	assert_true(g.count > 300 && g.looked_at < g.count + 300);

	/* Nothing for him: the database is not even opened. */
	dir = events_dir(st_str("/nowhere"));
	assert_int_equal(events_newest(t->s, &newest, NULL), 0);
	if (!t->s->memory)
		store_idle(t->s);
	assert_int_equal(
	    events_list(t->s, &t->admin, newest - 1, 1000, &w.want, take, &g, &last, NULL), 0);
	assert_int_equal(last, newest);
	assert_true(t->s->memory || t->s->db == NULL);
}

/* What a transaction that came to nothing had written is replaced by what takes its number. */
static void
a_number_given_again_is_briefed_again(void **state)
{
	struct storetest *t = *state;
	uint64_t dir = events_dir(st_str("/alice/new"));
	struct wish w = {&t->admin, {.dirs = &dir, .dir_count = 1}, "/alice/new", dir};
	struct event e = {.kind = EVENT_CHANGE, .owner = t->alice.id, .user = t->alice.id};
	uint64_t newest;

	assert_int_equal(events_newest(t->s, &newest, NULL), 0);
	e.path = st_str("/alice/old/x");
	st_begin(t);
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	store_rollback(t->s);
	e.path = st_str("/alice/new/x");
	st_begin(t);
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(read_all(t, &w, newest, 10, true).count, 1);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(whoever_says_what_is_wanted_gets_all_of_it),
	    TEST(what_is_not_wanted_is_not_read),
	    TEST(a_number_given_again_is_briefed_again),
	};
#undef TEST

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("briefs: memory", storetest_memory_setup);

	failed += run("briefs: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

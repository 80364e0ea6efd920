/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Subscriptions of the client library, over lines that are cut. */

#include "clienttest.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "proto/ops.h"
#include "store/db_sqlite.h"
#include "store/layout.h"

#define TEST_CLIENT(f) cmocka_unit_test_setup_teardown(f, clienttest_setup, clienttest_teardown)

struct log {
	atomic_uint puts, wrong, ended, renumbered;
	uint64_t last;
	unsigned next; /* number in the name of the file that comes next */
	int slow_ms;
	int stop_at;
};

static void
sleep_ms(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * NS_PER_MS};

	(void)nanosleep(&ts, NULL);
}

static int
on_event(void *arg, const struct cfs_event *e)
{
	struct log *l = arg;
	char path[32];

	l->wrong += e->id <= l->last;
	l->last = e->id;
	if (e->op != OP_PUT)
		return 0;
	(void)snprintf(path, sizeof(path), "/alice/f%u", l->next++);
	l->wrong += strcmp(e->path, path) != 0;
	if (l->slow_ms)
		sleep_ms(l->slow_ms);
	atomic_fetch_add(&l->puts, 1);
	return l->stop_at && (int)l->puts == l->stop_at ? 7 : 0;
}

static void
on_end(void *arg, int code, const char *text)
{
	struct log *l = arg;

	(void)code;
	(void)text;
	l->ended++;
}

static struct cfs_subscription *
subscribe(struct cfs *c, struct log *l, uint64_t since)
{
	struct cfs_subscribe how = {
	    .since = since, .filter = 4, .event = on_event, .ended = on_end, .arg = l};
	struct cfs_subscription *sub;
	struct cfs_err err = CFS_ERR_INIT;

	if (cfs_subscribe(c, &how, &sub, NULL, &err))
		fail_msg("%s", err.text);
	return sub;
}

static void
wait_for(const struct log *l, unsigned puts)
{
	uint64_t deadline = deadline_from_ms(20000);

	while (l->puts < puts) {
		if (deadline_passed(deadline))
			fail_msg("only %u of %u events came", l->puts, puts);
		sleep_ms(5);
	}
}

static void
put(struct cfs *c, unsigned from, unsigned to)
{
	char name[16];

	for (unsigned i = from; i < to; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(put_bytes(c, name, 10, i), 0);
	}
}

static void
cut_lines_lose_and_double_nothing(void **state)
{
	struct clienttest *t = *state;
	struct cfs_options o = {.program = "test", .timeout_ms = 5000};
	struct cfs *writer = client_start(t, 'a', &o), *reader;
	struct cfs_subscription *sub;
	struct log l = {0};

	/* Each reader's first two lines end in the middle of something; it goes on where the one before it was. */
	for (unsigned round = 0; round < 4; round++) {
		t->cut_received = 700 + round * 100;
		reader = client_start(t, 'a', &o);
		t->cut_received = 900;
		sub = subscribe(reader, &l, l.last);
		put(writer, round * 20, round * 20 + 20);
		wait_for(&l, round * 20 + 20);
		cfs_unsubscribe(sub);
		cfs_close(reader);
	}
	assert_int_equal(l.puts, 80);
	assert_int_equal(l.wrong, 0);
	assert_int_equal(l.ended, 4);
	assert_true(t->dialled > 6);
	cfs_close(writer);
}

/* Other calls of the connection go on while the reader takes its time; one subscription at a time. */
static void
slow_callbacks_hold_up_nobody(void **state)
{
	struct clienttest *t = *state;
	struct cfs *c = client_start(t, 'a', NULL);
	struct cfs_subscription *sub, *second;
	struct cfs_subscribe how = {.event = on_event};
	struct cfs_attr attr;
	struct log l = {.slow_ms = 30};
	uint64_t began;

	sub = subscribe(c, &l, CFS_SINCE_NOW);
	assert_int_equal(cfs_subscribe(c, &how, &second, NULL, NULL), CFS_EBUSY);
	put(c, 0, 30);
	began = now_mono_ns();
	assert_int_equal(cfs_stat(c, "f0", false, &attr, NULL), 0);
	assert_true(l.puts < 30);
	assert_true(now_mono_ns() - began < 500 * (uint64_t)NS_PER_MS);
	wait_for(&l, 30);
	assert_int_equal(l.wrong, 0);
	cfs_unsubscribe(sub);
	/* And there is room for another. */
	sub = subscribe(c, &l, l.last);
	cfs_unsubscribe(sub);
	cfs_close(c);
}

static void
a_callback_ends_it(void **state)
{
	struct clienttest *t = *state;
	struct cfs *c = client_start(t, 'a', NULL);
	struct cfs_subscription *sub;
	struct cfs_err err = CFS_ERR_INIT;
	struct log l = {.stop_at = 5}, rest = {.next = 5};

	put(c, 0, 10);
	sub = subscribe(c, &l, 0);
	assert_int_equal(cfs_subscription_wait(sub, &err), 7);
	cfs_unsubscribe(sub);
	assert_int_equal(l.puts, 5);
	/* What comes after it. */
	rest.last = l.last;
	sub = subscribe(c, &rest, l.last);
	wait_for(&rest, 5);
	assert_int_equal(rest.wrong, 0);
	cfs_unsubscribe(sub);
	cfs_close(c);
}

/* The store is a restored one from now on, for sessions that begin. */
static void
make_incarnation(struct servertest *t)
{
	static const struct db_sql sql = {
	    "UPDATE meta SET value = x'07000000' WHERE key = 'incarnation'"};
	struct db *db;
	char file[400];

	(void)snprintf(file, sizeof(file), "%s/" LAYOUT_DB, t->path);
	assert_int_equal(db_sqlite_open(file, &db, NULL), 0);
	assert_int_equal(db_begin_write(db, NULL), 0);
	assert_true(db_run(db_use(db, &sql, NULL), NULL) >= 0);
	assert_int_equal(db_commit(db, NULL), 0);
	db_close(db);
}

static int
on_renumbered(void *arg, uint64_t since, uint64_t newest)
{
	struct log *l = arg;

	l->wrong += since < l->last || newest < since;
	l->next = 30;
	atomic_fetch_add(&l->renumbered, 1);
	return 0;
}

/* Though the numbers have grown past the one that it had got to: that was another event's. */
static void
another_incarnation_is_told_of(void **state)
{
	struct clienttest *t = *state;
	struct cfs *writer = client_start(t, 'a', NULL), *reader = client_start(t, 'a', NULL);
	struct log l = {0};
	struct cfs_subscribe how = {.since = CFS_SINCE_NOW,
				    .filter = 4,
				    .event = on_event,
				    .renumbered = on_renumbered,
				    .arg = &l};
	struct cfs_subscription *sub;
	uint64_t deadline = deadline_from_ms(20000);
	unsigned line = t->dialled - 1;

	assert_int_equal(cfs_subscribe(reader, &how, &sub, NULL, NULL), 0);
	put(writer, 0, 10);
	wait_for(&l, 10);
	make_incarnation(t->server);
	t->refuse = 1000;
	assert_int_equal(shutdown_line(&t->lines[line]), 0);
	put(writer, 10, 30);
	t->refuse = 0;
	while (l.renumbered == 0) {
		assert_false(deadline_passed(deadline));
		sleep_ms(5);
	}
	put(writer, 30, 40);
	wait_for(&l, 20);
	cfs_unsubscribe(sub);
	assert_int_equal(l.wrong, 0);
	assert_int_equal(l.renumbered, 1);
	cfs_close(reader);
	cfs_close(writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_CLIENT(cut_lines_lose_and_double_nothing),
	    TEST_CLIENT(slow_callbacks_hold_up_nobody),
	    TEST_CLIENT(a_callback_ends_it),
	    TEST_CLIENT(another_incarnation_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

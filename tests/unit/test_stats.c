/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/stats.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/time.h"
#include "servertest.h"

static struct stats *
make(unsigned slots)
{
	struct stats *st;

	assert_int_equal(stats_new(slots, &st, NULL), 0);
	return st;
}

static void
durations_fall_into_buckets_of_powers_of_two(void **state)
{
	/* How long it took, and the bucket. */
	static const struct {
		uint64_t ns;
		unsigned bucket;
	} rows[] = {
	    {0, 0},
	    {16000, 0},
	    {16001, 1},
	    {32000, 1},
	    {32001, 2},
	    {(UINT64_C(16000) << 19), 19},
	    {(UINT64_C(16000) << 19) + 1, STATS_BUCKETS},
	    {UINT64_MAX - 1, STATS_BUCKETS},
	};
	struct stats_totals totals;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stats *st = make(1);

		stats_op(st, 0, OP_PING, 0, rows[i].ns, 0);
		stats_totals(st, &totals);
		assert_int_equal(totals.ops[OP_PING].buckets[rows[i].bucket], 1);
		assert_int_equal(totals.ops[OP_PING].count, 1);
		assert_int_equal(totals.ops[OP_PING].sum_ns, rows[i].ns);
		stats_free(st);
	}
}

static void
sessions_add_up(void **state)
{
	struct stats *st = make(20);
	struct stats_totals totals;
	struct stats_session one;

	(void)state;
	for (int i = 0; i < 20; i++) {
		int slot = stats_slot_take(st);

		assert_int_equal(slot, i);
		stats_begin(st, slot, 100 + (uint32_t)i, 5, "peer", false);
		stats_op(st, slot, OP_LOOKUP, 10, 20, 0);
		stats_op(st, slot, OP_LOOKUP, 10, 20, CFS_ENOENT);
		stats_bytes(st, slot, 100, 7);
		stats_bytes(st, slot, 150, 7);
	}
	assert_int_equal(stats_slot_take(st), -1);
	stats_op(st, -1, OP_LOOKUP, 10, 20, 0);
	stats_totals(st, &totals);
	assert_int_equal(totals.ops[OP_LOOKUP].count, 41);
	assert_int_equal(totals.failures[-CFS_ENOENT], 20);
	assert_int_equal(totals.counters[STATS_BYTES_IN], 20 * 150);
	assert_int_equal(totals.counters[STATS_BYTES_OUT], 20 * 7);
	assert_int_equal(totals.counters[STATS_CONNECTIONS], 20);
	assert_true(stats_session(st, 3, &one));
	assert_int_equal(one.pid, 103);
	assert_int_equal(one.ops, 2);
	assert_int_equal(one.failures, 1);
	assert_int_equal(one.bytes_in, 150);
	assert_int_equal(one.last_op, OP_LOOKUP);
	stats_free(st);
}

static void
a_slot_that_is_free_again_begins_at_nothing(void **state)
{
	struct stats *st = make(2);
	struct stats_session one;
	int slot = stats_slot_take(st);

	(void)state;
	stats_begin(st, slot, 7, 5, "1.2.3.4:5", false);
	stats_signed_in(st, slot, 9, "alice", "laptop");
	stats_op(st, slot, OP_PING, 1, 2, 0);
	stats_transfer_begin(st, slot, STATS_UP, 1, 9, "/alice/a", 10);
	assert_true(stats_session(st, 0, &one));
	assert_string_equal(one.user, "alice");
	assert_int_equal(one.transfers[0].way, STATS_UP);
	stats_slot_free(st, slot);
	assert_false(stats_session(st, 0, &one));
	assert_int_equal(stats_slot_take(st), slot);
	stats_begin(st, slot, 8, 5, "1.2.3.4:6", false);
	assert_true(stats_session(st, 0, &one));
	assert_string_equal(one.user, "");
	assert_int_equal(one.ops, 0);
	assert_int_equal(one.transfers[0].way, STATS_NONE);
	stats_free(st);
}

static void
transfers_begin_move_and_end(void **state)
{
	struct stats *st = make(1);
	struct stats_session one;
	char path[600];
	int slot = stats_slot_take(st);

	(void)state;
	memset(path, 'x', sizeof(path));
	(void)strcpy(path + sizeof(path) - 6, "/last");
	stats_begin(st, slot, 7, 5, "", false);
	assert_false(stats_transfer_moved(st, slot, STATS_DOWN, 3, 1));
	stats_transfer_begin(st, slot, STATS_DOWN, 3, 9, path, 100);
	assert_true(stats_transfer_moved(st, slot, STATS_DOWN, 3, 40));
	assert_false(stats_transfer_moved(st, slot, STATS_UP, 3, 40));
	assert_true(stats_session(st, 0, &one));
	assert_int_equal(one.transfers[0].done, 40);
	assert_int_equal(strlen(one.transfers[0].path), STATS_PATH - 1);
	assert_string_equal(one.transfers[0].path + STATS_PATH - 6, "/last");
	assert_true(stats_transfer_moved(st, slot, STATS_DOWN, 3, 60));
	assert_true(stats_session(st, 0, &one));
	assert_int_equal(one.transfers[0].way, STATS_NONE);
	/* More than are shown: the quietest gives way. */
	for (unsigned i = 0; i < STATS_TRANSFERS + 1; i++)
		stats_transfer_begin(st, slot, STATS_UP, i + 1, 9, "/a", 100);
	assert_false(stats_transfer_moved(st, slot, STATS_UP, 1, 1));
	assert_true(stats_transfer_moved(st, slot, STATS_UP, STATS_TRANSFERS + 1, 1));
	stats_free(st);
}

/* Its device is as many of its user's letters: a reader never sees half of either. */
static _Noreturn void
write_for_ever(struct stats *st, int slot)
{
	char name[60];

	for (unsigned i = 0;; i++) {
		memset(name, 'a' + (int)(i % 26), sizeof(name));
		name[i % 59] = '\0';
		stats_signed_in(st, slot, i, name, name);
	}
}

static void
readers_see_whole_states_while_another_process_writes(void **state)
{
	struct stats *st = make(1);
	int slot = stats_slot_take(st);
	struct stats_session one;
	uint64_t until = now_mono_ns() + (uint64_t)NS_PER_S / 5;
	unsigned seen = 0;
	pid_t child;

	(void)state;
	stats_begin(st, slot, 1, 5, "", false);
	child = fork();
	if (child == 0)
		write_for_ever(st, slot);
	assert_true(child > 0);
	while (now_mono_ns() < until || seen == 0) {
		if (!stats_session(st, 0, &one))
			continue;
		seen++;
		assert_string_equal(one.user, one.device);
		for (const char *p = one.user; *p; p++)
			assert_int_equal(*p, one.user[0]);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	/* Killed in the middle of writing, or not: the slot's next owner makes it whole. */
	stats_begin(st, slot, 2, 5, "", false);
	assert_true(stats_session(st, 0, &one));
	stats_free(st);
}

static void
a_reader_is_not_taken_in_by_what_stands_there(void **state)
{
	struct stats *st = make(1);
	struct stats_session one;
	int slot = stats_slot_take(st);

	(void)state;
	stats_begin(st, slot, 7, 5, "", false);
	/* An operation and an error of no table. */
	stats_op(st, slot, 100000, 5, 4, -100000);
	assert_true(stats_session(st, 0, &one));
	assert_int_equal(one.ops, 1);
	stats_free(st);
}

static void
who_joins_has_the_same(void **state)
{
	struct stats *st = make(3), *joined;
	struct stats_session one;
	struct stats_totals totals;

	(void)state;
	assert_int_equal(stats_join(stats_fd(st), &joined, NULL), 0);
	assert_int_equal(stats_slots(joined), 3);
	stats_begin(st, 2, 7, 5, "peer", false);
	stats_signed_in(joined, 2, 9, "alice", "laptop");
	assert_true(stats_session(st, 2, &one));
	assert_int_equal(one.user_id, 9);
	stats_free(joined);
	stats_totals(st, &totals);
	assert_int_equal(totals.counters[STATS_SIGNINS], 1);
	stats_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations_fall_into_buckets_of_powers_of_two),
	    cmocka_unit_test(sessions_add_up),
	    cmocka_unit_test(a_slot_that_is_free_again_begins_at_nothing),
	    cmocka_unit_test(transfers_begin_move_and_end),
	    cmocka_unit_test(readers_see_whole_states_while_another_process_writes),
	    cmocka_unit_test(a_reader_is_not_taken_in_by_what_stands_there),
	    cmocka_unit_test(who_joins_has_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

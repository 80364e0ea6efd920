/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams of changes: each exactly once, in order, over every kind of store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"
#include "storetest.h"

struct outcome {
	int begin, status;
	char reply[64];
};

/* Puts a file as change seq of the stream; with fail the change is refused after it was done. */
static struct outcome
change(struct storetest *t, const struct stream_state *st, uint64_t seq, uint64_t ack,
       const char *name, bool fail)
{
	struct outcome o = {0};
	struct buf reply = BUF_INIT;
	char text[64];

	st_need_ino(t);
	st_begin(t);
	o.begin = change_begin(t->s, st, seq, ack, &o.status, &reply, NULL);
	if (o.begin == 0) {
		assert_int_equal(st_put(t, t->home, name, name, strlen(name), NULL), 0);
		o.status = fail ? CFS_EQUOTA : 0;
		(void)snprintf(text, sizeof(text), "reply to %s", name);
		assert_int_equal(change_end(t->s, st, seq, o.status, st_str(text), NULL), 0);
		(void)st_commit(t);
	} else if (o.begin == 1) {
		(void)snprintf(o.reply, sizeof(o.reply), "%.*s", (int)reply.len,
			       (const char *)reply.data);
		(void)st_commit(t);
	} else {
		store_rollback(t->s);
	}
	buf_fini(&reply);
	return o;
}

static bool
exists(struct storetest *t, const char *name)
{
	struct inode_attr attr;

	return names_lookup(t->s, &t->a, t->home, st_str(name), &attr, NULL) == 0;
}

static void
a_repeated_change_gets_its_answer(void **state)
{
	struct storetest *t = *state;
	struct outcome o = change(t, &t->stream, 1, 0, "one", false);

	assert_int_equal(o.begin, 0);
	assert_int_equal(change(t, &t->stream, 2, 0, "two", true).begin, 0);
	assert_true(exists(t, "one"));
	assert_false(exists(t, "two"));
	assert_int_equal(st_unlink(t, t->home, "one", false), 0);
	o = change(t, &t->stream, 1, 0, "one", false);
	assert_int_equal(o.begin, 1);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.reply, "reply to one");
	assert_false(exists(t, "one"));
	o = change(t, &t->stream, 2, 0, "two", false);
	assert_int_equal(o.begin, 1);
	assert_int_equal(o.status, CFS_EQUOTA);
	assert_false(exists(t, "two"));
	st_check(t);
}

static void
gaps_and_forgotten_answers_are_not_guessed(void **state)
{
	struct storetest *t = *state;
	struct stream_state unknown = t->stream;

	assert_int_equal(change(t, &t->stream, 2, 0, "two", false).begin, CFS_ESTREAMLOST);
	assert_int_equal(change(t, &t->stream, 1, 0, "one", false).begin, 0);
	assert_int_equal(change(t, &t->stream, 2, 1, "two", false).begin, 0);
	assert_int_equal(change(t, &t->stream, 1, 1, "one", false).begin, CFS_ESTREAMLOST);
	assert_int_equal(change(t, &t->stream, 2, 1, "two", false).begin, 1);
	assert_int_equal(change(t, &t->stream, 4, 2, "four", false).begin, CFS_ESTREAMLOST);
	unknown.stream = id128_random();
	assert_int_equal(change(t, &unknown, 1, 0, "x", false).begin, CFS_ESTREAMLOST);
	/* An acknowledgement of what was not answered yet forgets nothing in advance. */
	assert_int_equal(change(t, &t->stream, 3, 99, "three", false).begin, 0);
	assert_int_equal(change(t, &t->stream, 3, 99, "three", false).begin, 1);
	st_check(t);
}

static void
an_older_attachment_changes_nothing(void **state)
{
	struct storetest *t = *state;
	struct stream_state old = t->stream, now, other;

	assert_int_equal(change(t, &old, 1, 0, "one", false).begin, 0);
	assert_int_equal(stream_attach(t->s, t->alice.id, &old.stream, false, 10, &now, NULL), 0);
	assert_int_equal(now.epoch, old.epoch + 1);
	assert_int_equal(now.last_seq, 1);
	assert_true(now.first_ino >= old.first_ino + old.ino_count);
	assert_int_equal(change(t, &old, 2, 0, "two", false).begin, CFS_ESUPERSEDED);
	assert_false(exists(t, "two"));
	assert_int_equal(change(t, &now, 1, 0, "one", false).begin, 1);
	assert_int_equal(change(t, &now, 2, 0, "two", false).begin, 0);
	assert_int_equal(stream_attach(t->s, t->bob.id, &old.stream, true, 10, &other, NULL),
			 CFS_ESTREAMLOST);
	old.stream = id128_random();
	assert_int_equal(stream_attach(t->s, t->bob.id, &old.stream, false, 10, &other, NULL),
			 CFS_ESTREAMLOST);
	st_check(t);
}

static void
a_batch_is_one_transaction(void **state)
{
	struct storetest *t = *state;
	struct buf reply = BUF_INIT;
	int status;

	st_begin(t);
	for (uint64_t seq = 1; seq <= 20; seq++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", (unsigned)seq);
		assert_int_equal(
		    change_begin(t->s, &t->stream, seq, seq - 1, &status, &reply, NULL), 0);
		assert_int_equal(st_put(t, t->home, name, "x", 1, NULL), 0);
		assert_int_equal(change_end(t->s, &t->stream, seq, seq % 3 == 0 ? CFS_EIO : 0,
					    st_str("r"), NULL),
				 0);
	}
	/* Inside the batch the answer is already there. */
	assert_int_equal(change_begin(t->s, &t->stream, 20, 19, &status, &reply, NULL), 1);
	store_rollback(t->s);
	assert_false(exists(t, "n1"));
	assert_int_equal(change(t, &t->stream, 1, 0, "n1", false).begin, 0);
	assert_true(exists(t, "n1"));
	buf_fini(&reply);
	st_check(t);
}

static void
what_was_answered_survives_a_reopening(void **state)
{
	struct storetest *t = *state;
	struct stream_state now;

	assert_int_equal(change(t, &t->stream, 1, 0, "one", false).begin, 0);
	st_reopen(t);
	assert_int_equal(change(t, &t->stream, 1, 0, "one", false).begin, 1);
	store_idle(t->s);
	assert_int_equal(stream_attach(t->s, t->alice.id, &t->stream.stream, false, 0, &now, NULL),
			 0);
	assert_int_equal(now.last_seq, 1);
	st_check(t);
}

static void
assert_path(struct storetest *t, struct inode_ref dir, const char *path)
{
	struct buf b = BUF_INIT;

	assert_int_equal(events_path(t->s, dir.ino, st_str("f"), &b, NULL), 0);
	assert_int_equal(b.len, strlen(path));
	assert_memory_equal(b.data, path, b.len);
	buf_fini(&b);
}

/* What one transaction knows is kept for the next, until somebody else commits. */
static void
what_others_commit_is_seen(void **state)
{
	struct storetest *t = *state;
	struct stream_state newer;
	struct inode_attr d, moved;
	struct buf reply = BUF_INIT;
	struct store *other;
	uint64_t commit;
	int status;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	st_begin(t);
	assert_int_equal(change_begin(t->s, &t->stream, 1, 0, &status, &reply, NULL), 0);
	assert_path(t, st_ref(&d), "/alice/d/f");
	assert_int_equal(change_end(t->s, &t->stream, 1, 0, st_str(""), NULL), 0);
	(void)st_commit(t);

	assert_int_equal(store_open(&t->conf, t->shared, &other, NULL), 0);
	assert_int_equal(store_begin(other, NULL), 0);
	assert_int_equal(names_rename(other, &t->a, t->home, st_str("d"), t->home, st_str("e"),
				      false, false, &moved, NULL),
			 0);
	assert_int_equal(store_commit(other, &commit, NULL), 0);
	st_begin(t);
	assert_int_equal(change_begin(t->s, &t->stream, 2, 0, &status, &reply, NULL), 0);
	assert_path(t, st_ref(&d), "/alice/e/f");
	assert_int_equal(change_end(t->s, &t->stream, 2, 0, st_str(""), NULL), 0);
	(void)st_commit(t);

	assert_int_equal(
	    stream_attach(other, t->alice.id, &t->stream.stream, false, 0, &newer, NULL), 0);
	assert_int_equal(newer.last_seq, 2);
	st_begin(t);
	assert_int_equal(change_begin(t->s, &t->stream, 3, 0, &status, &reply, NULL),
			 CFS_ESUPERSEDED);
	store_rollback(t->s);
	store_close(other);
	buf_fini(&reply);
}

static int
run(const char *name, CMFixtureFunction setup, bool lasting)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_repeated_change_gets_its_answer),
	    TEST(gaps_and_forgotten_answers_are_not_guessed),
	    TEST(an_older_attachment_changes_nothing),
	    TEST(a_batch_is_one_transaction),
	    TEST(what_was_answered_survives_a_reopening),
	    TEST(what_others_commit_is_seen),
	};
#undef TEST

	/* What lives in memory alone has nothing to reopen, and no second handle: those tests are the last. */
	return _cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests) - (lasting ? 0 : 2), NULL,
				       NULL);
}

int
main(void)
{
	int failed = run("changes: memory", storetest_memory_setup, false);

	failed += run("changes: directory", storetest_dir_setup, true);
	return failed == 0 ? 0 : 1;
}

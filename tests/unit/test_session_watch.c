/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Events and subscriptions, over whole sessions. */

#include "servertest.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "store/changes.h"
#include "store/events.h"

#define LATENCY_MS 2000 /* machines that run tests are busy */

static void
attach(struct peer *p)
{
	struct id128 id = id128_random();

	peer_attach(p, &id, true);
}

static uint64_t
subscribe(struct peer *p, uint64_t since, uint32_t filter, const char *path)
{
	struct m_subscribe_req req = {.since = since, .filter = filter};
	struct m_path m = {.path = str_from(path)};
	struct m_subscribe_rep rep;
	struct buf b = BUF_INIT;

	if (path)
		assert_int_equal(codec_list_append(&req.paths, &msg_path, &m, &b, 0), 0);
	assert_int_equal(peer_call(p, OP_SUBSCRIBE, &req, &rep, NULL), 0);
	buf_fini(&b);
	return rep.since;
}

/* The next push that is no heartbeat, acknowledged; strings are valid until the next receive. */
static struct m_notice_push
next_push(struct peer *p)
{
	struct m_notice_push m;
	struct m_push_ack_req ack;
	struct frame f;

	do {
		do
			assert_int_equal(caller_receive(p->c, &f, NULL), 0);
		while (f.is_reply || f.op != OP_NOTICE);
		assert_int_equal(frame_decode(&f, &m, NULL, NULL), 0);
		ack.push = m.push;
		peer_send(p, OP_PUSH_ACK, 0, &ack, NULL, 0);
	} while (m.notices.count == 0);
	return m;
}

/* The next push of all, which must be one. */
static struct m_overflow_push
next_overflow(struct peer *p)
{
	struct m_overflow_push m = {0};
	struct frame f;

	do
		assert_int_equal(caller_receive(p->c, &f, NULL), 0);
	while (f.is_reply);
	assert_int_equal(f.op, OP_OVERFLOW);
	assert_int_equal(frame_decode(&f, &m, NULL, NULL), 0);
	return m;
}

static void
expect(struct m_notice_push *push, unsigned kind, unsigned op, const char *path, const char *target)
{
	struct m_notice n;

	assert_true(list_next(&push->notices, &n));
	assert_int_equal(n.event.kind, kind);
	assert_int_equal(n.event.op, op);
	if (!str_is(n.event.path, path) || !str_is(n.target, target))
		fail_msg("%.*s -> %.*s", STR_ARGS(n.event.path), STR_ARGS(n.target));
}

static void
test_changes_are_pushed(void **state)
{
	struct m_notice_push push;
	struct m_unlink_req unlink = {.name = STR_LIT("b")};
	struct m_rename_req rename = {.name = STR_LIT("a"), .to_name = STR_LIT("b")};
	struct m_attr_rep attr_rep;
	struct m_attr dir, attr;
	struct m_unlink_rep removed;
	struct peer a, b;
	uint64_t since;

	peer_start(*state, &a, 'a');
	attach(&a);
	peer_start(*state, &b, 'b');
	since = subscribe(&b, UINT64_MAX, 4, NULL);
	assert_int_equal(peer_mkdir(&a, a.home, "d", &dir), 0);
	push = next_push(&b);
	assert_int_equal(push.before, since);
	since = push.upto;
	expect(&push, 2, OP_CREATE, "/alice/d", "");
	assert_int_equal(peer_put(&a, dir.ino, "a", "abc", 3, &attr), 0);
	push = next_push(&b);
	assert_int_equal(push.before, since);
	expect(&push, 2, OP_PUT, "/alice/d/a", "");
	rename.seq = ++a.seq;
	rename.dir = dir.ino;
	rename.to_dir = a.home;
	rename.dir_gen = rename.to_gen = a.gen;
	assert_int_equal(peer_call(&a, OP_RENAME, &rename, &attr_rep, NULL), 0);
	push = next_push(&b);
	expect(&push, 2, OP_RENAME, "/alice/d/a", "/alice/b");
	unlink.seq = ++a.seq;
	unlink.dir = a.home;
	unlink.dir_gen = a.gen;
	assert_int_equal(peer_call(&a, OP_UNLINK, &unlink, &removed, NULL), 0);
	push = next_push(&b);
	expect(&push, 2, OP_UNLINK, "/alice/b", "");
	peer_disconnect(&b);
	peer_disconnect(&a);
}

/* What a number is given for: going on behind it brings the rest, once. */
static void
test_since_and_paths(void **state)
{
	struct m_overflow_push over;
	struct m_notice_push push;
	struct m_attr dir;
	struct peer a;
	char name[16];
	uint64_t upto;

	peer_start(*state, &a, 'a');
	attach(&a);
	assert_int_equal(peer_mkdir(&a, a.home, "d", &dir), 0);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(peer_put(&a, i % 2 ? dir.ino : a.home, name, "x", 1, NULL), 0);
	}
	(void)subscribe(&a, 0, 4, "/alice/d");
	push = next_push(&a);
	assert_int_equal(push.notices.count, 6);
	expect(&push, 2, OP_CREATE, "/alice/d", "");
	expect(&push, 2, OP_PUT, "/alice/d/f1", "");
	upto = push.upto;
	assert_int_equal(peer_put(&a, dir.ino, "g", "x", 1, NULL), 0);
	(void)subscribe(&a, upto, 4, "/alice/d");
	push = next_push(&a);
	assert_int_equal(push.before, upto);
	assert_int_equal(push.notices.count, 1);
	expect(&push, 2, OP_PUT, "/alice/d/g", "");
	/* Of a store that was restored since: it is told that it missed something, and has what happens from now on. */
	upto = push.upto;
	assert_int_equal(subscribe(&a, upto + 1000, 4, "/alice/d"), upto);
	over = next_overflow(&a);
	assert_int_equal(over.since, upto + 1000);
	assert_int_equal(over.gone, upto);
	assert_int_equal(peer_put(&a, dir.ino, "h", "x", 1, NULL), 0);
	push = next_push(&a);
	assert_int_equal(push.before, upto);
	expect(&push, 2, OP_PUT, "/alice/d/h", "");
	peer_disconnect(&a);
}

static void
test_private_trees_tell_nothing(void **state)
{
	struct servertest *t = *state;
	struct m_notice_push push;
	struct m_notice n;
	struct peer a, b, r;

	t->conf.trees_private = true;
	peer_start(t, &a, 'a');
	attach(&a);
	peer_start(t, &b, 'b');
	attach(&b);
	peer_start(t, &r, 'r');
	(void)subscribe(&b, UINT64_MAX, 4, NULL);
	(void)subscribe(&r, UINT64_MAX, 4, NULL);
	assert_int_equal(peer_put(&a, a.home, "secret", "x", 1, NULL), 0);
	assert_int_equal(peer_put(&b, b.home, "mine", "x", 1, NULL), 0);
	push = next_push(&b);
	assert_int_equal(push.notices.count, 1);
	expect(&push, 2, OP_PUT, "/bob/mine", "");
	/* An admin sees all. */
	push = next_push(&r);
	assert_true(list_next(&push.notices, &n));
	assert_true(str_is(n.event.path, "/alice/secret"));
	peer_disconnect(&r);
	peer_disconnect(&b);
	peer_disconnect(&a);
}

static void
test_receipts_are_pushed(void **state)
{
	struct m_notice_push push;
	struct buf content = BUF_INIT;
	struct m_notice n;
	struct m_attr attr;
	struct peer a, b;
	uint64_t began;

	peer_start(*state, &a, 'a');
	attach(&a);
	assert_int_equal(peer_put(&a, a.home, "f", "abc", 3, &attr), 0);
	(void)subscribe(&a, 0, 1 | 2, NULL);
	peer_start(*state, &b, 'b');
	assert_int_equal(peer_read(&b, &attr, 0, &content), 0);
	began = now_mono_ns();
	push = next_push(&a);
	assert_true(now_mono_ns() - began < LATENCY_MS * (uint64_t)NS_PER_MS);
	assert_int_equal(push.notices.count, 1);
	assert_true(list_next(&push.notices, &n));
	assert_int_equal(n.event.kind, 1);
	assert_int_equal(n.event.complete, 1);
	assert_true(str_is(n.event.user, "bob"));
	assert_true(str_is(n.event.path, "/alice/f"));
	buf_fini(&content);
	peer_disconnect(&b);
	peer_disconnect(&a);
}

/* A download by bob; seen: what another device has done by the time that anybody looks. */
static void
add_receipt(struct store *s, uint64_t owner, const char *path, bool seen)
{
	struct event e = {
	    .kind = EVENT_DOWNLOAD,
	    .op = OP_READ,
	    .owner = owner,
	    .user = owner + 1,
	    .ino = (uint64_t)path[strlen("/alice/")],
	    .path = {.data = path, .len = strlen(path)},
	    .complete = true,
	};
	uint64_t commit;

	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(events_add(s, &e, NULL), 0);
	if (seen)
		assert_int_equal(events_seen(s, e.owner, UINT64_MAX, NULL), 0);
	assert_int_equal(store_commit(s, &commit, NULL), 0);
}

/* Each device that is online is told, whoever was faster to mark it; what was seen before is not told again. */
static void
test_receipts_reach_every_device(void **state)
{
	struct servertest *t = *state;
	struct m_notice_push push;
	struct store *other;
	struct m_notice n;
	struct peer a;
	uint64_t upto;

	assert_int_equal(store_open(&t->store_conf, t->shared, &other, NULL), 0);
	peer_start(t, &a, 'a');
	add_receipt(other, t->alice.id, "/alice/old", true);
	add_receipt(other, t->alice.id, "/alice/f", false);
	(void)subscribe(&a, 0, 1 | 2, NULL);
	push = next_push(&a);
	assert_int_equal(push.notices.count, 1);
	assert_true(list_next(&push.notices, &n));
	assert_true(str_is(n.event.path, "/alice/f"));
	upto = push.upto;
	add_receipt(other, t->alice.id, "/alice/g", true);
	push = next_push(&a);
	assert_int_equal(push.before, upto);
	assert_int_equal(push.notices.count, 1);
	assert_true(list_next(&push.notices, &n));
	assert_true(str_is(n.event.path, "/alice/g"));
	/* While it was away: what others have seen need not be told. */
	upto = push.upto;
	peer_disconnect(&a);
	add_receipt(other, t->alice.id, "/alice/h", true);
	add_receipt(other, t->alice.id, "/alice/i", false);
	peer_start(t, &a, 'a');
	(void)subscribe(&a, upto, 1 | 2, NULL);
	push = next_push(&a);
	assert_int_equal(push.notices.count, 1);
	assert_true(list_next(&push.notices, &n));
	assert_true(str_is(n.event.path, "/alice/i"));
	store_close(other);
	peer_disconnect(&a);
}

/* Nobody waits for a reader that acknowledges nothing, and it gets no more than a window of pushes. */
static void
test_slow_readers_hold_up_nobody(void **state)
{
	struct m_subscribe_req req = {.since = UINT64_MAX, .filter = 4};
	struct m_notice_push m;
	struct m_subscribe_rep rep;
	struct m_ping_rep pong;
	struct m_push_ack_req ack;
	struct m_empty empty;
	struct frame f;
	struct peer a, b;
	uint64_t last = 0;
	unsigned pushes = 0, told = 0;
	char name[16];

	peer_start(*state, &a, 'a');
	attach(&a);
	peer_start(*state, &b, 'b');
	assert_int_equal(peer_call(&b, OP_SUBSCRIBE, &req, &rep, NULL), 0);
	for (unsigned i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(peer_put(&a, a.home, name, "x", 1, NULL), 0);
		/* Answered behind what was pushed before it. */
		assert_int_equal(caller_send(b.c, OP_PING, 0, &empty, NULL, 0, &b.number, NULL), 0);
		do {
			assert_int_equal(caller_receive(b.c, &f, NULL), 0);
			if (f.op == OP_NOTICE && frame_decode(&f, &m, NULL, NULL) == 0) {
				pushes++;
				told += m.notices.count;
				last = m.push;
			}
		} while (!f.is_reply);
		assert_int_equal(caller_decode(&f, &pong, NULL, NULL), 0);
	}
	assert_true(pushes <= 8);
	assert_true(told < 60);
	/* As soon as it does, it gets the rest. */
	ack.push = last;
	peer_send(&b, OP_PUSH_ACK, 0, &ack, NULL, 0);
	while (told < 60)
		told += next_push(&b).notices.count;
	assert_int_equal(told, 60);
	peer_disconnect(&b);
	peer_disconnect(&a);
}

static void
test_overflow(void **state)
{
	struct servertest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct m_overflow_push over;
	struct store *keeper;
	struct peer a;
	char name[16];
	uint64_t first;
	bool more = true;

	peer_start(t, &a, 'a');
	attach(&a);
	assert_int_equal(peer_put(&a, a.home, "first", "x", 1, NULL), 0);
	first = subscribe(&a, UINT64_MAX, 4, NULL);
	peer_disconnect(&a);
	t->store_conf.events_max_bytes = 4096;
	peer_start(t, &a, 'a');
	attach(&a);
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(peer_put(&a, a.home, name, "x", 1, NULL), 0);
	}
	assert_int_equal(store_open(&t->store_conf, t->shared, &keeper, &err), 0);
	while (more)
		assert_int_equal(store_keep(keeper, 100, &more, &err), 0);
	store_close(keeper);
	(void)subscribe(&a, first, 4, NULL);
	over = next_overflow(&a);
	assert_int_equal(over.since, first);
	assert_true(over.gone > first + 100);
	/* And what there is follows. */
	assert_true(next_push(&a).notices.count > 0);
	peer_disconnect(&a);
}

/* What the subscriber's own connection changes is left out, what the same user changes elsewhere is not. */
static void
test_own_changes_are_left_out(void **state)
{
	struct m_notice_push push;
	struct m_notice n;
	struct m_attr dir;
	struct peer a, elsewhere;
	uint64_t before;

	peer_start(*state, &a, 'a');
	attach(&a);
	peer_start(*state, &elsewhere, 'a');
	attach(&elsewhere);
	before = subscribe(&a, UINT64_MAX, 4 | 8, NULL);
	for (int i = 0; i < 100; i++) {
		char own[16], other[24], path[32];

		snprintf(own, sizeof own, "own%d", i);
		snprintf(other, sizeof other, "other%d", i);
		snprintf(path, sizeof path, "/alice/%s", other);
		assert_int_equal(peer_mkdir(&a, a.home, own, &dir), 0);
		if (i % 2 == 0)
			assert_int_equal(peer_mkdir(&a, dir.ino, "own", &dir), 0);
		assert_int_equal(peer_mkdir(&elsewhere, a.home, other, &dir), 0);
		push = next_push(&a);
		assert_int_equal(push.before, before);
		before = push.upto;
		expect(&push, 2, OP_CREATE, path, "");
		assert_false(list_next(&push.notices, &n));
	}
	peer_disconnect(&elsewhere);
	peer_disconnect(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_changes_are_pushed),
	    TEST(test_since_and_paths),
	    TEST(test_private_trees_tell_nothing),
	    TEST(test_receipts_are_pushed),
	    TEST(test_receipts_reach_every_device),
	    TEST(test_slow_readers_hold_up_nobody),
	    TEST(test_overflow),
	    TEST(test_own_changes_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

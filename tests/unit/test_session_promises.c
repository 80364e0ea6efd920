/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Read promises between whole sessions: who is told of what, and which answers wait for that. */

#include "servertest.h"

#include <string.h>

#include "base/time.h"

#define LONG_MS  10000u
#define SHORT_MS 300u
/* Well below LONG_MS: nobody's time ran out. */
#define SOON_NS  (5 * (uint64_t)NS_PER_S)

/* One of alice's clients that wants promises, with a stream. */
static void
start(struct servertest *t, struct peer *p, const struct id128 *client)
{
	struct id128 stream = id128_random();

	peer_connect(t, p, 'a');
	p->client = *client;
	assert_int_equal(peer_hello(p), 0);
	peer_attach(p, &stream, true);
}

static void
start_new(struct servertest *t, struct peer *p)
{
	struct id128 client = id128_random();

	start(t, p, &client);
}

static struct m_invalidate_push
next_push(struct peer *p, char name[256])
{
	struct m_invalidate_push m;
	struct frame f;

	do
		assert_int_equal(caller_receive(p->c, &f, NULL), 0);
	while (f.is_reply || f.op != OP_INVALIDATE);
	assert_int_equal(frame_decode(&f, &m, NULL, NULL), 0);
	memcpy(name, m.name.p, m.name.len);
	name[m.name.len] = '\0';
	return m;
}

static void
acknowledge(struct peer *p, uint64_t push)
{
	struct m_push_ack_req ack = {.push = push};

	assert_true(push != 0);
	peer_send(p, OP_PUSH_ACK, 0, &ack, NULL, 0);
}

/* The next push is about that, and is acknowledged. */
static void
expect_push(struct peer *p, uint64_t ino, uint32_t what, const char *name)
{
	char text[256];
	struct m_invalidate_push m = next_push(p, text);

	assert_int_equal(m.ino, ino);
	assert_int_equal(m.what, what);
	assert_string_equal(text, name);
	acknowledge(p, m.push);
}

/* Nothing was pushed to p: the answer to this comes without a push before it. */
static void
expect_nothing(struct peer *p)
{
	struct m_empty req = {0};
	struct frame f;

	peer_send(p, OP_DEVICES, 0, &req, NULL, 0);
	do {
		assert_int_equal(caller_receive(p->c, &f, NULL), 0);
		assert_false(!f.is_reply && f.op == OP_INVALIDATE);
	} while (!f.is_reply || f.number != p->number);
}

static uint64_t
send_mode(struct peer *p, const struct m_attr *a, uint32_t mode)
{
	struct m_setattr_req req = {
	    .seq = ++p->seq, .ino = a->ino, .gen = a->gen, .valid = 1, .mode = mode};

	peer_send(p, OP_SETATTR, 0, &req, NULL, 0);
	return p->number;
}

static int
set_mode(struct peer *p, const struct m_attr *a, uint32_t mode)
{
	struct m_attr_rep rep;

	return peer_wait(p, send_mode(p, a, mode), &rep);
}

static uint32_t
ping(struct peer *p)
{
	struct m_empty req = {0};
	struct m_ping_rep rep;

	assert_int_equal(peer_call(p, OP_PING, &req, &rep, NULL), 0);
	return rep.promise_ms;
}

static void
test_answer_waits(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr attr;
	struct m_attr_rep rep;
	char name[256];

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &attr), 0);
	assert_int_equal(peer_lookup(&a, a.home, "f", &attr), 0);
	assert_int_equal(attr.promise_ms, LONG_MS);

	uint64_t number = send_mode(&b, &attr, 0600);
	struct m_invalidate_push m = next_push(&a, name);
	assert_int_equal(m.ino, attr.ino);
	assert_int_equal(m.what, 1);
	/* What comes later is answered, and the change is not: its answer would be lost here. */
	assert_int_equal(ping(&b), LONG_MS);
	assert_int_equal(set_mode(&b, &(struct m_attr){.ino = b.home, .gen = attr.gen}, 0755), 0);
	acknowledge(&a, m.push);
	assert_int_equal(peer_wait(&b, number, &rep), 0);
	assert_int_equal(rep.attr.mode, 0600);

	/* Told once; nothing is held any more. */
	assert_int_equal(set_mode(&b, &attr, 0644), 0);
	expect_nothing(&a);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* A second change while the client is still at forgetting: that answer waits as well. */
static void
test_second_waits_too(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr attr;
	struct m_attr_rep rep;
	char name[256];

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &attr), 0);
	assert_int_equal(peer_lookup(&a, a.home, "f", &attr), 0);
	uint64_t first = send_mode(&b, &attr, 0600);
	struct m_invalidate_push one = next_push(&a, name);
	uint64_t second = send_mode(&b, &attr, 0640);
	struct m_invalidate_push two = next_push(&a, name);

	assert_int_equal(two.ino, attr.ino);
	acknowledge(&a, one.push);
	assert_int_equal(peer_wait(&b, first, &rep), 0);
	assert_int_equal(ping(&b), LONG_MS);
	acknowledge(&a, two.push);
	assert_int_equal(peer_wait(&b, second, &rep), 0);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

static void
test_names(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr attr;
	char name[8] = "n0";

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	/* A name that is not there is promised too. */
	assert_int_equal(peer_lookup(&a, a.home, "f", &attr), CFS_ENOENT);
	peer_send(&b, OP_PING, 0, &(struct m_empty){0}, NULL, 0);
	struct buf pieces = BUF_INIT;
	struct m_put_req put;
	struct m_put_rep rep;
	peer_fill_put(&b, b.home, "f", 1, &put, &pieces);
	peer_send(&b, OP_PUT, 0, &put, "x", 1);
	expect_push(&a, a.home, 6, "f");
	assert_int_equal(peer_wait(&b, b.number, &rep), 0);
	/* The promise of the directory's other names stays. */
	for (int i = 1; i <= 4; i++) {
		name[1] = (char)('0' + i);
		peer_fill_put(&b, b.home, name, 0, &put, &pieces);
		put.pieces = (struct list){0};
		peer_send(&b, OP_PUT, 0, &put, NULL, 0);
		expect_push(&a, a.home, 6, name);
		assert_int_equal(peer_wait(&b, b.number, &rep), 0);
	}
	buf_fini(&pieces);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* What stood under a name is told of as well, also to the one who removed it. */
static void
test_what_stood_there(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr f, g;
	char name[256];

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	assert_int_equal(peer_put(&b, b.home, "g", "x", 1, &g), 0);
	assert_int_equal(peer_lookup(&a, a.home, "f", &f), 0);
	struct m_rename_req req = {.seq = ++b.seq,
				   .dir = b.home,
				   .dir_gen = b.gen,
				   .name = STR_LIT("g"),
				   .to_dir = b.home,
				   .to_gen = b.gen,
				   .to_name = STR_LIT("f")};
	struct m_attr_rep rep;
	peer_send(&b, OP_RENAME, 0, &req, NULL, 0);
	expect_push(&a, f.ino, 1, "");
	expect_push(&a, a.home, 6, "g");
	expect_push(&a, a.home, 6, "f");
	struct m_invalidate_push m = next_push(&b, name);
	assert_int_equal(m.ino, f.ino);
	assert_int_equal(m.push, 0);
	assert_int_equal(peer_wait(&b, b.number, &rep), 0);
	assert_int_equal(rep.attr.ino, g.ino);
	assert_int_equal(rep.attr.promise_ms, LONG_MS);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* Which file it was that lost a name only the answer says; a removal that is refused tells nobody. */
static void
test_removed(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr f;

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	assert_int_equal(peer_lookup(&a, a.home, "f", &f), 0);
	struct m_unlink_req req = {
	    .seq = ++b.seq, .dir = b.home, .dir_gen = b.gen, .name = STR_LIT("f"), .directory = 1};
	struct m_unlink_rep rep;
	assert_int_equal(peer_call(&b, OP_UNLINK, &req, &rep, NULL), CFS_ENOTDIR);
	expect_nothing(&a);
	req.seq = ++b.seq;
	req.directory = 0;
	peer_send(&b, OP_UNLINK, 0, &req, NULL, 0);
	expect_push(&a, a.home, 6, "f");
	expect_push(&a, f.ino, 1, "");
	assert_int_equal(peer_wait(&b, b.number, &rep), 0);
	assert_int_equal(rep.ino, f.ino);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* A map of the file's blobs is promised as its attributes are. */
static void
test_map(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_map_rep map;
	struct m_attr_rep rep;
	struct m_attr f;

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	struct m_map_req req = {.ino = f.ino, .gen = f.gen, .length = UINT64_MAX};
	assert_int_equal(peer_call(&a, OP_MAP, &req, &map, NULL), 0);
	assert_int_equal(map.attr.promise_ms, LONG_MS);
	uint64_t number = send_mode(&b, &f, 0600);
	expect_push(&a, f.ino, 1, "");
	assert_int_equal(peer_wait(&b, number, &rep), 0);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

static void
test_listing(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr attr;
	struct m_dirent e;

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &attr), 0);
	struct m_readdir_req req = {.dir = a.home, .gen = a.gen, .max_bytes = 65536};
	struct m_readdir_rep rep;
	assert_int_equal(peer_call(&a, OP_READDIR, &req, &rep, NULL), 0);
	assert_int_equal(rep.promise_ms, LONG_MS);
	assert_true(list_next(&rep.entries, &e));
	assert_int_equal(e.attr.promise_ms, LONG_MS);
	uint64_t number = send_mode(&b, &attr, 0600);
	struct m_attr_rep changed;
	expect_push(&a, attr.ino, 1, "");
	assert_int_equal(peer_wait(&b, number, &changed), 0);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* Who does not answer delays a change once, and has then lost everything, which it is told before anything else. */
static void
test_silent_holder(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr f, g;
	char name[256];

	servertest_promises(t, SHORT_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	assert_int_equal(peer_put(&b, b.home, "g", "x", 1, &g), 0);
	uint64_t before = now_mono_ns();
	assert_int_equal(peer_lookup(&a, a.home, "f", &f), 0);
	assert_int_equal(peer_lookup(&a, a.home, "g", &g), 0);
	assert_int_equal(set_mode(&b, &f, 0600), 0);
	assert_true(now_mono_ns() - before >= SHORT_MS * (uint64_t)NS_PER_MS);
	/* b's second change asks nobody: a has no time left that could pass. */
	assert_int_equal(set_mode(&b, &g, 0600), 0);

	assert_int_equal(next_push(&a, name).ino, f.ino);
	peer_send(&a, OP_PING, 0, &(struct m_empty){0}, NULL, 0);
	struct m_invalidate_push m = next_push(&a, name);
	assert_int_equal(m.ino, 0);
	assert_int_equal(m.push, 0);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

static void
test_connection_that_ended(void **state)
{
	struct servertest *t = *state;
	struct peer a, b, again;
	struct m_attr f;

	servertest_promises(t, SHORT_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	uint64_t before = now_mono_ns();
	assert_int_equal(peer_lookup(&a, a.home, "f", &f), 0);
	struct id128 client = a.client;
	peer_disconnect(&a);
	/* It comes back, and does not wait for what it was promised itself. */
	start(t, &again, &client);
	assert_int_equal(set_mode(&again, &f, 0640), 0);
	assert_int_equal(set_mode(&b, &f, 0600), 0);
	/* Somebody else does: the client may trust it until its time is over. */
	assert_true(now_mono_ns() - before >= SHORT_MS * (uint64_t)NS_PER_MS);
	peer_disconnect(&again);
	peer_disconnect(&b);
}

static void
test_release(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr f;
	struct m_empty empty = {0}, rep;
	uint64_t before = now_mono_ns();

	servertest_promises(t, LONG_MS);
	start_new(t, &a);
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	assert_int_equal(peer_lookup(&a, a.home, "f", &f), 0);
	assert_int_equal(peer_call(&a, OP_PROMISES_RELEASE, &empty, &rep, NULL), 0);
	peer_disconnect(&a);
	assert_int_equal(set_mode(&b, &f, 0600), 0);
	assert_true(now_mono_ns() - before < SOON_NS);
	peer_disconnect(&b);
}

/* A client that asked for none gets none, and nobody waits for it. */
static void
test_unwanted(void **state)
{
	struct servertest *t = *state;
	struct peer a, b;
	struct m_attr f;

	servertest_promises(t, LONG_MS);
	peer_start(t, &a, 'a');
	start_new(t, &b);
	assert_int_equal(peer_put(&b, b.home, "f", "x", 1, &f), 0);
	assert_int_equal(peer_lookup(&a, a.home, "f", &f), 0);
	assert_int_equal(f.promise_ms, 0);
	assert_int_equal(ping(&a), 0);
	assert_int_equal(set_mode(&b, &f, 0600), 0);
	expect_nothing(&a);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* What a daemon that died left behind is waited for, and not longer than it can be trusted. */
static void
test_ghosts(void **state)
{
	struct servertest *t = *state;
	struct promise_table *table;
	struct id128 client = id128_random();
	struct promise_set set = {{0}};

	assert_int_equal(promise_table_new(t->path, LONG_MS, &table, NULL), 0);
	int slot = promise_slot_take(table, &client, 1, 7);
	assert_true(slot >= 0);
	promise_revive(table, (unsigned)slot, now_mono_ns() + 200 * (uint64_t)NS_PER_MS);
	promise_table_free(table);

	assert_int_equal(promise_table_new(t->path, LONG_MS, &table, NULL), 0);
	assert_true(promise_others(table, -1));
	promise_holders(table, 1234, &set);
	assert_int_equal(set.bits[(unsigned)slot / 64], UINT64_C(1) << (unsigned)slot % 64);
	struct promise_holder ghost = promise_look(table, (unsigned)slot);
	assert_true(id128_equal(&ghost.client, &client));
	assert_false(promise_is_over(table, (unsigned)slot, &ghost, now_mono_ns()));
	assert_true(promise_is_over(table, (unsigned)slot, &ghost, ghost.until_ns));
	assert_false(promise_others(table, -1));
	promise_table_free(table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_answer_waits),  TEST(test_second_waits_too),
	    TEST(test_names),         TEST(test_what_stood_there),
	    TEST(test_names),         TEST(test_removed),
	    TEST(test_map),           TEST(test_listing),
	    TEST(test_silent_holder), TEST(test_connection_that_ended),
	    TEST(test_release),       TEST(test_unwanted),
	    TEST(test_ghosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

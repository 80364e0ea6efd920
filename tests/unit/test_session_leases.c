/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Leases between whole sessions: who gets one, who waits for it, and what ends it. */

#include "leasetest.h"

#include "base/time.h"

/* Whoever looks waits until the holder has said that all is done, and then sees it. */
static void
test_look_waits(void **state)
{
	struct scene s;
	struct m_lookup_rep rep;
	uint64_t number, push;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	number = send_lookup(&s.b, s.dir.ino, "f");
	push = next_recall(&s.a);
	expect_waiting(&s.b);
	/* It was removed ahead, and the server learns of it only now. */
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&s.a, s.a.number), 0);
	expect_waiting(&s.b);
	acknowledge(&s.a, push);
	assert_int_equal(peer_wait(&s.b, number, &rep), CFS_ENOENT);
	/* It has ended: nobody is asked again. */
	assert_int_equal(peer_lookup(&s.b, s.dir.ino, "f", &s.file), CFS_ENOENT);
	scene_end(&s);
}

/* The same for what looks at no name, but at one of the inodes. */
static void
test_inode_waits(void **state)
{
	struct scene s;
	struct m_attr_rep rep;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	const struct m_inode_req req = {.ino = s.file.ino, .gen = s.file.gen};
	peer_send(&s.b, OP_GETATTR, 0, &req, NULL, 0);
	uint64_t number = s.b.number, push = next_recall(&s.a);
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&s.a, s.a.number), 0);
	expect_waiting(&s.b);
	acknowledge(&s.a, push);
	/* The attic has it. */
	assert_int_equal(peer_wait(&s.b, number, &rep), 0);
	assert_int_equal(rep.attr.nlink, 0);
	scene_end(&s);
}

/* A path leads anywhere; two who wait are answered by one recall. */
static void
test_path_waits(void **state)
{
	struct scene s;
	struct m_walk_rep rep;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	const struct m_walk_req req = {.base = s.b.home, .path = STR_LIT("d/f")};
	peer_send(&s.b, OP_WALK, 0, &req, NULL, 0);
	uint64_t number = s.b.number;
	uint64_t look = send_lookup(&s.b, s.dir.ino, "f"), push = next_recall(&s.a);
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&s.a, s.a.number), 0);
	expect_waiting(&s.b);
	acknowledge(&s.a, push);
	assert_int_equal(peer_wait(&s.b, number, &rep), CFS_ENOENT);
	assert_int_equal(status_of(&s.b, look), CFS_ENOENT);
	scene_end(&s);
}

/* Changes keep their order while one of them waits: an empty directory is one that the holder has emptied. */
static void
test_changes_wait(void **state)
{
	struct scene s;
	struct m_unlink_rep rep;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	uint64_t first = send_unlink(&s.b, s.b.home, "d", true, 0);
	uint64_t second = send_unlink(&s.b, s.b.home, "nothing", false, 0);
	uint64_t push = next_recall(&s.a);
	expect_waiting(&s.b);
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&s.a, s.a.number), 0);
	acknowledge(&s.a, push);
	/* Who made the directory was promised what b changes now. */
	for (int i = 0; i < 2; i++) {
		struct m_invalidate_push m;
		struct frame f;

		do
			assert_int_equal(caller_receive(s.a.c, &f, NULL), 0);
		while (f.is_reply || f.op != OP_INVALIDATE);
		assert_int_equal(frame_decode(&f, &m, NULL, NULL), 0);
		acknowledge(&s.a, m.push);
	}
	assert_int_equal(peer_wait(&s.b, first, &rep), 0);
	assert_int_equal(rep.ino, s.dir.ino);
	assert_int_equal(status_of(&s.b, second), CFS_ENOENT);
	scene_end(&s);
}

/* None for a directory, or with a file in it, that others may know; when they do not trust that any more there is. */
static void
test_refused(void **state)
{
	struct scene s;
	struct m_empty none = {0};
	struct m_attr attr;

	scene_begin(*state, &s, LONG_MS);
	assert_int_equal(peer_lookup(&s.b, s.dir.ino, "f", &attr), 0);
	assert_false(lease(&s.a, s.dir.ino, 0));
	assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	assert_true(lease(&s.a, s.dir.ino, 0));
	(void)lease(&s.a, s.dir.ino, 1);
	const struct m_inode_req req = {.ino = s.file.ino, .gen = s.file.gen};
	struct m_attr_rep rep;
	assert_int_equal(peer_call(&s.b, OP_GETATTR, &req, &rep, NULL), 0);
	assert_false(lease(&s.a, s.dir.ino, 0));
	/* Nor of a file, or of what is not the caller's. */
	assert_false(lease(&s.a, s.file.ino, 0));
	assert_false(lease(&s.a, s.a.root, 0));
	scene_end(&s);
}

/* Two clients do not take one from each other: the second is refused, and does not wait. */
static void
test_second_is_refused(void **state)
{
	struct scene s;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	assert_false(lease(&s.b, s.dir.ino, 0));
	scene_end(&s);
}

/* It ends when it is given back, and with a change of the client's own that makes a name. */
static void
test_ends(void **state)
{
	struct scene s;
	struct m_empty none = {0};
	struct m_attr attr;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	(void)lease(&s.a, s.dir.ino, 1);
	assert_int_equal(peer_lookup(&s.b, s.dir.ino, "f", &attr), 0);
	assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	assert_true(lease(&s.a, s.dir.ino, 0));
	assert_int_equal(peer_put(&s.a, s.dir.ino, "g", "x", 1, &attr), 0);
	assert_int_equal(peer_lookup(&s.b, s.dir.ino, "g", &attr), 0);
	scene_end(&s);
}

/* What is removed is what was meant, or nothing. */
static void
test_other_file(void **state)
{
	struct scene s;

	scene_begin(*state, &s, LONG_MS);
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino + 1);
	assert_int_equal(status_of(&s.a, s.a.number), CFS_ESTALE);
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&s.a, s.a.number), 0);
	scene_end(&s);
}

/* A holder that does not answer is waited for no longer than it could trust what it was promised. */
static void
test_silent_holder(void **state)
{
	struct scene s;
	uint64_t began = now_mono_ns();

	scene_begin(*state, &s, SHORT_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	uint64_t number = send_lookup(&s.b, s.dir.ino, "f");
	assert_int_equal(status_of(&s.b, number), 0);
	assert_true(now_mono_ns() - began > SHORT_MS * (uint64_t)NS_PER_MS);
	assert_int_equal(peer_lookup(&s.b, s.dir.ino, "f", &s.file), 0);
	/* Nor again: its user has none for a while, whatever his client. */
	peer_disconnect(&s.a);
	assert_false(lease(&s.b, s.dir.ino, 0));
	peer_disconnect(&s.b);
}

/* Who releases what he was promised while somebody waits is not to blame. */
static void
test_released_in_time(void **state)
{
	struct scene s;
	struct m_empty none = {0};

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	uint64_t number = send_lookup(&s.b, s.dir.ino, "f");
	(void)next_recall(&s.a);
	assert_int_equal(peer_call(&s.a, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	assert_int_equal(status_of(&s.b, number), 0);
	peer_disconnect(&s.a);
	assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	assert_true(lease(&s.b, s.dir.ino, 0));
	peer_disconnect(&s.b);
}

/* A line that is lost keeps others out until the client has come back and said that it has sent everything. */
static void
test_comes_back(void **state)
{
	struct servertest *t = *state;
	struct scene s;
	struct peer again;
	struct id128 stream = id128_random();

	scene_begin(t, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	const struct id128 client = s.a.client;
	peer_disconnect(&s.a);
	uint64_t number = send_lookup(&s.b, s.dir.ino, "f");
	expect_waiting(&s.b);
	peer_connect(t, &again, 'a');
	again.client = client;
	assert_int_equal(peer_hello(&again), 0);
	peer_attach(&again, &stream, true);
	send_unlink(&again, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&again, again.number), 0);
	expect_waiting(&s.b);
	(void)lease(&again, 0, 1);
	assert_int_equal(status_of(&s.b, number), CFS_ENOENT);
	peer_disconnect(&again);
	peer_disconnect(&s.b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_look_waits),   TEST(test_inode_waits),      TEST(test_path_waits),
	    TEST(test_changes_wait), TEST(test_refused),          TEST(test_second_is_refused),
	    TEST(test_ends),         TEST(test_other_file),       TEST(test_silent_holder),
	    TEST(test_comes_back),   TEST(test_released_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

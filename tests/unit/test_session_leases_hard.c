/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Leases where things meet: orders of messages, several connections of a client, other ways to the same inode, bad faith. */

#include "leasetest.h"

#include "base/time.h"

/* Sends both while the session waits for the store, so that they are done in one transaction; answers of both. */
static uint64_t
send_both(struct peer *p, const struct m_lease_req *first, const struct m_lease_req *second)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct store *blocker;
	uint64_t number;

	assert_int_equal(store_open(&p->t->store_conf, p->t->shared, &blocker, &err), 0);
	assert_int_equal(store_begin(blocker, &err), 0);
	(void)send_unlink(p, p->home, "nothing", false, 0);
	/* It has been read when PING is not: the session is at the first one. */
	(void)send_lease(p, first->dir, first->back);
	number = send_lease(p, second->dir, second->back);
	store_rollback(blocker);
	store_close(blocker);
	return number;
}

/* What is taken behind the giving back of all is held, in whatever transaction. */
static void
test_back_and_again(void **state)
{
	struct scene s;
	struct m_lease_rep rep;

	scene_begin(*state, &s, LONG_MS);
	for (int i = 0; i < 5; i++) {
		assert_true(lease(&s.a, s.dir.ino, 0));
		const struct m_lease_req back = {.back = 1}, again = {.dir = s.dir.ino};
		uint64_t number = send_both(&s.a, &back, &again);
		assert_int_equal(peer_wait(&s.a, number, &rep), 0);
		assert_int_equal(rep.granted, 1);
		uint64_t look = send_lookup(&s.b, s.dir.ino, "f");
		acknowledge(&s.a, next_recall(&s.a));
		assert_int_equal(status_of(&s.b, look), 0);
		struct m_empty none = {0};
		assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	}
	scene_end(&s);
}

/* What a connection says that was given up is of its own time: the next one's leases stay. */
static void
test_late_back(void **state)
{
	struct servertest *t = *state;
	struct scene s;
	struct peer again;

	scene_begin(t, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	peer_connect(t, &again, 'a');
	again.client = s.a.client;
	assert_int_equal(peer_hello(&again), 0);
	assert_true(lease(&again, s.dir.ino, 0));
	(void)lease(&s.a, 0, 1);
	uint64_t look = send_lookup(&s.b, s.dir.ino, "f");
	uint64_t push = next_recall(&again);
	expect_waiting(&s.b);
	acknowledge(&again, push);
	assert_int_equal(status_of(&s.b, look), 0);
	peer_disconnect(&again);
	scene_end(&s);
}

/* The time of one is over, and another is asked for. */
static void
test_another_after_the_end(void **state)
{
	struct scene s;
	struct m_attr other;

	scene_begin(*state, &s, SHORT_MS);
	assert_int_equal(peer_mkdir(&s.a, s.a.home, "other", &other), 0);
	assert_true(lease(&s.a, s.dir.ino, 0));
	uint64_t over = now_mono_ns() + 2 * SHORT_MS * (uint64_t)NS_PER_MS;
	while (now_mono_ns() < over)
		expect_waiting(&s.b);
	/* Nobody is asked any more. */
	assert_int_equal(status_of(&s.b, send_lookup(&s.b, s.dir.ino, "f")), 0);
	assert_true(lease(&s.a, other.ino, 0));
	scene_end(&s);
}

/* The directory's own times and sizes are to be seen from above. */
static void
test_from_above(void **state)
{
	struct scene s;
	struct m_lookup_rep rep;
	struct m_readdir_rep rows;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	uint64_t look = send_lookup(&s.b, s.b.home, "d"), push = next_recall(&s.a);
	expect_waiting(&s.b);
	send_unlink(&s.a, s.dir.ino, "f", false, s.file.ino);
	assert_int_equal(status_of(&s.a, s.a.number), 0);
	acknowledge(&s.a, push);
	assert_int_equal(peer_wait(&s.b, look, &rep), 0);
	assert_int_equal(rep.attr.size, 0);

	struct m_empty none = {0};
	assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	assert_true(lease(&s.a, s.dir.ino, 0));
	const struct m_readdir_req list = {.dir = s.b.home, .gen = s.b.gen, .max_bytes = 100000};
	peer_send(&s.b, OP_READDIR, 0, &list, NULL, 0);
	look = s.b.number;
	push = next_recall(&s.a);
	expect_waiting(&s.b);
	acknowledge(&s.a, push);
	assert_int_equal(peer_wait(&s.b, look, &rows), 0);
	assert_int_equal(rows.entries.count, 1);
	scene_end(&s);
}

/* A file with other names is looked at by those: there is no lease, and one that there is ends. */
static void
test_other_names(void **state)
{
	struct scene s;
	struct m_attr other;
	struct m_attr_rep rep;

	scene_begin(*state, &s, LONG_MS);
	assert_int_equal(peer_mkdir(&s.a, s.a.home, "other", &other), 0);
	assert_true(lease(&s.a, s.dir.ino, 0));
	const struct m_link_req link = {.seq = ++s.a.seq,
					.ino = s.file.ino,
					.gen = s.file.gen,
					.dir = other.ino,
					.dir_gen = other.gen,
					.name = STR_LIT("g")};
	assert_int_equal(peer_call(&s.a, OP_LINK, &link, &rep, NULL), 0);
	assert_int_equal(rep.attr.nlink, 2);
	/* Nobody is asked. */
	uint64_t began = now_mono_ns();
	assert_int_equal(status_of(&s.b, send_lookup(&s.b, s.dir.ino, "nothing")), CFS_ENOENT);
	assert_true(now_mono_ns() - began < LONG_MS / 2 * (uint64_t)NS_PER_MS);
	struct m_empty none = {0};
	assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
	assert_false(lease(&s.a, s.dir.ino, 0));
	assert_false(lease(&s.a, other.ino, 0));
	scene_end(&s);
}

/* A holder who takes the next lease with the acknowledgement of the recall keeps nobody waiting. */
static void
test_greedy(void **state)
{
	struct scene s;

	scene_begin(*state, &s, LONG_MS);
	for (int i = 0; i < 30; i++) {
		struct m_empty none = {0};

		assert_true(lease(&s.a, s.dir.ino, 0));
		uint64_t look = send_lookup(&s.b, s.dir.ino, "f");
		acknowledge(&s.a, next_recall(&s.a));
		(void)send_lease(&s.a, s.dir.ino, 0);
		assert_int_equal(status_of(&s.b, look), 0);
		assert_int_equal(peer_call(&s.b, OP_PROMISES_RELEASE, &none, &none, NULL), 0);
		(void)lease(&s.a, 0, 1);
	}
	scene_end(&s);
}

/* A session that ends does not wait for others: its client asks again elsewhere. */
static void
test_end_of_who_waits(void **state)
{
	struct scene s;
	uint64_t began;

	scene_begin(*state, &s, LONG_MS);
	assert_true(lease(&s.a, s.dir.ino, 0));
	(void)send_lookup(&s.b, s.dir.ino, "f");
	(void)send_unlink(&s.b, s.dir.ino, "f", false, 0);
	(void)next_recall(&s.a);
	expect_waiting(&s.b);
	began = now_mono_ns();
	peer_disconnect(&s.b);
	assert_true(now_mono_ns() - began < 5 * (uint64_t)NS_PER_S);
	peer_disconnect(&s.a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_back_and_again),   TEST(test_late_back),   TEST(test_another_after_the_end),
	    TEST(test_from_above),       TEST(test_other_names), TEST(test_greedy),
	    TEST(test_end_of_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

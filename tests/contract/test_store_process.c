/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store in a directory and the processes round it: locks, formats, writers at once, writers that die, full listings. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "store/impl.h"
#include "storetest.h"

#define WRITERS   3
#define BATCHES   40
#define PER_BATCH 10
#define MANY      100000u

static void
a_store_is_made_once_and_recognised(void **state)
{
	struct storetest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct store *other;
	char path[400];
	struct id128 one, two;
	uint32_t gen;
	int fd;

	assert_int_equal(store_create(t->path, &err), CFS_EEXIST);
	assert_int_equal(store_lock(t->folder, &fd, &err), CFS_ENOENT);
	assert_int_equal(store_id(t->s, &one, &gen, NULL), 0);
	assert_int_equal(gen, 1);
	st_reopen(t);
	assert_int_equal(store_id(t->s, &two, &gen, NULL), 0);
	assert_true(id128_equal(&one, &two));
	(void)snprintf(path, sizeof(path), "%s/format", t->path);
	assert_int_equal(io_write_file(AT_FDCWD, path, "cfs store 7\n", 12, 0600, NULL), 0);
	assert_int_equal(store_open(&t->conf, t->shared, &other, &err), CFS_EFORMAT);
	assert_non_null(strstr(err.text, "7"));
	assert_non_null(strstr(err.text, "knows 3"));
	assert_int_equal(store_lock(t->path, &fd, &err), CFS_EFORMAT);
}

static void
the_lock_is_held_by_the_last_process_that_has_it(void **state)
{
	struct storetest *t = *state;
	int fd, again, hold[2];
	char c;

	assert_int_equal(pipe(hold), 0);
	assert_int_equal(store_lock(t->path, &fd, NULL), 0);
	assert_int_equal(store_lock(t->path, &again, NULL), CFS_ELOCKED);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(hold[1]);
		_exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
	}
	close(hold[0]);
	close(fd);
	assert_int_equal(store_lock(t->path, &again, NULL), CFS_ELOCKED);
	close(hold[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(store_lock(t->path, &again, NULL), 0);
	close(again);
}

/* A writer's life, in a process of its own: batches of puts, each batch durable. */
static int
write_batches(struct storetest *t, unsigned self)
{
	struct stream_state st;
	struct store *s;
	struct id128 id = id128_random();
	uint64_t commit, replaced;
	char name[32];
	int rc = store_open(&t->conf, t->shared, &s, NULL);

	if (rc == 0)
		rc = stream_attach(s, t->alice.id, &id, true, BATCHES * PER_BATCH, &st, NULL);
	for (unsigned b = 0; b < BATCHES && rc == 0; b++) {
		rc = store_begin(s, NULL);
		for (unsigned i = 0; i < PER_BATCH && rc == 0; i++) {
			struct inode_attr attr;
			struct content_piece p = {.kind = PIECE_INLINE, .length = 3, .data = "abc"};
			struct put_args a = {.dir = t->home,
					     .ino = st.first_ino + b * PER_BATCH + i,
					     .stream = id,
					     .make_inode = true,
					     .size = 3,
					     .pieces = &p,
					     .piece_count = 1};

			(void)snprintf(name, sizeof(name), "w%u-%u-%u", self, b, i);
			a.name = st_str(name);
			rc = content_put(s, &t->a, &a, &attr, &replaced, NULL);
		}
		if (rc == 0)
			rc = store_commit(s, &commit, NULL);
		if (rc == 0)
			rc = store_sync(s, commit, NULL);
		if (b % 8 == 7)
			store_idle(s);
	}
	store_close(s);
	return rc;
}

static void
processes_write_at_once(void **state)
{
	struct storetest *t = *state;
	pid_t pids[WRITERS];
	struct inode_attr home;
	int status;

	store_idle(t->s);
	for (unsigned i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(write_batches(t, i) == 0 ? 0 : 1);
	}
	bool more = true;
	for (unsigned i = 0; i < 20 || more; i++)
		assert_int_equal(store_keep(t->s, 5, &more, NULL), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(names_getattr(t->s, &t->a, t->home, &home, NULL), 0);
	assert_int_equal(home.size, WRITERS * BATCHES * PER_BATCH);
	/* Every commit has a number, and what was waited for is durable. */
	assert_true(store_last_commit(t->s) >= WRITERS * BATCHES);
	assert_true(t->shared->durable >= WRITERS * BATCHES);
	st_check(t);
}

/* A process that is killed inside a transaction, its mutex held and pages of it in the log. */
static void
die_inside(struct storetest *t, int tell)
{
	static unsigned char big[STORE_INLINE_MAX];
	struct store *s;
	struct stream_state st;
	struct id128 id = id128_random();
	struct inode_attr attr;
	uint64_t replaced;
	char name[32];

	if (store_open(&t->conf, t->shared, &s, NULL) != 0 ||
	    stream_attach(s, t->alice.id, &id, true, 1000, &st, NULL) != 0 ||
	    store_begin(s, NULL) != 0)
		_exit(1);
	/* More than the page cache holds, so that uncommitted pages reach the log. */
	for (unsigned i = 0; i < 300; i++) {
		struct content_piece p = {.kind = PIECE_INLINE, .length = sizeof(big), .data = big};
		struct put_args a = {.dir = t->home,
				     .ino = st.first_ino + i,
				     .stream = id,
				     .make_inode = true,
				     .size = sizeof(big),
				     .pieces = &p,
				     .piece_count = 1};

		(void)snprintf(name, sizeof(name), "dead-%u", i);
		a.name = st_str(name);
		if (content_put(s, &t->a, &a, &attr, &replaced, NULL) != 0)
			_exit(1);
	}
	if (write(tell, "x", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static void
a_writer_that_dies_leaves_nothing(void **state)
{
	struct storetest *t = *state;
	struct inode_attr home;
	int ready[2], status;
	char c;

	assert_int_equal(st_put(t, t->home, "before", "x", 1, NULL), 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(pipe(ready), 0);
		store_idle(t->s);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			die_inside(t, ready[1]);
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		/* Readers do not wait for it, and do not see it. */
		assert_int_equal(names_getattr(t->s, &t->a, t->home, &home, NULL), 0);
		assert_int_equal(home.size, 1 + round);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		char name[16];
		(void)snprintf(name, sizeof(name), "after-%u", round);
		assert_int_equal(st_put(t, t->home, name, "x", 1, NULL), 0);
		st_check(t);
	}
	st_reopen(t);
	assert_int_equal(names_getattr(t->s, &t->a, t->home, &home, NULL), 0);
	assert_int_equal(home.size, 4);
	st_check(t);
}

struct waiter {
	struct store *s;
	_Atomic uint64_t commit;
	_Atomic bool stop;
	_Atomic int rc;
};

static void *
wait_for_commits(void *arg)
{
	struct waiter *w = arg;

	while (!w->stop && w->rc == 0)
		w->rc = store_sync(w->s, w->commit, NULL);
	return NULL;
}

static void
any_thread_waits_for_the_disk(void **state)
{
	struct storetest *t = *state;
	struct waiter w = {.s = t->s};
	pthread_t threads[2];
	char name[16];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_commits, &w), 0);
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		st_need_ino(t);
		st_begin(t);
		assert_int_equal(st_put(t, t->home, name, "x", 1, NULL), 0);
		w.commit = st_commit(t);
		if (i % 3 == 0)
			store_idle(t->s);
	}
	w.stop = true;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(w.rc, 0);
	assert_int_equal(store_sync(t->s, store_last_commit(t->s), NULL), 0);
	assert_true(t->shared->durable == store_last_commit(t->s));
}

static void
after_a_failed_flush_nothing_is_written(void **state)
{
	struct storetest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct inode_attr attr;

	assert_int_equal(st_put(t, t->home, "f", "x", 1, NULL), 0);
	st_begin(t);
	assert_int_equal(st_put(t, t->home, "g", "x", 1, NULL), 0);
	uint64_t commit = st_commit(t);
	t->shared->failed = true;
	assert_int_equal(store_sync(t->s, commit, &err), CFS_EREADONLY);
	assert_int_equal(store_begin(t->s, &err), CFS_EREADONLY);
	assert_int_equal(names_lookup(t->s, &t->a, t->home, st_str("f"), &attr, NULL), 0);
	t->shared->failed = false;
	assert_int_equal(store_sync(t->s, commit, &err), 0);
}

/* ---- a listing that goes on while the directory changes ---- */

struct listed {
	unsigned char *times; /* how often each stable entry was seen */
	uint64_t last;
	unsigned taken;
};

static int
list_one(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	struct listed *l = arg;
	char text[32] = "";
	unsigned number;

	(void)attr;
	if (l->taken == 700)
		return 1;
	memcpy(text, name.data, name.len);
	if (sscanf(text, "stable-%u", &number) == 1 && number < MANY)
		l->times[number]++;
	l->taken++;
	l->last = cookie;
	return 0;
}

static void
change_something(struct storetest *t, unsigned round)
{
	struct inode_attr attr;
	char name[32], other[32];

	(void)snprintf(name, sizeof(name), "new-%u", round);
	assert_int_equal(st_put(t, t->home, name, "x", 1, &attr), 0);
	(void)snprintf(other, sizeof(other), "link-%u", round);
	assert_int_equal(st_link(t, st_ref(&attr), t->home, other), 0);
	(void)snprintf(other, sizeof(other), "gone-%u", round);
	(void)st_unlink(t, t->home, other, false);
	/* Renamed and replaced, a stable entry stays in its place. */
	(void)snprintf(name, sizeof(name), "stable-%u", round * 311 % MANY);
	assert_int_equal(st_rename(t, t->home, name, t->home, "moving"), 0);
	assert_int_equal(st_rename(t, t->home, "moving", t->home, name), 0);
	(void)snprintf(name, sizeof(name), "stable-%u", round * 173 % MANY);
	assert_int_equal(st_put(t, t->home, name, "y", 1, NULL), 0);
}

static void
fill(struct storetest *t)
{
	char name[32];

	for (unsigned i = 0; i < MANY + 2000; i++) {
		if (i % 1000 == 0) {
			if (i > 0)
				(void)st_commit(t);
			t->next_ino = t->end_ino; /* a range for each batch */
			st_need_ino(t);
			st_begin(t);
		}
		(void)snprintf(name, sizeof(name), i < MANY ? "stable-%u" : "gone-%u",
			       i < MANY ? i : i - MANY);
		assert_int_equal(st_create(t, t->home, name, INODE_FILE, NULL), 0);
	}
	(void)st_commit(t);
}

static void
a_long_listing_sees_each_entry_once(void **state)
{
	struct storetest *t = *state;
	struct listed l = {.times = calloc(MANY, 1)};
	uint64_t parent, start;
	unsigned rounds = 0;
	bool eof = false;

	assert_non_null(l.times);
	fill(t);
	while (!eof) {
		l.taken = 0;
		start = now_mono_ns();
		assert_int_equal(
		    names_readdir(t->s, &t->a, t->home, l.last, list_one, &l, &eof, &parent, NULL),
		    0);
		assert_true(now_mono_ns() - start < 2 * (uint64_t)NS_PER_S);
		change_something(t, rounds++);
	}
	assert_true(rounds > MANY / 700);
	assert_int_equal(parent, STORE_ROOT_INO);
	for (unsigned i = 0; i < MANY; i++) {
		if (l.times[i] != 1)
			fail_msg("entry %u was seen %u times", i, l.times[i]);
	}
	free(l.times);
	st_check(t);
}

/* ---- [limits] db_sessions ---- */

static void *
look_up_alice(void *arg)
{
	struct person p;

	assert_int_equal(people_by_name(arg, "alice", &p, NULL), 0);
	store_idle(arg);
	return NULL;
}

static void
databases_are_opened_in_turn(void **state)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	struct storetest *t = *state;
	struct store_conf conf = t->conf;
	struct store *first, *second;
	struct person p;
	pthread_t thread;
	int status;
	pid_t pid;

	conf.db_sessions = 1;
	assert_int_equal(store_open(&conf, t->shared, &first, NULL), 0);
	assert_int_equal(store_open(&conf, t->shared, &second, NULL), 0);
	/* One that dies with an open database gives its place back. */
	pid = fork();
	if (pid == 0)
		_exit(people_by_name(first, "alice", &p, NULL) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	assert_int_equal(people_by_name(first, "alice", &p, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, look_up_alice, second), 0);
	while (atomic_load(&t->shared->db_waiting) == 0)
		(void)nanosleep(&pause, NULL);
	assert_int_equal(pthread_tryjoin_np(thread, NULL), EBUSY);
	/* Who is not counted waits for nobody. */
	assert_int_equal(people_by_name(t->s, "bob", &p, NULL), 0);
	while (atomic_load(&t->shared->db_waiting) > 0) {
		store_yield(first);
		(void)nanosleep(&pause, NULL);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(people_by_name(first, "alice", &p, NULL), 0);
	store_close(first);
	store_close(second);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, storetest_dir_setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_store_is_made_once_and_recognised),
	    TEST(the_lock_is_held_by_the_last_process_that_has_it),
	    TEST(processes_write_at_once),
	    TEST(a_writer_that_dies_leaves_nothing),
	    TEST(any_thread_waits_for_the_disk),
	    TEST(after_a_failed_flush_nothing_is_written),
	    TEST(a_long_listing_sees_each_entry_once),
	    TEST(databases_are_opened_in_turn),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}

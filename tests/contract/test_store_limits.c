/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one user does to the extreme, and what goes wrong below: nobody else is hurt by it. Over every kind of store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/events.h"
#include "store/impl.h"
#include "store/layout.h"
#include "storetest.h"

#define MINUTE_NS (60 * NS_PER_S)

static int
set_size(struct storetest *t, const struct inode_attr *f, uint64_t size)
{
	struct setattr_args a = {.ref = st_ref(f), .valid = SETATTR_SIZE, .size = size};
	struct cfs_err err = CFS_ERR_INIT;
	struct inode_attr out;
	uint64_t commit;
	int rc;

	st_begin(t);
	rc = names_setattr(t->s, &t->a, &a, &out, &err);
	if (rc == 0)
		rc = store_commit(t->s, &commit, &err);
	store_rollback(t->s);
	return rc;
}

/* Files of the largest size cost nothing to make: their sum must not stop the keeper, the statistics or the check. */
static void
sums_of_sizes_do_not_overflow(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct storetest *t = *state;
	struct store_stats stats;
	struct inode_attr f[4];

	t->conf.attic_max_bytes = 2;
	for (int i = 0; i < 4; i++)
		assert_int_equal(st_put(t, t->home, names[i], "x", 1, &f[i]), 0);
	assert_int_equal(set_size(t, &f[0], (uint64_t)STORE_FILE_MAX), 0);
	/* What a user's files have together stays a number. */
	assert_int_equal(set_size(t, &f[1], (uint64_t)STORE_FILE_MAX), CFS_EFBIG);
	assert_int_equal(set_size(t, &f[1], (uint64_t)STORE_FILE_MAX - 1000), 0);
	assert_int_equal(set_size(t, &f[2], 2000), CFS_EFBIG);
	st_check(t);
	assert_int_equal(store_stats(t->s, &stats, NULL), 0);

	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_unlink(t, t->home, "a", false), 0);
	assert_int_equal(st_unlink(t, t->home, "b", false), 0);
	assert_int_equal(set_size(t, &f[2], (uint64_t)STORE_FILE_MAX), 0);
	assert_int_equal(st_unlink(t, t->home, "c", false), 0);
	assert_int_equal(store_stats(t->s, &stats, NULL), 0);
	st_keep(t);
	assert_int_equal(store_stats(t->s, &stats, NULL), 0);
	assert_int_equal(stats.attic_files, 2);
	st_check(t);
}

static int
count_event(void *arg, const struct event *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

/*
 * When the disk is full in the middle of a transaction the engine undoes all of it by itself. Nothing that comes
 * afterwards may count as part of it, or be committed alone.
 */
static void
an_undone_transaction_goes_no_further(void **state)
{
	struct storetest *t = *state;
	struct event e = {.kind = EVENT_ADMIN, .owner = t->alice.id};
	struct create_args c = {.dir = t->home,
				.name = st_str("f"),
				.ino = st_ino(t),
				.stream = t->stream.stream,
				.type = INODE_FILE};
	struct cfs_err err = CFS_ERR_INIT;
	struct inode_attr f;
	uint64_t commit;
	int events = 0;

	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &c, &f, &err), 0);
	assert_int_equal(db_exec(t->s->db, "PRAGMA max_page_count = 1", &err), 0);
	while (events_add(t->s, &e, &err) == 0)
		;
	assert_int_equal(err.code, CFS_ENOSPC);
	assert_int_equal(db_exec(t->s->db, "PRAGMA max_page_count = 1000000", NULL), 0);
	assert_int_equal(events_add(t->s, &e, &err), CFS_ENOSPC);
	assert_int_equal(store_commit(t->s, &commit, &err), CFS_ENOSPC);
	assert_true(events_list(t->s, &t->admin, 0, 10, &(struct event_want){0}, count_event,
				&events, &commit, &err) >= 0);
	assert_int_equal(events, 0);
	assert_int_equal(names_lookup(t->s, &t->a, t->home, c.name, &f, &err), CFS_ENOENT);
	st_keep(t);
	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	st_check(t);
}

/*
 * Who dies while it holds the write mutex may have committed what it did not get to count: what is on stable storage
 * must not be taken for complete after it.
 */
static void
a_commit_that_was_not_counted_is_flushed(void **state)
{
	struct storetest *t = *state;
	uint64_t before = store_last_commit(t->s);
	int status;
	pid_t child;

	assert_int_equal(store_sync(t->s, before, NULL), 0);
	child = fork();
	if (child == 0)
		_exit(shared_lock_write(t->shared, NULL) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	st_begin(t);
	store_rollback(t->s);
	assert_true(store_last_commit(t->s) > before);
}

static uint64_t
count_blobs(struct storetest *t)
{
	static const struct db_sql sql = {"SELECT count(*) FROM blob"};
	uint64_t n = 0;

	assert_int_equal(sql_get(t->s, &sql, NULL, 0, &n, NULL), 1);
	return n;
}

static off_t
db_bytes(const struct storetest *t)
{
	char path[320];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_DB, t->path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Puts a directory where a blob's file is, which no unlink() removes. */
static void
spoil(const struct storetest *t, const struct id128 *id)
{
	char hex[ID128_HEX_SIZE], path[400];

	id128_hex(hex, id);
	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_BLOBS "/%.2s/%s", t->path, hex, hex);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* One thing that the keeper cannot do keeps it neither from the rest of its work nor from moving the log. */
static void
the_keeper_goes_on(void **state)
{
	struct storetest *t = *state;
	unsigned char bytes[40000] = {0};
	struct cfs_err err = CFS_ERR_INIT;
	struct id128 ids[5];
	char name[16];
	off_t before;
	bool more;

	for (unsigned i = 0; i < 5; i++) {
		bytes[0] = (unsigned char)i;
		ids[i] = st_blob(t, bytes, sizeof(bytes));
	}
	spoil(t, &ids[1]);
	spoil(t, &ids[3]);
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(st_put(t, t->home, name, bytes, 30000, NULL), 0);
	}
	before = db_bytes(t);
	t->s->clock_shift_ns = 25 * 60 * MINUTE_NS;
	assert_true(store_keep(t->s, 1000, &more, &err) < 0);
	assert_int_equal(count_blobs(t), 2);
	assert_true(db_bytes(t) > before + 50 * 30000);
}

static int64_t
count(struct storetest *t, const struct db_sql *sql, const struct id128 *stream)
{
	struct db_stmt *st = db_use(t->s->db, sql, NULL);
	int64_t n;

	if (stream != NULL)
		db_bind_blob(st, 1, stream->b, sizeof(stream->b));
	assert_int_equal(db_step(st, NULL), 1);
	n = db_col_i64(st, 0);
	db_done(st);
	return n;
}

/* Streams of long ago, as a client leaves them that signs in anew each time. */
static void
leave_streams(struct storetest *t, unsigned n)
{
	static const struct db_sql sql = {
	    "INSERT INTO stream (id, person, epoch, last_seq, seen) VALUES (?1, ?2, 1, 0, ?3)"};
	uint64_t commit;

	st_begin(t);
	for (unsigned i = 0; i < n; i++) {
		struct db_stmt *st = db_use(t->s->db, &sql, NULL);
		struct id128 id = id128_random();

		db_bind_blob(st, 1, id.b, sizeof(id.b));
		db_bind_u64(st, 2, t->alice.id);
		db_bind_u64(st, 3, i + 1);
		assert_int_equal(db_run(st, NULL), 1);
	}
	assert_int_equal(store_commit(t->s, &commit, NULL), 0);
}

static void
streams_and_ranges_are_bounded(void **state)
{
	static const struct db_sql streams = {"SELECT count(*) FROM stream"},
				   oldest = {"SELECT min(seen) FROM stream"},
				   ranges = {"SELECT count(*) FROM ino_range WHERE stream = ?1"};
	struct storetest *t = *state;
	struct stream_state now;
	struct id128 mine = id128_random(), others = id128_random();

	assert_int_equal(stream_attach(t->s, t->bob.id, &others, true, 1, &now, NULL), 0);
	int64_t before = count(t, &streams, NULL);
	leave_streams(t, STREAMS_MAX + 10);
	assert_int_equal(stream_attach(t->s, t->alice.id, &mine, true, 1, &now, NULL), 0);
	/* Bob's is not hers to lose, and the first that go are those that were not seen for longest. */
	assert_in_range(count(t, &streams, NULL), STREAMS_MAX,
			(uint64_t)STREAMS_MAX + (uint64_t)before);
	assert_in_range(count(t, &oldest, NULL), 10, 14);
	assert_int_equal(stream_attach(t->s, t->bob.id, &others, false, 1, &now, NULL), 0);

	for (unsigned i = 0; i < RANGES_MAX + 10; i++)
		assert_int_equal(stream_attach(t->s, t->alice.id, &mine, false, 1, &now, NULL), 0);
	assert_int_equal(count(t, &ranges, &mine), RANGES_MAX);
	/* What was given last is good. */
	assert_int_equal(now.ino_count, 1);
}

static void
strangers_fill_no_table(void **state)
{
	static const struct db_sql events = {"SELECT count(*) FROM event WHERE kind = 4"};
	const struct event e = {.kind = EVENT_REFUSED, .result = CFS_EAUTH};
	struct storetest *t = *state;
	uint64_t commit;

	for (unsigned minute = 1; minute <= 2; minute++) {
		st_begin(t);
		for (unsigned i = 0; i < 4 * EVENTS_REFUSED_MAX; i++)
			assert_int_equal(events_add(t->s, &e, NULL), 0);
		assert_int_equal(store_commit(t->s, &commit, NULL), 0);
		/* The clock's minute may have ended meanwhile. */
		assert_in_range(count(t, &events, NULL), EVENTS_REFUSED_MAX * minute,
				EVENTS_REFUSED_MAX * (minute + 1));
		t->s->clock_shift_ns += MINUTE_NS;
	}
}

static int
run(const char *name, CMFixtureFunction setup, bool lasting)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(sums_of_sizes_do_not_overflow),
	    TEST(an_undone_transaction_goes_no_further),
	    TEST(a_commit_that_was_not_counted_is_flushed),
	    TEST(streams_and_ranges_are_bounded),
	    TEST(strangers_fill_no_table),
	    TEST(the_keeper_goes_on),
	};
#undef TEST

	/* Memory has no files that could be spoiled: that test is the last. */
	return _cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests) - (lasting ? 0 : 1), NULL,
				       NULL);
}

int
main(void)
{
	int failed = run("limits: memory", storetest_memory_setup, false);

	failed += run("limits: directory", storetest_dir_setup, true);
	return failed == 0 ? 0 : 1;
}

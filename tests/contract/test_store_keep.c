/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes away by itself, what is kept first, and what the check finds; over every kind of store. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/impl.h"
#include "store/layout.h"
#include "storetest.h"

#define MINUTE_NS (60 * NS_PER_S)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

static struct store_stats
stats(struct storetest *t)
{
	struct store_stats st;

	assert_int_equal(store_stats(t->s, &st, NULL), 0);
	return st;
}

static int
getattr(struct storetest *t, const struct inode_attr *f)
{
	struct inode_attr attr;

	return names_getattr(t->s, &t->a, st_ref(f), &attr, NULL);
}

static void
old_files_go_to_the_attic_for_a_time(void **state)
{
	struct storetest *t = *state;
	struct inode_attr old, brief, replaced;

	assert_int_equal(st_put(t, t->home, "old", "keep me", 7, &old), 0);
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_put(t, t->home, "brief", "x", 1, &brief), 0);
	assert_int_equal(st_put(t, t->home, "r", "one", 3, &replaced), 0);
	assert_int_equal(st_put(t, t->home, "r", "two", 3, NULL), 0);
	assert_int_equal(st_unlink(t, t->home, "old", false), 0);
	assert_int_equal(st_unlink(t, t->home, "brief", false), 0);
	assert_int_equal(stats(t).attic_files, 2);
	assert_int_equal(stats(t).attic_bytes, 10);
	st_keep(t);
	st_assert_content(t, st_ref(&old), "keep me", 7);
	assert_int_equal(getattr(t, &brief), 0);
	st_check(t);
	/* An hour on: retention (an hour in these tests) is over, and so is the grace of what was not kept. */
	t->s->clock_shift_ns += HOUR_NS + MINUTE_NS;
	st_keep(t);
	assert_int_equal(getattr(t, &old), CFS_ESTALE);
	assert_int_equal(getattr(t, &brief), CFS_ESTALE);
	assert_int_equal(getattr(t, &replaced), CFS_ESTALE);
	assert_int_equal(stats(t).attic_files, 0);
	st_check(t);
}

static void
the_attic_has_a_size(void **state)
{
	struct storetest *t = *state;
	unsigned char data[1000] = {0};
	char name[16];

	t->conf.attic_max_bytes = 20000;
	for (unsigned i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(st_put(t, t->home, name, data, sizeof(data), NULL), 0);
	}
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	for (unsigned i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(st_unlink(t, t->home, name, false), 0);
	}
	assert_int_equal(stats(t).attic_files, 60);
	st_keep(t);
	assert_true(stats(t).attic_bytes <= 20000);
	assert_true(stats(t).attic_files > 0);
	st_check(t);
}

static void
nothing_is_kept_where_retention_is_off(void **state)
{
	struct storetest *t = *state;

	t->conf.attic_keep_ms = 0;
	assert_int_equal(st_put(t, t->home, "f", "x", 1, NULL), 0);
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	assert_int_equal(stats(t).attic_files, 0);
	st_check(t);
}

static void
an_open_file_without_a_name_lives_while_it_is_written(void **state)
{
	struct storetest *t = *state;
	struct content_piece p = {.kind = PIECE_INLINE, .length = 4, .data = "more"};
	struct inode_attr f;

	assert_int_equal(st_put(t, t->home, "f", "temp", 4, &f), 0);
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	for (unsigned i = 0; i < 4; i++) {
		t->s->clock_shift_ns += 40 * MINUTE_NS;
		assert_int_equal(st_write(t, st_ref(&f), f.size, &p, 1, &f), 0);
		st_keep(t);
	}
	st_assert_content(t, st_ref(&f), "tempmoremoremoremore", 20);
	t->s->clock_shift_ns += 2 * HOUR_NS;
	st_keep(t);
	assert_int_equal(getattr(t, &f), CFS_ESTALE);
	st_check(t);
}

static void
abandoned_uploads_go(void **state)
{
	struct storetest *t = *state;
	struct create_args c = {.ino = st_ino(t), .stream = t->stream.stream, .type = INODE_FILE};
	unsigned char data[100] = {1};
	struct content_piece p = {.kind = PIECE_BLOB, .length = sizeof(data)};
	struct inode_attr f;
	uint64_t size;

	p.blob = st_blob(t, data, sizeof(data));
	st_begin(t);
	assert_int_equal(names_create(t->s, &t->a, &c, &f, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(st_write(t, st_ref(&f), 0, &p, 1, NULL), 0);
	t->s->clock_shift_ns = 23 * HOUR_NS;
	st_keep(t);
	assert_int_equal(getattr(t, &f), 0);
	t->s->clock_shift_ns = 25 * HOUR_NS;
	st_keep(t);
	assert_int_equal(getattr(t, &f), CFS_ESTALE);
	assert_int_equal(blob_size(t->s->blobs, &p.blob, &size, NULL), 0);
	t->s->clock_shift_ns = 26 * HOUR_NS;
	st_keep(t);
	assert_int_equal(blob_size(t->s->blobs, &p.blob, &size, NULL), CFS_ENOENT);
	assert_int_equal(stats(t).blobs, 0);
	st_check(t);
}

static void
blobs_go_when_the_last_reference_does(void **state)
{
	struct storetest *t = *state;
	unsigned char data[100] = {2};
	struct content_piece p[2];
	struct inode_attr f;
	struct sha256 sum;
	struct id128 unnamed, found;
	uint64_t size;

	/* Nor does the attic hold any. */
	t->conf.attic_keep_ms = 0;
	unnamed = st_blob(t, "never named", 11);
	p[0] = p[1] = (struct content_piece){.kind = PIECE_BLOB, .length = sizeof(data)};
	p[0].blob = p[1].blob = st_blob(t, data, sizeof(data));
	assert_int_equal(st_create(t, t->home, "f", INODE_FILE, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 2, NULL), 0);
	t->s->clock_shift_ns = 2 * DAY_NS;
	st_keep(t);
	assert_int_equal(blob_size(t->s->blobs, &unnamed, &size, NULL), CFS_ENOENT);
	assert_int_equal(blob_size(t->s->blobs, &p[0].blob, &size, NULL), 0);
	/* One of two references replaced, then the other. */
	p[1] = (struct content_piece){.kind = PIECE_HOLE, .length = sizeof(data)};
	assert_int_equal(st_write(t, st_ref(&f), 0, &p[1], 1, NULL), 0);
	t->s->clock_shift_ns += 2 * DAY_NS;
	st_keep(t);
	assert_int_equal(blob_size(t->s->blobs, &p[0].blob, &size, NULL), 0);
	assert_int_equal(st_write(t, st_ref(&f), sizeof(data), &p[1], 1, NULL), 0);
	st_keep(t);
	assert_int_equal(sha256_once(NULL, data, sizeof(data), &sum), 0);
	assert_int_equal(content_blob_find(t->s, t->alice.id, &sum, sizeof(data), &found, NULL), 1);
	t->s->clock_shift_ns += HOUR_NS;
	st_keep(t);
	assert_int_equal(blob_size(t->s->blobs, &p[0].blob, &size, NULL), CFS_ENOENT);
	assert_int_equal(content_blob_find(t->s, t->alice.id, &sum, sizeof(data), &found, NULL), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, p, 1, NULL), CFS_EBLOBGONE);
	st_check(t);
}

static void
streams_end_after_a_month(void **state)
{
	struct storetest *t = *state;
	struct stream_state now;

	t->s->clock_shift_ns = 20 * DAY_NS;
	st_keep(t);
	assert_int_equal(stream_attach(t->s, t->alice.id, &t->stream.stream, false, 1, &now, NULL),
			 0);
	t->s->clock_shift_ns = 51 * DAY_NS;
	st_keep(t);
	assert_int_equal(stream_attach(t->s, t->alice.id, &t->stream.stream, false, 1, &now, NULL),
			 CFS_ESTREAMLOST);
}

static void
count_fault(void *arg, const char *fault)
{
	(void)fault;
	++*(int *)arg;
}

static int
damage(struct storetest *t, const char *sql)
{
	int count = 0;

	assert_int_equal(store_check(t->s, count_fault, &count, NULL), 0);
	assert_int_equal(db_exec(t->s->db, sql, NULL), 0);
	return store_check(t->s, count_fault, &count, NULL);
}

static void
the_check_finds_what_is_wrong(void **state)
{
	struct storetest *t = *state;
	static const char *const damages[][2] = {
	    {"UPDATE inode SET nlink = nlink + 1 WHERE type = 1 AND nlink = 1",
	     "UPDATE inode SET nlink = nlink - 1 WHERE type = 1 AND nlink = 2"},
	    {"UPDATE inode SET size = size + 1 WHERE type = 2", "UPDATE inode SET size = size - 1"
								" WHERE type = 2"},
	    {"UPDATE blob SET refs = refs + 1", "UPDATE blob SET refs = refs - 1"},
	    {"UPDATE blob SET stored = stored + 1", "UPDATE blob SET stored = stored - 1"},
	    {"UPDATE extent SET crc = crc + 1 WHERE kind = 1",
	     "UPDATE extent SET crc = crc - 1 WHERE kind = 1"},
	    {"UPDATE extent SET off = off + 1", "UPDATE extent SET off = off - 1"},
	    {"UPDATE usage SET bytes = bytes + 1", "UPDATE usage SET bytes = bytes - 1"},
	    {"UPDATE inode SET stored = stored + 1", "UPDATE inode SET stored = stored - 1"},
	    {"INSERT INTO orphan (ino, since) SELECT ino, 0 FROM inode WHERE type = 1",
	     "DELETE FROM orphan"},
	    {"INSERT INTO dentry (parent, id, ino, name) VALUES (1, 9, 8, x'41')",
	     "DELETE FROM dentry WHERE id = 9"},
	    {"UPDATE counter SET value = 100", "UPDATE counter SET value = 100000"},
	};
	unsigned char data[100] = {3};
	struct content_piece p = {.kind = PIECE_BLOB, .length = sizeof(data)};
	struct inode_attr f;
	int faults = 0;

	p.blob = st_blob(t, data, sizeof(data));
	assert_int_equal(st_put(t, t->home, "f", "inline", 6, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 1000, &p, 1, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		if (damage(t, damages[i][0]) <= 0)
			fail_msg("not found: %s", damages[i][0]);
		assert_int_equal(db_exec(t->s->db, damages[i][1], NULL), 0);
	}
	assert_int_equal(blob_remove(t->s->blobs, &p.blob, NULL), 0);
	assert_int_equal(store_check(t->s, count_fault, &faults, NULL), 1);
	assert_int_equal(faults, 1);
}

static void
damaged_inline_bytes_are_never_given_out(void **state)
{
	struct storetest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct content_plan *plan;
	struct inode_attr f;

	assert_int_equal(st_put(t, t->home, "f", "inline", 6, &f), 0);
	assert_int_equal(db_exec(t->s->db, "UPDATE extent SET data = x'696e6c696e66'", NULL), 0);
	assert_int_equal(content_plan(t->s, &t->a, st_ref(&f), 0, 6, 0, true, &plan, &err),
			 CFS_ECORRUPT);
	assert_non_null(strstr(err.text, "0 to 6"));
	/* It can be replaced and removed all the same. */
	assert_int_equal(st_put(t, t->home, "f", "whole", 5, &f), 0);
	st_assert_content(t, st_ref(&f), "whole", 5);
	t->s->clock_shift_ns = 2 * HOUR_NS;
	st_keep(t);
	st_check(t);
}

static void
a_full_disk_takes_no_content_but_lets_delete(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f;
	struct stat st;
	char ballast[320];

	assert_int_equal(st_put(t, t->home, "f", "x", 1, &f), 0);
	t->conf.min_free_bytes = (uint64_t)1 << 60;
	assert_int_equal(st_put(t, t->home, "g", "x", 1, NULL), CFS_ENOSPC);
	assert_int_equal(st_create(t, t->home, "empty", INODE_FILE, NULL), 0);
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	t->conf.min_free_bytes = 0;
	assert_int_equal(st_put(t, t->home, "g", "x", 1, NULL), 0);

	(void)snprintf(ballast, sizeof(ballast), "%s/" LAYOUT_BALLAST, t->path);
	assert_int_equal(stat(ballast, &st), 0);
	assert_int_equal(st.st_size, BALLAST_BYTES);
	space_exhausted(t->s);
	assert_int_not_equal(stat(ballast, &st), 0);
	assert_int_equal(st_put(t, t->home, "h", "x", 1, NULL), CFS_ENOSPC);
	assert_int_equal(st_unlink(t, t->home, "g", false), 0);
	st_keep(t);
	assert_int_equal(stat(ballast, &st), 0);
	assert_int_equal(st_put(t, t->home, "h", "x", 1, NULL), 0);
	st_check(t);
}

static bool
has_blob(struct storetest *t, const struct id128 *id)
{
	uint64_t size;

	return blob_size(t->s->blobs, id, &size, NULL) == 0;
}

#define SENT 50000u

/* A file of one such blob. */
static int
put_blob(struct storetest *t, const char *name, const struct id128 *id)
{
	const struct content_piece piece = {.kind = PIECE_BLOB, .length = SENT, .blob = *id};
	struct put_args a = {.dir = t->home,
			     .name = st_str(name),
			     .ino = st_ino(t),
			     .stream = t->stream.stream,
			     .make_inode = true,
			     .mode = 0644,
			     .size = SENT,
			     .pieces = &piece,
			     .piece_count = 1};
	struct inode_attr attr;
	uint64_t replaced, commit;
	int rc;

	st_begin(t);
	rc = content_put(t->s, &t->a, &a, &attr, &replaced, NULL);
	if (rc == 0)
		return store_commit(t->s, &commit, NULL);
	store_rollback(t->s);
	return rc;
}

/*
 * What was sent and never named stays for a day, because its change may be on its way. When the disk is full it goes ten seconds after
 * it was sent; what files have stays.
 */
static void
what_was_sent_and_not_named_gives_way(void **state)
{
	struct storetest *t = *state;
	static unsigned char bytes[2][SENT];
	struct id128 named, sent;

	memset(bytes[0], 'n', sizeof(bytes[0]));
	memset(bytes[1], 's', sizeof(bytes[1]));
	named = st_blob(t, bytes[0], sizeof(bytes[0]));
	sent = st_blob(t, bytes[1], sizeof(bytes[1]));
	assert_int_equal(put_blob(t, "f", &named), 0);
	/* There is room: for a day. */
	t->s->clock_shift_ns = DAY_NS - HOUR_NS;
	st_keep(t);
	assert_true(has_blob(t, &sent));
	/* There is none: not at once. */
	t->s->clock_shift_ns = 0;
	t->conf.min_free_bytes = (uint64_t)1 << 60;
	st_keep(t);
	assert_true(has_blob(t, &sent));
	t->s->clock_shift_ns = 11 * NS_PER_S;
	st_keep(t);
	assert_false(has_blob(t, &sent));
	assert_true(has_blob(t, &named));
	/* Who names it after all is told to send it again. */
	t->conf.min_free_bytes = 0;
	st_keep(t);
	assert_int_equal(put_blob(t, "g", &sent), CFS_EBLOBGONE);
	st_check(t);
}

static int
run(const char *name, CMFixtureFunction setup, bool lasting)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(old_files_go_to_the_attic_for_a_time),
	    TEST(the_attic_has_a_size),
	    TEST(nothing_is_kept_where_retention_is_off),
	    TEST(an_open_file_without_a_name_lives_while_it_is_written),
	    TEST(abandoned_uploads_go),
	    TEST(blobs_go_when_the_last_reference_does),
	    TEST(streams_end_after_a_month),
	    TEST(the_check_finds_what_is_wrong),
	    TEST(damaged_inline_bytes_are_never_given_out),
	    TEST(what_was_sent_and_not_named_gives_way),
	    TEST(a_full_disk_takes_no_content_but_lets_delete),
	};
#undef TEST

	/* Memory has no disk that fills up: those tests are the last. */
	return _cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests) - (lasting ? 0 : 2), NULL,
				       NULL);
}

int
main(void)
{
	int failed = run("keep: memory", storetest_memory_setup, false);

	failed += run("keep: directory", storetest_dir_setup, true);
	return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scrubbing, healing, repair, backups, and that nothing is removed while one is made. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "store/backup.h"
#include "store/blobfmt.h"
#include "store/gc.h"
#include "store/impl.h"
#include "store/layout.h"
#include "store/repair.h"
#include "store/scrub.h"
#include "storetest.h"

#define LEN     200000u
#define HOUR_NS (3600 * NS_PER_S)

struct seen {
	struct scrub_finding blob, file;
	char path[256], owner[64];
	unsigned blobs, files;
};

static void
see(void *arg, const struct scrub_finding *f)
{
	struct seen *s = arg;

	if (f->path == NULL) {
		s->blob = *f;
		s->blobs++;
		return;
	}
	s->file = *f;
	s->files++;
	(void)snprintf(s->path, sizeof(s->path), "%s", f->path);
	(void)snprintf(s->owner, sizeof(s->owner), "%s", f->owner);
}

static struct scrub_state
scrub(struct storetest *t, bool heal, struct seen *seen)
{
	struct scrub_state st = {.position = UINT64_C(0x7000000000000000), .left = UINT64_MAX};

	memset(seen, 0, sizeof(*seen));
	while (st.left != 0)
		assert_int_equal(scrub_step(t->s, &st, heal, see, seen, NULL), 0);
	return st;
}

static unsigned char *
content(unsigned char fill)
{
	static unsigned char data[LEN];

	for (size_t i = 0; i < LEN; i++)
		data[i] = (unsigned char)(fill + i % 251);
	return data;
}

/* A file of one blob. */
static struct inode_attr
put_blob(struct storetest *t, const char *name, struct id128 blob)
{
	struct content_piece p = {.kind = PIECE_BLOB, .length = LEN, .blob = blob};
	struct inode_attr f;

	assert_int_equal(st_create(t, t->home, name, INODE_FILE, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, &p, 1, &f), 0);
	return f;
}

/* One byte of the stored form is another. */
static void
damage(struct storetest *t, const struct id128 *blob, uint64_t at)
{
	uint64_t size;
	assert_int_equal(blob_size(t->s->blobs, blob, &size, NULL), 0);
	unsigned char *bytes = malloc(size);
	struct iovec iov = {.iov_base = bytes, .iov_len = size};

	assert_non_null(bytes);
	assert_int_equal(blob_read(t->s->blobs, blob, 0, &iov, 1, NULL), 0);
	bytes[at] ^= 1;
	assert_int_equal(blob_replace(t->s->blobs, blob, &iov, 1, NULL), 0);
	free(bytes);
}

static void
scrub_names_what_is_damaged(void **state)
{
	struct storetest *t = *state;
	struct id128 good = st_blob(t, content(1), LEN), bad = st_blob(t, content(2), LEN);
	struct scrub_state st;
	struct seen seen;

	(void)put_blob(t, "whole", good);
	(void)put_blob(t, "f", bad);
	st = scrub(t, true, &seen);
	assert_int_equal(st.blobs, 2);
	assert_int_equal(seen.blobs, 0);
	/* In the second frame; the head takes less than a thousand bytes. */
	damage(t, &bad, STORE_FRAME_RAW + 1000);
	st = scrub(t, true, &seen);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(st.healed, 0);
	assert_int_equal(seen.files, 1);
	assert_string_equal(seen.path, "/alice/f");
	assert_string_equal(seen.owner, "alice");
	assert_int_equal(seen.file.from, STORE_FRAME_RAW);
	assert_int_equal(seen.file.to, 2 * STORE_FRAME_RAW);
	/* Lost altogether. */
	assert_int_equal(blob_remove(t->s->blobs, &bad, NULL), 0);
	(void)scrub(t, true, &seen);
	assert_int_equal(seen.file.from, 0);
	assert_int_equal(seen.file.to, LEN);
}

/* The same bytes of bob's, in a blob of its own. */
static struct id128
blob_of_bob(struct storetest *t, const void *data)
{
	struct sha256 hash;
	struct id128 id;
	uint32_t stored;

	assert_int_equal(sha256_once(NULL, data, LEN, &hash), 0);
	assert_int_equal(content_blob_reserve(t->s, t->bob.id, 1, &id, NULL), 0);
	assert_int_equal(content_blob_write(t->s, &id, data, LEN, &stored, NULL), 0);
	st_begin(t);
	assert_int_equal(content_blob_ready(t->s, t->bob.id, &id, &hash, LEN, stored, NULL), 0);
	(void)st_commit(t);
	return id;
}

static void
a_twin_heals(void **state)
{
	struct storetest *t = *state;
	struct id128 blob = st_blob(t, content(3), LEN), twin = blob_of_bob(t, content(3));
	struct inode_attr f = put_blob(t, "f", blob);
	struct scrub_state st;
	struct seen seen;

	damage(t, &blob, 5000);
	st = scrub(t, false, &seen);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(st.healed, 0);
	st = scrub(t, true, &seen);
	assert_int_equal(st.healed, 1);
	assert_int_equal(seen.files, 0);
	st = scrub(t, true, &seen);
	assert_int_equal(st.damaged, 0);
	st_assert_content(t, st_ref(&f), content(3), LEN);
	/* And the other way round, from nothing. */
	assert_int_equal(blob_remove(t->s->blobs, &twin, NULL), 0);
	st = scrub(t, true, &seen);
	assert_int_equal(st.healed, 1);
	st_check(t);
}

static unsigned told;

static void
count_lines(void *arg, const char *text)
{
	(void)arg;
	(void)text;
	told++;
}

static void
ignore(void *arg, const char *fault)
{
	(void)arg;
	(void)fault;
}

static void
what_needs_no_guess_is_repaired(void **state)
{
	static const char *const breakages[] = {
	    "UPDATE blob SET refs = refs + 2",
	    "UPDATE usage SET bytes = 7, files = 9, attic = 11",
	    "DELETE FROM usage",
	    "UPDATE inode SET nlink = 5 WHERE type = 1 AND nlink = 1",
	    "UPDATE inode SET size = size + 1 WHERE type = 2",
	    "UPDATE inode SET nlink = 9 WHERE type = 2",
	    "UPDATE inode SET stored = 1 WHERE type = 1",
	    "DELETE FROM alias",
	    "DELETE FROM attic",
	    "DELETE FROM dentry WHERE name = CAST('f' AS BLOB)",
	    "INSERT INTO dentry (parent, id, ino, name) VALUES (1, 77, 88, CAST('x' AS BLOB))",
	    "INSERT INTO orphan (ino, since) VALUES (99, 1)",
	};
	struct storetest *t = *state;
	struct inode_attr f, g;

	f = put_blob(t, "f", st_blob(t, content(4), LEN));
	assert_int_equal(st_put(t, t->home, "g", "one", 3, &g), 0);
	assert_int_equal(st_put(t, t->home, "g", "two", 3, &g), 0);
	assert_int_equal(st_link(t, st_ref(&g), t->home, "h"), 0);
	st_check(t);
	assert_int_equal(store_repair(t->s, count_lines, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(breakages); i++) {
		assert_int_equal(db_exec(t->s->db, breakages[i], NULL), 0);
		assert_true(store_check(t->s, ignore, NULL, NULL) > 0);
		told = 0;
		assert_true(store_repair(t->s, count_lines, NULL, NULL) > 0);
		assert_true(told > 0);
		st_check(t);
	}
	/* The file whose name was lost is not. */
	st_assert_content(t, st_ref(&f), content(4), LEN);
}

static void
gc_tells_what_is_due(void **state)
{
	struct storetest *t = *state;
	struct gc_report r;

	(void)st_blob(t, content(5), LEN);
	assert_int_equal(gc_look(t->s, &r, NULL), 0);
	assert_int_equal(r.blobs, 0);
	assert_int_equal(r.waiting, 1);
	t->s->clock_shift_ns = 48 * HOUR_NS;
	assert_int_equal(gc_look(t->s, &r, NULL), 0);
	assert_int_equal(r.blobs, 1);
	st_keep(t);
	assert_int_equal(gc_look(t->s, &r, NULL), 0);
	assert_int_equal(r.blobs + r.waiting, 0);
}

static void
nothing_goes_while_a_backup_is_made(void **state)
{
	struct storetest *t = *state;
	struct id128 blob = st_blob(t, content(6), LEN);
	uint64_t size;
	int hold = -1;

	assert_int_equal(layout_hold(t->s->dir_fd, &hold, NULL), 0);
	t->s->clock_shift_ns = 48 * HOUR_NS;
	st_keep(t);
	assert_int_equal(blob_size(t->s->blobs, &blob, &size, NULL), 0);
	fd_close(&hold);
	st_keep(t);
	assert_int_equal(blob_size(t->s->blobs, &blob, &size, NULL), CFS_ENOENT);
}

static void
a_backup_is_a_store_again(void **state)
{
	struct storetest *t = *state;
	struct inode_attr f = put_blob(t, "f", st_blob(t, content(7), LEN)), g;
	char dir[sizeof(t->path)], again[sizeof(t->path)];
	struct backup_result r;
	uint32_t gen, new_gen;
	struct id128 id, new_id;

	(void)snprintf(dir, sizeof(dir), "%s/saved", t->folder);
	(void)snprintf(again, sizeof(again), "%s/again", t->folder);
	assert_int_equal(backup_make(t->path, dir, 0, NULL, &r, NULL), 0);
	assert_int_equal(r.copied_blobs, 1);
	(void)put_blob(t, "g", st_blob(t, content(8), LEN));
	assert_int_equal(backup_make(t->path, dir, 0, NULL, &r, NULL), 0);
	assert_int_equal(r.blobs, 2);
	assert_int_equal(r.copied_blobs, 1);
	assert_int_equal(backup_restore(dir, t->path, NULL, &r, NULL), CFS_EEXIST);
	assert_int_equal(backup_restore(dir, again, NULL, &r, NULL), 0);
	assert_int_equal(store_id(t->s, &id, &gen, NULL), 0);
	memcpy(t->path, again, sizeof(t->path));
	st_reopen(t);
	assert_int_equal(store_id(t->s, &new_id, &new_gen, NULL), 0);
	assert_true(id128_equal(&id, &new_id));
	assert_int_not_equal(new_gen, gen);
	st_assert_content(t, st_ref(&f), content(7), LEN);
	g = st_lookup(t, t->home, "g");
	st_assert_content(t, st_ref(&g), content(8), LEN);
	st_check(t);
}

/* Whoever read a damaged blob has its file open; that of the healed one is another. */
static void
others_read_what_was_healed(void **state)
{
	struct storetest *t = *state;
	struct id128 blob = st_blob(t, content(3), LEN);
	static unsigned char stored[LEN * 2], raw[LEN];
	char path[sizeof(t->path) + 64], hex[ID128_HEX_SIZE];
	struct blob_backend *other;
	uint64_t size;

	assert_int_equal(blob_size(t->s->blobs, &blob, &size, NULL), 0);
	assert_true(size <= sizeof(stored));
	struct iovec iov = {.iov_base = stored, .iov_len = size};
	assert_int_equal(blob_read(t->s->blobs, &blob, 0, &iov, 1, NULL), 0);
	id128_hex(hex, &blob);
	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_BLOBS "/%.2s/%s", t->path, hex, hex);
	int fd = io_open(path, O_WRONLY, 0);
	unsigned char wrong = stored[5000] ^ 1;
	assert_int_equal(pwrite(fd, &wrong, 1, 5000), 1);
	fd_close(&fd);
	assert_int_equal(blobfmt_read(t->s->blobs, &blob, LEN, 0, LEN, NULL, raw, NULL),
			 CFS_ECORRUPT);
	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_BLOBS, t->path);
	fd = io_open(path, O_RDONLY | O_DIRECTORY, 0);
	assert_int_equal(blob_dir_open(fd, &other, NULL), 0);
	fd_close(&fd);
	assert_int_equal(blob_replace(other, &blob, &iov, 1, NULL), 0);
	blob_close(other);
	assert_int_equal(blobfmt_read(t->s->blobs, &blob, LEN, 0, LEN, NULL, raw, NULL), 0);
	assert_memory_equal(raw, content(3), LEN);
}

/* Numbers given by the one are given by the other too: who has files of the one open must not write to the other's. */
static void
no_two_restores_are_the_same(void **state)
{
	struct storetest *t = *state;
	char dir[sizeof(t->path)], again[sizeof(t->path)];
	struct backup_result r;
	uint32_t gen[3];
	struct id128 id;

	(void)snprintf(dir, sizeof(dir), "%s/saved", t->folder);
	assert_int_equal(backup_make(t->path, dir, 0, NULL, &r, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(again, sizeof(again), "%s/again%u", t->folder, i);
		assert_int_equal(backup_restore(dir, again, NULL, &r, NULL), 0);
		memcpy(t->path, again, sizeof(t->path));
		st_reopen(t);
		assert_int_equal(store_id(t->s, &id, &gen[i], NULL), 0);
	}
	assert_true(gen[0] != gen[1] && gen[0] != gen[2] && gen[1] != gen[2]);
}

static int
run(const char *name, CMFixtureFunction setup, bool lasting)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(scrub_names_what_is_damaged),         TEST(a_twin_heals),
	    TEST(what_needs_no_guess_is_repaired),     TEST(gc_tells_what_is_due),
	    TEST(nothing_goes_while_a_backup_is_made), TEST(a_backup_is_a_store_again),
	    TEST(no_two_restores_are_the_same),        TEST(others_read_what_was_healed),
	};
#undef TEST

	/* Memory has no directory: those tests are the last. */
	return _cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests) - (lasting ? 0 : 4), NULL,
				       NULL);
}

int
main(void)
{
	int failed = run("upkeep: memory", storetest_memory_setup, false);

	failed += run("upkeep: directory", storetest_dir_setup, true);
	return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Versions, what was removed, bringing it back, quotas; over every kind of store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/attic.h"
#include "store/impl.h"
#include "store/quota.h"
#include "storetest.h"

#define MINUTE_NS (60 * NS_PER_S)
#define MAX       32

struct found {
	struct attic_entry e[MAX];
	char name[MAX][64];
	size_t count, max;
	bool eof;
};

static int
take(void *arg, const struct attic_entry *e)
{
	struct found *f = arg;

	if (f->count == (f->max != 0 ? f->max : MAX))
		return 1;
	(void)snprintf(f->name[f->count], 64, "%.*s", (int)e->name.len, (const char *)e->name.data);
	f->e[f->count++] = *e;
	return 0;
}

static struct found
versions_by(struct storetest *t, const struct cred *cred, const char *path)
{
	struct found f = {0};

	assert_int_equal(
	    attic_versions(t->s, cred, t->home, st_str(path), 0, take, &f, &f.eof, NULL), 0);
	assert_true(f.eof);
	return f;
}

static struct found
versions(struct storetest *t, const char *path)
{
	return versions_by(t, &t->a, path);
}

static struct found
removed(struct storetest *t, const char *path)
{
	struct found f = {0};

	assert_int_equal(
	    attic_removed(t->s, &t->a, t->home, st_str(path), 0, take, &f, &f.eof, NULL), 0);
	return f;
}

static int
restore(struct storetest *t, const struct attic_entry *e, struct inode_ref dir, const char *name,
	struct inode_attr *out)
{
	struct restore_args a = {.id = e->id,
				 .source_ino = e->attr.ino,
				 .dir = dir,
				 .name = st_str(name),
				 .ino = st_ino(t),
				 .stream = t->stream.stream};
	struct inode_attr attr;
	uint64_t replaced;
	int rc;

	st_begin(t);
	rc = attic_restore(t->s, &t->a, &a, out != NULL ? out : &attr, &replaced, NULL);
	(void)st_commit(t);
	return rc;
}

static struct inode_attr
put(struct storetest *t, const char *name, const char *text)
{
	struct inode_attr attr;

	assert_int_equal(st_put(t, t->home, name, text, strlen(text), &attr), 0);
	return attr;
}

static void
assert_version(struct storetest *t, const struct found *f, size_t i, uint64_t version,
	       enum attic_how how, const char *text)
{
	assert_true(i < f->count);
	assert_int_equal(f->e[i].version, version);
	assert_int_equal(f->e[i].how, how);
	if (text != NULL)
		st_assert_content(t, st_ref(&f->e[i].attr), text, strlen(text));
}

static void
a_name_has_versions(void **state)
{
	struct storetest *t = *state;
	struct found f;

	put(t, "f", "one");
	put(t, "f", "two");
	put(t, "f", "three");
	f = versions(t, "f");
	assert_int_equal(f.count, 3);
	assert_version(t, &f, 0, 3, ATTIC_PRESENT, "three");
	assert_version(t, &f, 1, 2, ATTIC_REPLACED, "two");
	assert_version(t, &f, 2, 1, ATTIC_REPLACED, "one");
	assert_int_equal(f.e[1].remover, t->alice.id);
	/* Removed, and put again: numbers go on. */
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	f = versions(t, "f");
	assert_version(t, &f, 0, 3, ATTIC_REMOVED, "three");
	assert_int_equal(put(t, "f", "four").version, 4);
	f = versions(t, "f");
	assert_int_equal(f.count, 4);
	st_check(t);
}

static void
versions_follow_renames_and_come_in_pages(void **state)
{
	struct storetest *t = *state;
	struct found f;

	put(t, "a", "one");
	put(t, "a", "two");
	assert_int_equal(st_rename(t, t->home, "a", t->home, "b"), 0);
	put(t, "b", "three");
	f = versions(t, "b");
	assert_int_equal(f.count, 3);
	assert_version(t, &f, 2, 1, ATTIC_REPLACED, "one");
	assert_string_equal(f.name[2], "a");
	/* A file that is renamed over it goes on counting, as editors save. */
	put(t, "tmp", "four");
	assert_int_equal(st_rename(t, t->home, "tmp", t->home, "b"), 0);
	f = versions(t, "b");
	assert_int_equal(f.count, 4);
	assert_version(t, &f, 0, 4, ATTIC_PRESENT, "four");
	uint64_t before = 0, seen = 0;
	do {
		struct found page = {.max = 1};

		assert_int_equal(attic_versions(t->s, &t->a, t->home, st_str("b"), before, take,
						&page, &page.eof, NULL),
				 0);
		seen += page.count;
		if (page.eof)
			break;
		before = page.e[0].id != 0 ? page.e[0].id : INT64_MAX;
	} while (seen < 10);
	assert_int_equal(seen, 4);
	st_check(t);
}

static void
what_is_written_over_is_kept_once_a_minute(void **state)
{
	struct storetest *t = *state;
	struct content_piece x = {.kind = PIECE_INLINE, .length = 1, .data = "X"};
	struct setattr_args cut = {.valid = SETATTR_SIZE};
	struct inode_attr a = put(t, "f", "0123456789"), attr;
	struct found f;

	cut.ref = st_ref(&a);
	/* Young: nothing is kept. */
	assert_int_equal(st_write(t, st_ref(&a), 0, &x, 1, NULL), 0);
	assert_int_equal(versions(t, "f").count, 1);
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	/* Appending destroys nothing. */
	assert_int_equal(st_write(t, st_ref(&a), 10, &x, 1, NULL), 0);
	assert_int_equal(versions(t, "f").count, 1);
	assert_int_equal(st_write(t, st_ref(&a), 1, &x, 1, NULL), 0);
	assert_int_equal(st_write(t, st_ref(&a), 2, &x, 1, NULL), 0);
	f = versions(t, "f");
	assert_int_equal(f.count, 2);
	assert_version(t, &f, 1, 3, ATTIC_OVERWRITTEN, "X123456789X");
	assert_version(t, &f, 0, 5, ATTIC_PRESENT, "XXX3456789X");
	t->s->clock_shift_ns += 2 * MINUTE_NS;
	st_begin(t);
	assert_int_equal(names_setattr(t->s, &t->a, &cut, &attr, NULL), 0);
	(void)st_commit(t);
	f = versions(t, "f");
	assert_int_equal(f.count, 3);
	assert_version(t, &f, 1, 5, ATTIC_OVERWRITTEN, "XXX3456789X");
	/* Nobody else looks at what never was there under this number. */
	struct inode_attr other;
	assert_int_equal(names_getattr(t->s, &t->b, st_ref(&f.e[1].attr), &other, NULL),
			 CFS_ESTALE);
	st_check(t);
}

static void
restoring_makes_a_new_version(void **state)
{
	struct storetest *t = *state;
	struct inode_attr attr;
	struct found f;

	put(t, "f", "one");
	put(t, "f", "two");
	f = versions(t, "f");
	assert_int_equal(restore(t, &f.e[1], t->home, "f", &attr), 0);
	assert_int_equal(attr.version, 3);
	st_assert_content(t, st_ref(&attr), "one", 3);
	f = versions(t, "f");
	assert_int_equal(f.count, 3);
	assert_int_equal(f.e[0].source, 1);
	assert_version(t, &f, 1, 2, ATTIC_REPLACED, "two");
	/* Under another name, after it was removed. */
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	f = versions(t, "f");
	assert_int_equal(restore(t, &f.e[0], t->home, "g", &attr), 0);
	st_assert_content(t, st_ref(&attr), "one", 3);
	/* Nobody else's, and not a wrong number. */
	f.e[0].attr.ino++;
	assert_int_equal(restore(t, &f.e[0], t->home, "h", NULL), CFS_ENOENT);
	st_check(t);
}

static void
removed_directories_are_walked(void **state)
{
	struct storetest *t = *state;
	struct inode_attr d, e, again;
	struct found f;

	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &d), 0);
	assert_int_equal(st_create(t, st_ref(&d), "e", INODE_DIR, &e), 0);
	assert_int_equal(st_put(t, st_ref(&e), "f", "deep", 4, NULL), 0);
	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_unlink(t, st_ref(&e), "f", false), 0);
	f = removed(t, "d/e");
	assert_int_equal(f.count, 1);
	assert_int_equal(st_unlink(t, st_ref(&d), "e", true), 0);
	assert_int_equal(st_unlink(t, t->home, "d", true), 0);
	f = removed(t, "");
	assert_int_equal(f.count, 1);
	assert_int_equal(f.e[0].how, ATTIC_DIR_GONE);
	assert_int_equal(f.e[0].attr.type, INODE_DIR);
	assert_string_equal(f.name[0], "d");
	/* Made again: what was in the old one is still found, and the directory is not "removed" any more. */
	assert_int_equal(st_create(t, t->home, "d", INODE_DIR, &again), 0);
	assert_int_equal(removed(t, "").count, 0);
	f = removed(t, "d");
	assert_int_equal(f.count, 1);
	f = versions(t, "d/e/f");
	assert_int_equal(f.count, 1);
	assert_version(t, &f, 0, 1, ATTIC_REMOVED, "deep");
	assert_int_equal(restore(t, &f.e[0], st_ref(&again), "f", NULL), 0);
	st_check(t);
}

static void
others_do_not_look(void **state)
{
	struct storetest *t = *state;
	struct found f = {0};
	uint64_t bytes;

	put(t, "f", "one");
	put(t, "f", "two");
	assert_int_equal(
	    attic_versions(t->s, &t->b, t->home, st_str("f"), 0, take, &f, &f.eof, NULL),
	    CFS_EDENIED);
	f = versions(t, "f");
	st_begin(t);
	assert_int_equal(attic_prune(t->s, &t->b, f.e[1].id, f.e[1].attr.ino, &bytes, NULL),
			 CFS_EDENIED);
	assert_int_equal(attic_prune(t->s, &t->a, f.e[1].id, f.e[1].attr.ino, &bytes, NULL), 1);
	assert_int_equal(bytes, 3);
	assert_int_equal(attic_prune(t->s, &t->a, f.e[1].id, f.e[1].attr.ino, &bytes, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(versions(t, "f").count, 1);
	f = versions_by(t, &t->admin, "f");
	assert_int_equal(f.count, 1);
	st_check(t);
}

/* A put as a session does it. */
static int
numbered_put(struct storetest *t, const char *name, size_t len)
{
	static unsigned char data[STORE_INLINE_MAX];
	struct buf reply = BUF_INIT;
	uint64_t seq;
	int status, rc;

	st_need_ino(t);
	st_begin(t);
	seq = t->stream.last_seq + 1;
	assert_int_equal(change_begin(t->s, &t->stream, seq, 0, &status, &reply, NULL), 0);
	rc = st_put(t, t->home, name, data, len, NULL);
	if (rc == 0)
		rc = quota_check(t->s, NULL);
	assert_int_equal(change_end(t->s, &t->stream, seq, rc, (struct bytes_view){0}, NULL), 0);
	t->stream.last_seq = seq;
	(void)st_commit(t);
	buf_fini(&reply);
	return rc;
}

static void
set_quota(struct storetest *t, bool is_default, uint64_t limit)
{
	st_begin(t);
	assert_int_equal(quota_set(t->s, t->alice.id, is_default, limit, NULL), 0);
	(void)st_commit(t);
}

static void
a_quota_stops_growth_and_the_attic_gives_way(void **state)
{
	struct storetest *t = *state;
	struct quota q;

	t->conf.quota_bytes = 10000;
	assert_int_equal(numbered_put(t, "a", 6000), 0);
	assert_int_equal(numbered_put(t, "b", 5000), CFS_EQUOTA);
	/* What is replaced makes room. */
	assert_int_equal(numbered_put(t, "a", 10000), 0);
	assert_int_equal(numbered_put(t, "a", 9000), 0);
	assert_int_equal(quota_get(t->s, t->alice.id, &q, NULL), 0);
	assert_int_equal(q.limit, 10000);
	assert_int_equal(q.used_bytes, 9000);
	assert_int_equal(q.attic_bytes, 16000);
	st_keep(t);
	assert_int_equal(quota_get(t->s, t->alice.id, &q, NULL), 0);
	assert_true(q.used_bytes + q.attic_bytes <= 10000);
	assert_int_equal(q.used_bytes, 9000);
	/* Over it, after it was lowered: names may change, files shrink. */
	set_quota(t, false, 100);
	assert_int_equal(st_rename(t, t->home, "a", t->home, "c"), 0);
	assert_int_equal(numbered_put(t, "c", 8000), 0);
	assert_int_equal(numbered_put(t, "c", 8001), CFS_EQUOTA);
	set_quota(t, false, 0);
	assert_int_equal(numbered_put(t, "c", 20000), 0);
	set_quota(t, true, 0);
	assert_int_equal(numbered_put(t, "d", 1), CFS_EQUOTA);
	st_check(t);
}

static int
count(void *arg, const struct attic_entry *e)
{
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

/* The entries of a name lead to each other: each was walked from each, until there were too many. */
static void
a_long_past_is_told_whole(void **state)
{
	struct storetest *t = *state;
	unsigned told = 0;
	bool eof;

	for (unsigned i = 0; i < 200; i++)
		put(t, "a", "x");
	assert_int_equal(st_rename(t, t->home, "a", t->home, "b"), 0);
	for (unsigned i = 0; i < 500; i++)
		put(t, "b", "y");
	assert_int_equal(
	    attic_versions(t->s, &t->a, t->home, st_str("b"), 0, count, &told, &eof, NULL), 0);
	assert_int_equal(told, 700);
}

static void
what_is_written_without_a_name_counts(void **state)
{
	struct storetest *t = *state;
	struct content_piece more = {.kind = PIECE_INLINE, .length = 8, .data = "12345678"};
	struct setattr_args cut = {.valid = SETATTR_SIZE, .size = 5};
	struct inode_attr a = put(t, "f", "one");
	struct quota q;

	t->s->clock_shift_ns = 2 * MINUTE_NS;
	assert_int_equal(st_unlink(t, t->home, "f", false), 0);
	assert_int_equal(st_write(t, st_ref(&a), 3, &more, 1, NULL), 0);
	assert_int_equal(quota_get(t->s, t->alice.id, &q, NULL), 0);
	assert_int_equal(q.attic_bytes, 11);
	cut.ref = st_ref(&a);
	st_begin(t);
	assert_int_equal(names_setattr(t->s, &t->a, &cut, &a, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(quota_get(t->s, t->alice.id, &q, NULL), 0);
	assert_int_equal(q.attic_bytes, 5);
	st_check(t);
}

/* One user whose old versions are all open does not keep another's from giving way. */
static void
the_attic_of_each_gives_way(void **state)
{
	struct storetest *t = *state;
	struct cred alice = t->a;
	struct found f;
	struct quota q;

	t->conf.quota_bytes = 10;
	put(t, "f", "0123456789");
	put(t, "f", "0123456789");
	f = versions(t, "f");
	st_begin(t);
	assert_int_equal(content_hold(t->s, &t->a, st_ref(&f.e[1].attr), NULL), 0);
	(void)st_commit(t);
	t->a = t->admin;
	assert_int_equal(st_put(t, t->bob_home, "g", "0123456789", 10, NULL), 0);
	assert_int_equal(st_put(t, t->bob_home, "g", "0123456789", 10, NULL), 0);
	t->a = alice;
	st_keep(t);
	assert_int_equal(quota_get(t->s, t->alice.id, &q, NULL), 0);
	assert_int_equal(q.attic_bytes, 10);
	assert_int_equal(quota_get(t->s, t->bob.id, &q, NULL), 0);
	assert_int_equal(q.attic_bytes, 0);
	st_check(t);
}

/* Said before the name goes, for then there is no moment in which the content is nobody's. */
static void
what_is_held_before_it_loses_its_name_stays(void **state)
{
	struct storetest *t = *state;
	struct inode_attr held, other, a;

	t->conf.quota_bytes = 10;
	put(t, "held", "0123456789");
	put(t, "other", "0123456789");
	held = st_lookup(t, t->home, "held");
	other = st_lookup(t, t->home, "other");
	st_begin(t);
	assert_int_equal(content_hold(t->s, &t->a, st_ref(&held), NULL), 0);
	(void)st_commit(t);
	put(t, "held", "another");
	put(t, "other", "another");
	st_keep(t);
	assert_int_equal(names_getattr(t->s, &t->a, st_ref(&held), &a, NULL), 0);
	assert_int_equal(a.nlink, 0);
	assert_int_equal(names_getattr(t->s, &t->a, st_ref(&other), &a, NULL), CFS_ESTALE);
	st_check(t);
}

static void
a_full_disk_takes_no_copies(void **state)
{
	struct storetest *t = *state;
	struct found f;

	if (t->s->memory)
		return;
	put(t, "f", "one");
	put(t, "f", "two");
	f = versions(t, "f");
	t->conf.min_free_bytes = INT64_MAX;
	assert_int_equal(restore(t, &f.e[1], t->home, "g", NULL), CFS_ENOSPC);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_name_has_versions),
	    TEST(versions_follow_renames_and_come_in_pages),
	    TEST(what_is_written_over_is_kept_once_a_minute),
	    TEST(restoring_makes_a_new_version),
	    TEST(removed_directories_are_walked),
	    TEST(others_do_not_look),
	    TEST(a_quota_stops_growth_and_the_attic_gives_way),
	    TEST(a_long_past_is_told_whole),
	    TEST(what_is_written_without_a_name_counts),
	    TEST(the_attic_of_each_gives_way),
	    TEST(what_is_held_before_it_loses_its_name_stays),
	    TEST(a_full_disk_takes_no_copies),
	};
#undef TEST
	return _cmocka_run_group_tests(name, tests, ARRAY_SIZE(tests), NULL, NULL);
}

int
main(void)
{
	int failed = run("attic: memory", storetest_memory_setup);

	failed += run("attic: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users, keys, invites and events, over every kind of store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/events.h"
#include "store/impl.h"
#include "storetest.h"

#define SECRET_SIZE 64

static void
users_have_names_and_trees(void **state)
{
	struct storetest *t = *state;
	static const char *const bad[] = {"", ".x", "-x", "a/b", "a b", "ä"};
	struct person p;
	struct inode_attr attr;
	char longest[PEOPLE_NAME_MAX + 2];

	memset(longest, 'u', sizeof(longest));
	longest[PEOPLE_NAME_MAX + 1] = '\0';
	st_begin(t);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(people_add(t->s, bad[i], &p, NULL), CFS_EBADNAME);
	assert_int_equal(people_add(t->s, longest, &p, NULL), CFS_EBADNAME);
	assert_int_equal(people_add(t->s, "alice", &p, NULL), CFS_EEXIST);
	store_rollback(t->s);
	longest[PEOPLE_NAME_MAX] = '\0';
	st_begin(t);
	assert_int_equal(people_add(t->s, longest, &p, NULL), 0);
	assert_string_equal(p.name, longest);
	(void)st_commit(t);
	attr = st_lookup(t, (struct inode_ref){STORE_ROOT_INO, 1}, longest);
	assert_int_equal(attr.ino, p.home);
	assert_int_equal(attr.owner, p.id);
	assert_int_equal(people_by_name(t->s, "nobody", &p, NULL), CFS_ENOENT);
	assert_int_equal(people_by_id(t->s, 999, &p, NULL), CFS_ENOENT);
	st_check(t);
}

static int
count_person(void *arg, const struct person *p)
{
	(void)p;
	return ++*(unsigned *)arg == 2;
}

static void
users_are_listed_until_told_to_stop(void **state)
{
	struct storetest *t = *state;
	unsigned count = 0;
	struct person p;

	st_begin(t);
	assert_int_equal(people_add(t->s, "carol", &p, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(people_list(t->s, count_person, &count, NULL), 0);
	assert_int_equal(count, 2);
}

static void
passwords_are_checked(void **state)
{
	struct storetest *t = *state;
	struct cfs_err wrong = CFS_ERR_INIT, unknown = CFS_ERR_INIT, none = CFS_ERR_INIT;
	char hash[128];
	struct person p;

	assert_int_equal(people_hash_password("secret", 6, hash, NULL), 0);
	st_begin(t);
	assert_int_equal(people_set_password(t->s, t->alice.id, hash, NULL), 0);
	assert_int_equal(people_set_password(t->s, 999, hash, NULL), CFS_ENOENT);
	(void)st_commit(t);
	assert_int_equal(people_check_password(t->s, "alice", "secret", 6, &p, NULL), 0);
	assert_int_equal(p.id, t->alice.id);
	assert_int_equal(people_check_password(t->s, "alice", "secreT", 6, &p, &wrong), CFS_EAUTH);
	assert_int_equal(people_check_password(t->s, "zoe", "secret", 6, &p, &unknown), CFS_EAUTH);
	assert_int_equal(people_check_password(t->s, "bob", "secret", 6, &p, &none), CFS_EAUTH);
	assert_string_equal(wrong.text, unknown.text);
	assert_string_equal(wrong.text, none.text);
	st_begin(t);
	assert_int_equal(people_set_disabled(t->s, t->alice.id, true, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(people_check_password(t->s, "alice", "secret", 6, &p, &none), CFS_EAUTH);
	assert_string_not_equal(none.text, wrong.text);
	st_begin(t);
	assert_int_equal(people_set_disabled(t->s, t->alice.id, false, NULL), 0);
	assert_int_equal(people_set_password(t->s, t->alice.id, NULL, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(people_check_password(t->s, "alice", "secret", 6, &p, NULL), CFS_EAUTH);
}

static int
keep_device(void *arg, const struct person_device *d)
{
	*(struct person_device *)arg = *d;
	return 0;
}

static void
devices_belong_to_one_user(void **state)
{
	struct storetest *t = *state;
	struct sha256 one = {{1}}, two = {{2}};
	struct person_device d;
	struct person p;
	unsigned count;

	st_begin(t);
	assert_int_equal(people_device_add(t->s, t->alice.id, &one, "laptop", NULL), 0);
	assert_int_equal(people_device_add(t->s, t->alice.id, &one, "old laptop", NULL), 0);
	assert_int_equal(people_device_add(t->s, t->bob.id, &one, "thief", NULL), CFS_EEXIST);
	assert_int_equal(people_device_add(t->s, t->alice.id, &two, "phone", NULL), 0);
	(void)st_commit(t);
	assert_int_equal(people_by_device(t->s, &one, &p, &d, NULL), 0);
	assert_int_equal(p.id, t->alice.id);
	assert_int_equal(p.devices, 2);
	assert_string_equal(d.name, "old laptop");
	t->s->clock_shift_ns = NS_PER_S;
	st_begin(t);
	assert_int_equal(people_device_seen(t->s, &one, NULL), 0);
	assert_int_equal(people_device_revoke(t->s, t->bob.id, &two, NULL), CFS_ENOENT);
	assert_int_equal(people_device_revoke(t->s, t->alice.id, &two, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(people_by_device(t->s, &two, &p, &d, NULL), CFS_EAUTH);
	assert_int_equal(people_devices(t->s, t->alice.id, keep_device, &d, NULL), 0);
	assert_true(sha256_equal(&d.fingerprint, &one));
	assert_true(d.last_seen_ns > d.created_ns);
	st_begin(t);
	assert_int_equal(people_set_disabled(t->s, t->alice.id, true, NULL), 0);
	assert_int_equal(people_by_device(t->s, &one, &p, &d, NULL), CFS_EAUTH);
	assert_int_equal(people_devices_forget(t->s, t->alice.id, &count, NULL), 0);
	assert_int_equal(count, 1);
	(void)st_commit(t);
}

static void
an_invite_works_once_and_in_time(void **state)
{
	struct storetest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	char secret[SECRET_SIZE], late[SECRET_SIZE];
	struct person p;

	st_begin(t);
	assert_int_equal(
	    people_invite_make(t->s, t->alice.id, store_now(t->s) + NS_PER_S * 60, secret, NULL),
	    0);
	assert_int_equal(people_invite_make(t->s, t->alice.id, store_now(t->s) - 1, late, NULL), 0);
	assert_string_not_equal(secret, late);
	(void)st_commit(t);
	st_begin(t);
	assert_int_equal(people_invite_use(t->s, secret, strlen(secret), &p, NULL), 0);
	assert_int_equal(p.id, t->alice.id);
	(void)st_commit(t);
	st_begin(t);
	assert_int_equal(people_invite_use(t->s, secret, strlen(secret), &p, &err), CFS_EAUTH);
	assert_non_null(strstr(err.text, "used"));
	assert_int_equal(people_invite_use(t->s, late, strlen(late), &p, &err), CFS_EAUTH);
	assert_non_null(strstr(err.text, "expired"));
	assert_int_equal(people_invite_use(t->s, "nonsense", 8, &p, &err), CFS_EAUTH);
	assert_null(strstr(err.text, "used"));
	store_rollback(t->s);
}

/* ---- events ---- */

static const struct event_want all = {0};

struct seen {
	unsigned count;
	struct event last;
};

static int
note_event(void *arg, const struct event *e)
{
	struct seen *s = arg;

	s->count++;
	s->last = *e;
	return 0;
}

static unsigned
count_events(struct storetest *t, const struct cred *cred, unsigned filter, struct seen *s)
{
	const struct event_want want = {.filter = filter};
	uint64_t last;

	memset(s, 0, sizeof(*s));
	assert_true(events_list(t->s, cred, 0, 100, &want, note_event, s, &last, NULL) >= 0);
	return s->count;
}

static struct event
download(struct storetest *t, uint64_t by)
{
	return (struct event){.kind = EVENT_DOWNLOAD,
			      .owner = t->alice.id,
			      .user = by,
			      .user_name = st_str("bob"),
			      .device = st_str("laptop"),
			      .peer = st_str("192.0.2.1"),
			      .path = st_str("/alice/f"),
			      .ino = 77,
			      .version = 1,
			      .bytes = 10};
}

static void
downloads_are_told_to_the_owner_until_seen(void **state)
{
	struct storetest *t = *state;
	struct event e = download(t, t->bob.id), own = download(t, t->alice.id);
	struct seen s;
	uint64_t first;

	st_begin(t);
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	e.complete = true;
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	assert_int_equal(events_add(t->s, &own, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(count_events(t, &t->a, EVENTS_MINE, &s), 1);
	assert_int_equal(s.last.bytes, 10);
	assert_true(s.last.complete);
	first = s.last.id;
	assert_int_equal(count_events(t, &t->a, EVENTS_MINE | EVENTS_UNSEEN, &s), 1);
	assert_int_equal(count_events(t, &t->b, EVENTS_MINE, &s), 0);
	assert_int_equal(count_events(t, &t->b, 0, &s), 1);
	assert_int_equal(count_events(t, &t->a, 0, &s), 2);
	assert_int_equal(count_events(t, &t->admin, 0, &s), 2);

	/* A minute later, another version, another device: events of their own. */
	t->s->clock_shift_ns = 61 * NS_PER_S;
	st_begin(t);
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	e.version = 2;
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	e.device = st_str("phone");
	assert_int_equal(events_add(t->s, &e, NULL), 0);
	assert_int_equal(events_seen(t->s, t->alice.id, first, NULL), 0);
	(void)st_commit(t);
	assert_int_equal(count_events(t, &t->a, EVENTS_MINE, &s), 4);
	assert_int_equal(count_events(t, &t->a, EVENTS_UNSEEN, &s), 3);
}

static int
take_two(void *arg, const struct event *e)
{
	(void)e;
	return ++*(unsigned *)arg > 2;
}

static void
a_listing_goes_on_where_it_stopped(void **state)
{
	struct storetest *t = *state;
	struct event e = download(t, t->bob.id);
	uint64_t last = 0, end;
	unsigned count = 0;
	struct seen s = {0};

	e.kind = EVENT_CHANGE;
	st_begin(t);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(events_add(t->s, &e, NULL), 0);
	(void)st_commit(t);
	assert_true(events_list(t->s, &t->a, 0, 100, &all, take_two, &count, &last, NULL) >= 0);
	assert_true(events_list(t->s, &t->a, last, 100, &all, note_event, &s, &end, NULL) >= 0);
	assert_int_equal(s.count, 3);
	assert_true(events_list(t->s, &t->a, end, 100, &all, note_event, &s, &last, NULL) >= 0);
	assert_int_equal(s.count, 3);
	assert_int_equal(last, end);
	assert_true(events_list(t->s, &t->a, 0, 2, &all, note_event, &s, &last, NULL) >= 0);
	assert_int_equal(s.count, 5);
}

static void
keep(struct storetest *t)
{
	bool more = true;

	while (more)
		assert_int_equal(store_keep(t->s, 100, &more, NULL), 0);
}

/* The oldest go by age and by size; what its owner was not told of stays; no number is given twice. */
static void
old_events_go_and_unseen_receipts_stay(void **state)
{
	struct storetest *t = *state;
	struct event change = download(t, t->bob.id), receipt = change;
	uint64_t newest, gone, last;
	struct seen s;

	change.kind = EVENT_CHANGE;
	receipt.complete = true;
	t->conf.events_keep_ms = 3600 * 1000;
	st_begin(t);
	assert_int_equal(events_add(t->s, &receipt, NULL), 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(events_add(t->s, &change, NULL), 0);
	(void)st_commit(t);
	keep(t);
	assert_int_equal(events_newest(t->s, &newest, NULL), 0);
	assert_int_equal(events_gone(t->s, &gone, NULL), 0);
	assert_int_equal(gone, 0);

	t->s->clock_shift_ns = 3700 * NS_PER_S;
	keep(t);
	assert_int_equal(events_gone(t->s, &gone, NULL), 0);
	assert_int_equal(gone, newest);
	assert_int_equal(count_events(t, &t->admin, 0, &s), 1);
	assert_int_equal(count_events(t, &t->a, EVENTS_MINE | EVENTS_UNSEEN, &s), 1);
	st_begin(t);
	assert_int_equal(events_seen(t->s, t->alice.id, newest, NULL), 0);
	(void)st_commit(t);
	keep(t);
	assert_int_equal(count_events(t, &t->admin, 0, &s), 0);

	/* By size: about so much, the newest. */
	t->conf.events_keep_ms = 0;
	t->conf.events_max_bytes = 20000;
	st_begin(t);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(events_add(t->s, &change, NULL), 0);
	(void)st_commit(t);
	keep(t);
	memset(&s, 0, sizeof(s));
	assert_true(events_list(t->s, &t->admin, 0, 1000, &all, note_event, &s, &last, NULL) >= 0);
	assert_true(s.count > 50 && s.count < 250);
	assert_int_equal(s.last.id, newest + 500);
	assert_int_equal(last, newest + 500);
}

static int
run(const char *name, CMFixtureFunction setup)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, storetest_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(users_have_names_and_trees),
	    TEST(users_are_listed_until_told_to_stop),
	    TEST(passwords_are_checked),
	    TEST(devices_belong_to_one_user),
	    TEST(an_invite_works_once_and_in_time),
	    TEST(downloads_are_told_to_the_owner_until_seen),
	    TEST(a_listing_goes_on_where_it_stopped),
	    TEST(old_events_go_and_unseen_receipts_stay),
	};
#undef TEST

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("people: memory", storetest_memory_setup);

	failed += run("people: directory", storetest_dir_setup);
	return failed == 0 ? 0 : 1;
}

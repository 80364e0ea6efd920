/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The calls, from one thread and from many, and over lines that are cut. */

#include "base/time.h"
#include "client/conn.h"
#include "clienttest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cfs_ref
home_of(struct cfs *c)
{
	const struct cfs_identity *who = cfs_whoami(c);

	return (struct cfs_ref){.ino = who->home, .gen = who->gen};
}

static int
make_dir(struct cfs *c, struct cfs_ref in, const char *name, enum cfs_how how, struct cfs_err *err)
{
	struct cfs_create a = {.dir = in, .name = name, .type = CFS_DIR, .mode = 0755};
	struct cfs_ref ref;

	return cfs_create(c, &a, how, &ref, NULL, err);
}

static void
signs_in(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_attr attr;
	struct cfs_err err = CFS_ERR_INIT;
	char name[65];

	assert_string_equal(cfs_whoami(c)->user, "alice");
	assert_int_equal(cfs_stat(c, "", false, &attr, &err), 0);
	assert_int_equal(attr.type, CFS_DIR);
	assert_int_equal(attr.ref.ino, cfs_whoami(c)->home);
	assert_int_equal(cfs_stat(c, "nothing", false, &attr, &err), CFS_ENOENT);
	assert_int_equal(cfs_user_name(c, cfs_whoami(c)->user_id, name, &err), 0);
	assert_string_equal(name, "alice");
	cfs_close(c);
}

static int
count_entry(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	unsigned *n = arg;

	assert_true(strncmp(name, "dir-", 4) == 0);
	assert_true(cookie > 0);
	assert_int_equal(attr->type, CFS_DIR);
	(*n)++;
	return 0;
}

static void
changes_the_tree(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	char name[32];
	unsigned n = 0;
	bool eof;

	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "dir-%04u", i);
		assert_int_equal(make_dir(c, home_of(c), name, CFS_LATER, &err), 0);
	}
	assert_int_equal(cfs_sync(c, &err), 0);
	assert_int_equal(cfs_readdir(c, home_of(c), 0, count_entry, &n, &eof, NULL, &err), 0);
	assert_int_equal(n, 3000);
	assert_true(eof);
	assert_int_equal(cfs_rename(c, home_of(c), "dir-0007", home_of(c), "seven", false, false,
				    CFS_DURABLE, &err),
			 0);
	assert_int_equal(cfs_lookup(c, home_of(c), "seven", &attr, &err), 0);
	assert_int_equal(cfs_lookup(c, home_of(c), "dir-0007", &attr, &err), CFS_ENOENT);
	assert_int_equal(cfs_unlink(c, home_of(c), "seven", true, CFS_VISIBLE, NULL, &err), 0);
	assert_int_equal(cfs_unlink(c, home_of(c), "seven", true, CFS_VISIBLE, NULL, &err),
			 CFS_ENOENT);
	cfs_close(c);
}

static int
check_name(void *arg, const char *name, enum cfs_type type)
{
	unsigned *n = arg;
	char want[32];

	(void)snprintf(want, sizeof(want), "%06u", *n);
	assert_memory_equal(name, want, 6);
	assert_int_equal(strlen(name), 200);
	assert_int_equal(type, CFS_DIR);
	(*n)++;
	return *n == 2777 ? 5 : 0;
}

/* More of them than go into one answer. */
static void
lists_names(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned n = 0;
	char name[256];

	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "%06u%0194u", i, 0u);
		assert_int_equal(make_dir(c, home_of(c), name, CFS_LATER, &err), 0);
	}
	assert_int_equal(cfs_sync(c, &err), 0);
	assert_int_equal(cfs_names(c, home_of(c), "", check_name, &n, &err), 5);
	assert_int_equal(n, 2777);
	n = 1000;
	assert_int_equal(cfs_names(c, home_of(c), "001", check_name, &n, &err), 0);
	assert_int_equal(n, 2000);
	n = 2778;
	assert_int_equal(cfs_unlink(c, home_of(c), name, true, CFS_VISIBLE, NULL, &err), 0);
	assert_int_equal(cfs_names(c, home_of(c), "002999", check_name, &n, &err), 0);
	assert_int_equal(n, 2778);
	assert_int_equal(
	    cfs_names(c, (struct cfs_ref){.ino = 1 << 30, .gen = 1}, "", check_name, &n, &err),
	    CFS_ESTALE);
	cfs_close(c);
}

static void
tells_late_errors_once(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;

	assert_int_equal(make_dir(c, home_of(c), "d", CFS_LATER, &err), 0);
	assert_int_equal(make_dir(c, home_of(c), "d", CFS_LATER, &err), 0);
	assert_int_equal(cfs_sync(c, &err), CFS_EEXIST);
	assert_int_equal(cfs_sync(c, &err), 0);
	cfs_close(c);
}

struct hammer {
	struct cfs *c;
	unsigned id;
	int rc;
	struct cfs_err err;
};

static void *
hammer(void *arg)
{
	struct hammer *h = arg;
	struct cfs_attr attr;
	char name[32];

	for (unsigned i = 0; i < 200 && h->rc == 0; i++) {
		(void)snprintf(name, sizeof(name), "t%u-%u", h->id, i);
		h->rc = make_dir(h->c, home_of(h->c), name, CFS_VISIBLE, &h->err);
		if (h->rc == 0)
			h->rc = cfs_lookup(h->c, home_of(h->c), name, &attr, &h->err);
		if (h->rc == 0 && i % 3 == 0)
			h->rc =
			    cfs_unlink(h->c, home_of(h->c), name, true, CFS_LATER, NULL, &h->err);
	}
	return NULL;
}

static void
many_threads(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct hammer h[8];
	pthread_t threads[8];
	struct cfs_err err = CFS_ERR_INIT;

	for (unsigned i = 0; i < 8; i++) {
		h[i] = (struct hammer){.c = c, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &h[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		if (h[i].rc < 0)
			fail_msg("thread %u: %s", i, h[i].err.text);
	}
	assert_int_equal(cfs_sync(c, &err), 0);
	cfs_close(c);
}

/* Each change is an exclusive create: done twice it would fail, not done it would be missing. */
static void
cut_in_mid_stream(void **state)
{
	struct clienttest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	unsigned n = 0;
	bool eof;

	for (unsigned round = 0; round < 12; round++) {
		struct cfs *c;
		char name[40];
		int rc;

		if (round % 2 == 0)
			atomic_store(&t->cut_sent, 2000 + 311 * round);
		else
			atomic_store(&t->cut_received, 2000 + 311 * round);
		c = client_start(t, 'a', NULL);
		for (unsigned i = 0; i < 100; i++) {
			(void)snprintf(name, sizeof(name), "dir-%u-%u", round, i);
			rc = make_dir(c, home_of(c), name, i % 10 == 9 ? CFS_VISIBLE : CFS_LATER,
				      &err);
			if (rc < 0)
				fail_msg("round %u, %s: %s", round, name, err.text);
		}
		rc = cfs_sync(c, &err);
		if (rc < 0)
			fail_msg("round %u: %s", round, err.text);
		cfs_close(c);
	}
	assert_true(t->dialled >= 24);
	struct cfs *c = client_start(t, 'a', NULL);
	assert_int_equal(cfs_readdir(c, home_of(c), 0, count_entry, &n, &eof, NULL, &err), 0);
	assert_int_equal(n, 1200);
	cfs_close(c);
}

static void
gives_up_and_comes_back(void **state)
{
	struct clienttest *t = *state;
	struct cfs_options o = {.program = "test", .reconnect_ms = 300};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs *c;

	atomic_store(&t->cut_sent, 400);
	c = client_start(t, 'a', &o);
	atomic_store(&t->refuse, 1000);
	int rc = 0;
	for (unsigned i = 0; i < 50 && rc == 0; i++)
		rc = cfs_stat(c, "", false, &attr, &err);
	assert_int_equal(rc, CFS_ENET);
	atomic_store(&t->refuse, 0);
	assert_int_equal(cfs_stat(c, "", false, &attr, &err), 0);
	cfs_close(c);
}

/* Changes outlive a cut, to be repeated; who waits for them does not wait for ever. */
static void
sync_gives_up(void **state)
{
	struct clienttest *t = *state;
	struct cfs_options o = {.program = "test", .reconnect_ms = 300};
	struct cfs_create dir = {.name = "d", .type = CFS_DIR, .mode = 0755};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs_ref ref;
	struct cfs *c;

	atomic_store(&t->cut_sent, 400);
	c = client_start(t, 'a', &o);
	dir.dir = (struct cfs_ref){cfs_whoami(c)->home, cfs_whoami(c)->gen};
	atomic_store(&t->refuse, 100000);
	/* The stream is attached within the first bytes; this change falls into the cut. */
	assert_int_equal(cfs_create(c, &dir, CFS_LATER, &ref, NULL, &err), 0);
	for (unsigned i = 0; i < 20 && err.code == 0; i++)
		(void)cfs_stat(c, "", false, &attr, &err);
	assert_int_equal(err.code, CFS_ENET);
	dir.name = "e";
	assert_int_equal(cfs_create(c, &dir, CFS_LATER, &ref, NULL, &err), 0);
	assert_int_equal(cfs_sync(c, &err), CFS_ENET);
	assert_non_null(strstr(err.text, "connection lost"));
	/* And none of them is lost. */
	atomic_store(&t->refuse, 0);
	assert_int_equal(cfs_sync(c, &err), 0);
	assert_int_equal(cfs_stat(c, "d", false, &attr, &err), 0);
	assert_int_equal(cfs_stat(c, "e", false, &attr, &err), 0);
	cfs_close(c);
}

/* A request whose every line breaks is given up, and the next one has a line again. */
static void
not_for_ever(void **state)
{
	struct clienttest *t = *state;
	struct cfs *c = client_start(t, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;

	cfs_close(c);
	atomic_store(&t->cut_always, 1200);
	c = client_start(t, 'a', NULL);
	int rc = 0;
	for (unsigned i = 0; i < 20 && rc == 0; i++)
		rc = put_bytes(c, "f", 20000, i);
	assert_true(rc == CFS_ESTREAMLOST || rc == CFS_ENET);
	atomic_store(&t->cut_always, 0);
	assert_int_equal(cfs_stat(c, "", false, &attr, &err), 0);
	assert_int_equal(put_bytes(c, "f", 20000, 7), 0);
	expect_content(c, "f", 20000, 7);
	cfs_close(c);
}

/* Lines that end as soon as they are there are made anew with pauses that grow, while calls wait. */
static void
brief_lines(void **state)
{
	struct clienttest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs *c;

	atomic_store(&t->cut_always, 200);
	c = client_start(t, 'a', NULL);
	uint64_t until = deadline_from_ms(1000);
	while (!deadline_passed(until))
		(void)cfs_stat(c, "", false, &attr, &err);
	assert_in_range(t->dialled, 4, 10);
	assert_true(c->brief_lines > 0);
	atomic_store(&t->cut_always, 0);
	while (cfs_stat(c, "", false, &attr, &err) < 0)
		continue;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(cfs_stat(c, "", false, &attr, &err), 0);
	/* After one that was good for something, at once. */
	pthread_mutex_lock(&c->lock);
	conn_lost(c, &err);
	assert_int_equal(c->brief_lines, 0);
	assert_true(c->retry_ns == c->down_ns);
	pthread_mutex_unlock(&c->lock);
	assert_int_equal(cfs_stat(c, "", false, &attr, &err), 0);
	cfs_close(c);
}

static void
interrupted(void **state)
{
	struct clienttest *t = *state;
	struct cfs_options o = {.program = "test", .reconnect_ms = 20000};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c;
	struct hammer h;
	pthread_t thread;

	atomic_store(&t->cut_sent, 2000);
	c = client_start(t, 'a', &o);
	atomic_store(&t->refuse, 100000);
	h = (struct hammer){.c = c};
	assert_int_equal(pthread_create(&thread, NULL, hammer, &h), 0);
	/* It waits for a line that does not come; an interruption ends that. */
	while (atomic_load(&t->refuse) > 99998)
		sched_yield();
	cfs_interrupt(c);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(h.rc, CFS_ECANCELED);
	atomic_store(&t->refuse, 0);
	assert_int_equal(cfs_sync(c, &err), 0);
	cfs_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(signs_in, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(lists_names, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(changes_the_tree, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(tells_late_errors_once, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(many_threads, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(cut_in_mid_stream, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(gives_up_and_comes_back, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(sync_gives_up, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(not_for_ever, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(brief_lines, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(interrupted, clienttest_setup, clienttest_teardown),
	};

	return cmocka_run_group_tests_name("client calls", tests, NULL, NULL);
}

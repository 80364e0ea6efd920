/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Two clients of one user that keep what they were promised, against a whole server. */

#include "clienttest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "client/conn.h"

#define LONG_MS 10000u
#define TURNS   300

struct pair {
	struct clienttest *t;
	struct cfs *a, *b;
	struct cfs_ref home;
};

static void
start(struct pair *p, void **state, const struct cfs_options *o)
{
	struct cfs_options plain = {.promises = true};

	p->t = *state;
	servertest_promises(p->t->server, LONG_MS);
	p->a = client_start(p->t, 'a', o != NULL ? o : &plain);
	p->b = client_start(p->t, 'a', &plain);
	p->home = (struct cfs_ref){.ino = cfs_whoami(p->a)->home, .gen = cfs_whoami(p->a)->gen};
}

static void
end(struct pair *p)
{
	cfs_close(p->a);
	cfs_close(p->b);
}

static void
make(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out)
{
	struct cfs_create create = {.dir = dir, .name = name, .type = CFS_FILE, .mode = 0644};

	assert_int_equal(cfs_create(c, &create, CFS_VISIBLE, NULL, out, NULL), 0);
}

static void
set_mode(struct cfs *c, struct cfs_ref ref, uint32_t mode)
{
	struct cfs_setattr set = {.ref = ref, .valid = 1, .mode = mode};
	struct cfs_attr out;

	assert_int_equal(cfs_setattr(c, &set, CFS_VISIBLE, &out, NULL), 0);
	assert_int_equal(out.mode, mode);
}

/* What was looked at once needs no question again. */
static void
test_no_round_trip(void **state)
{
	struct pair p;
	struct cfs_attr attr, again;

	start(&p, state, NULL);
	make(p.b, p.home, "f", &attr);
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &attr, NULL), 0);
	assert_true(attr.promise_ms > 0);
	assert_true(cfs_promised_ns(p.a, attr.promise_epoch) > 0);
	assert_int_equal(cfs_lookup(p.a, p.home, "none", &again, NULL), CFS_ENOENT);
	uint64_t asked = p.a->last_number;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(cfs_lookup(p.a, p.home, "f", &again, NULL), 0);
		assert_int_equal(again.ref.ino, attr.ref.ino);
		assert_int_equal(cfs_getattr(p.a, attr.ref, &again, NULL), 0);
		assert_int_equal(cfs_lookup(p.a, p.home, "none", &again, NULL), CFS_ENOENT);
	}
	assert_int_equal(p.a->last_number, asked);
	end(&p);
}

/* The other's answered change is seen by the next call, whichever it is. */
static void
test_turns(void **state)
{
	struct pair p;
	struct cfs_attr attr, seen;
	char name[32], last[32] = "f";

	start(&p, state, NULL);
	make(p.b, p.home, "f", &attr);
	for (int i = 0; i < TURNS; i++) {
		struct cfs *writer = i % 2 ? p.a : p.b, *reader = i % 2 ? p.b : p.a;

		assert_int_equal(cfs_lookup(reader, p.home, last, &seen, NULL), 0);
		set_mode(writer, attr.ref, (uint32_t)i);
		assert_int_equal(cfs_getattr(reader, attr.ref, &seen, NULL), 0);
		assert_int_equal(seen.mode, i);
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(cfs_lookup(reader, p.home, name, &seen, NULL), CFS_ENOENT);
		assert_int_equal(
		    cfs_rename(writer, p.home, last, p.home, name, false, false, CFS_VISIBLE, NULL),
		    0);
		assert_int_equal(cfs_lookup(reader, p.home, last, &seen, NULL), CFS_ENOENT);
		assert_int_equal(cfs_lookup(reader, p.home, name, &seen, NULL), 0);
		assert_int_equal(seen.ref.ino, attr.ref.ino);
		(void)strcpy(last, name);
	}
	assert_int_equal(cfs_lookup(p.a, p.home, last, &seen, NULL), 0);
	assert_int_equal(cfs_unlink(p.b, p.home, last, false, CFS_VISIBLE, NULL, NULL), 0);
	assert_int_equal(cfs_lookup(p.a, p.home, last, &seen, NULL), CFS_ENOENT);
	end(&p);
}

/* One's own changes are known at once, what stood under a name before too. */
static void
test_own(void **state)
{
	struct pair p;
	struct cfs_attr attr, other, seen;

	start(&p, state, NULL);
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &seen, NULL), CFS_ENOENT);
	make(p.a, p.home, "f", &attr);
	uint64_t asked = p.a->last_number;
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &seen, NULL), 0);
	assert_int_equal(p.a->last_number, asked);
	assert_int_equal(cfs_link(p.a, attr.ref, p.home, "g", CFS_VISIBLE, &seen, NULL), 0);
	assert_int_equal(cfs_getattr(p.a, attr.ref, &seen, NULL), 0);
	assert_int_equal(seen.nlink, 2);
	assert_int_equal(cfs_unlink(p.a, p.home, "g", false, CFS_VISIBLE, NULL, NULL), 0);
	assert_int_equal(cfs_lookup(p.a, p.home, "g", &seen, NULL), CFS_ENOENT);
	assert_int_equal(cfs_getattr(p.a, attr.ref, &seen, NULL), 0);
	assert_int_equal(seen.nlink, 1);
	make(p.a, p.home, "g", &other);
	assert_int_equal(cfs_rename(p.a, p.home, "g", p.home, "f", false, false, CFS_VISIBLE, NULL),
			 0);
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &seen, NULL), 0);
	assert_int_equal(seen.ref.ino, other.ref.ino);
	end(&p);
}

/* A line that is lost takes everything with it. */
static void
test_cut(void **state)
{
	struct pair p;
	struct cfs_attr attr, seen;
	struct cfs_err why;

	start(&p, state, NULL);
	make(p.b, p.home, "f", &attr);
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &attr, NULL), 0);
	uint64_t epoch = attr.promise_epoch;
	pthread_mutex_lock(&p.a->lock);
	err_set(&why, CFS_ENET, "cut by the test");
	conn_lost(p.a, &why);
	pthread_mutex_unlock(&p.a->lock);
	assert_int_equal(cfs_promised_ns(p.a, epoch), 0);
	set_mode(p.b, attr.ref, 0600);
	assert_int_equal(cfs_getattr(p.a, attr.ref, &seen, NULL), 0);
	assert_int_equal(seen.mode, 0600);
	assert_int_equal(cfs_promised_ns(p.a, epoch), 0);
	assert_true(cfs_promised_ns(p.a, seen.promise_epoch) > 0);
	end(&p);
}

struct heard {
	pthread_mutex_t lock;
	struct cfs_invalid last;
	unsigned count;
};

static bool
hear(void *arg, const struct cfs_invalid *what)
{
	struct heard *h = arg;

	pthread_mutex_lock(&h->lock);
	h->last = *what;
	h->count++;
	pthread_mutex_unlock(&h->lock);
	return false;
}

static void *
change_mode(void *arg)
{
	struct pair *p = arg;
	struct cfs_attr seen;

	assert_int_equal(cfs_lookup(p->b, p->home, "f", &seen, NULL), 0);
	set_mode(p->b, seen.ref, 0600);
	return NULL;
}

/* The change is answered when the hook's owner says so. */
static void
test_hook(void **state)
{
	struct heard h = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct cfs_options o = {.promises = true, .invalid = hear, .invalid_arg = &h};
	struct cfs_attr attr;
	struct cfs_invalid what;
	pthread_t thread;
	struct pair p;
	unsigned count = 0;

	start(&p, state, &o);
	make(p.b, p.home, "f", &attr);
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &attr, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, change_mode, &p), 0);
	for (int i = 0; i < 500 && count == 0; i++) {
		struct timespec pause = {.tv_nsec = 10 * NS_PER_MS};

		(void)nanosleep(&pause, NULL);
		pthread_mutex_lock(&h.lock);
		count = h.count;
		what = h.last;
		pthread_mutex_unlock(&h.lock);
	}
	assert_int_equal(count, 1);
	assert_int_equal(what.ino, attr.ref.ino);
	assert_int_equal(what.what, 1);
	assert_int_equal(pthread_tryjoin_np(thread, NULL), EBUSY);
	cfs_invalid_done(p.a, &what);
	assert_int_equal(pthread_join(thread, NULL), 0);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_no_round_trip, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_turns, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_own, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_cut, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_hook, clienttest_setup, clienttest_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

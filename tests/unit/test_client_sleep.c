/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A client whose machine sleeps: the server's promises end meanwhile, and nothing that was promised is trusted afterwards. */

#include "clienttest.h"

#include <stdatomic.h>
#include <time.h>

#include "base/time.h"
#include "client/conn.h"

static atomic_uint_fast64_t slept_ns;

/* In place of that of base/boottime.c. */
uint64_t
now_boot_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * (uint64_t)NS_PER_S + (uint64_t)ts.tv_nsec +
	       atomic_load(&slept_ns);
}

static void
sleeping_ends_what_was_promised(void **state)
{
	struct clienttest *t = *state;
	struct cfs_attr a, b;
	struct cfs_ref home;
	struct cfs *c;

	servertest_promises(t->server, 10000);
	c = client_start(t, 'a', &(struct cfs_options){.promises = true});
	home = (struct cfs_ref){.ino = cfs_whoami(c)->home, .gen = cfs_whoami(c)->gen};
	assert_int_equal(cfs_getattr(c, home, &a, NULL), 0);
	assert_true(cfs_promised_ns(c, a.promise_epoch) > 0);
	atomic_fetch_add(&slept_ns, 11 * (uint64_t)NS_PER_S);
	assert_int_equal(cfs_promised_ns(c, a.promise_epoch), 0);
	/* Asked anew, it is promised anew. */
	assert_int_equal(cfs_getattr(c, home, &b, NULL), 0);
	assert_true(cfs_promised_ns(c, b.promise_epoch) > 9 * (uint64_t)NS_PER_S);
	cfs_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(sleeping_ends_what_was_promised, clienttest_setup,
					    clienttest_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

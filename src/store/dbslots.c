/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * How many sessions have the database open: each costs all the others at the locks of the log's index (DESIGN 5). A slot is a robust mutex that
 * its session holds as long as the database is open, so that one that dies gives it back.
 */

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "store/impl.h"

#define LOOK_NS INT64_C(2000000)
#define WAIT_MS 15000

static bool
try_slot(pthread_mutex_t *m)
{
	int rc = pthread_mutex_trylock(m);

	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(m);
	return rc == 0;
}

static int
find_free(struct store_shared *sh, unsigned limit)
{
	unsigned first = (unsigned)getpid();

	for (unsigned i = 0; i < limit; i++) {
		unsigned slot = (first + i) % limit;

		if (try_slot(&sh->db_slots[slot]))
			return (int)slot;
	}
	return -1;
}

/* The mutex makes the line: who holds it looks, the others sleep behind it, in the order in which they came. */
int
shared_take_db(struct store_shared *sh, unsigned limit, int *slot_out, struct cfs_err *err)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	uint64_t deadline = deadline_from_ms(WAIT_MS);
	int slot, rc;

	if (atomic_load(&sh->db_waiting) == 0 && (slot = find_free(sh, limit)) >= 0) {
		*slot_out = slot;
		return 0;
	}
	(void)atomic_fetch_add(&sh->db_waiting, 1);
	rc = shared_lock(&sh->db_next, err);
	if (rc == 0) {
		while ((slot = find_free(sh, limit)) < 0 && !deadline_passed(deadline))
			(void)nanosleep(&pause, NULL);
		(void)pthread_mutex_unlock(&sh->db_next);
		*slot_out = slot;
		if (slot < 0)
			rc = err_set(err, CFS_EBUSY, "too many connections are at work");
	}
	(void)atomic_fetch_sub(&sh->db_waiting, 1);
	return rc;
}

void
shared_give_db(struct store_shared *sh, int slot)
{
	if (slot >= 0)
		(void)pthread_mutex_unlock(&sh->db_slots[slot]);
}

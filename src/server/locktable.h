/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LOCKTABLE_H
#define CFS_SERVER_LOCKTABLE_H

/*
 * Who holds which lock, and who waits for one: memory and rules, no time, no messages.
 *
 * Two kinds that do not see each other, as on a local file system: of bytes (fcntl(2): a new lock replaces what its owner had there) and of
 * whole files (flock(2): whoever holds it to read and asks to write first gives it back). An owner is a number that its party chose.
 *
 * Who waits is served in the order of coming, as soon as nobody who holds is in the way; who does not wait may pass. A wait for bytes
 * that would close a circle of waits is refused, across parties too; where the circle is longer than can be looked at, it is not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ranges.h"

enum lock_kind { LOCK_BYTES = 1, LOCK_WHOLE = 2 };

/* Somebody who locks, in the memory of the caller: zeros at first. The counts are the table's. */
struct lock_party {
	size_t ranges, waits;
	size_t *user_ranges; /* of all parties of its user together */
};

struct lock_ask {
	uint64_t ino, owner;
	enum lock_kind kind;
	enum range_type type; /* RANGE_NONE gives back */
	uint64_t start, end;  /* inclusive; of a whole file 0 to RANGE_END */
	uint64_t pid;         /* for those who ask who is in the way */
};

struct lock_limits {
	size_t party_ranges, user_ranges, all_ranges;
	size_t party_waits, all_waits;
};

/* Somebody who waited has the lock (0), or cannot have it. The table must not be touched from here. */
typedef void lock_end_fn(void *arg, struct lock_party *party, uint64_t ticket, int status);

struct locktable;

/* NULL without memory. limits are copied. */
struct locktable *locktable_new(const struct lock_limits *limits, lock_end_fn *end, void *arg);
void locktable_free(struct locktable *t);

#define LOCK_WAITS 1

/*
 * Takes, changes or gives back. 0: done; LOCK_WAITS (only with wait): end() will be called with the ticket; CFS_EHELD,
 * CFS_EDEADLK, CFS_ENOLCK (a limit, or no memory): what was held before is still held, but for whole files.
 */
int locktable_set(struct locktable *t, struct lock_party *party, const struct lock_ask *ask,
		  bool wait, uint64_t ticket);

/* A lock of somebody else that is in the way: true, and what and whose it is. */
bool locktable_test(const struct locktable *t, const struct lock_party *party,
		    const struct lock_ask *ask, struct lock_ask *found,
		    const struct lock_party **whose);

/* Whether the party holds all of what it asks for. */
bool locktable_holds(const struct locktable *t, const struct lock_party *party,
		     const struct lock_ask *ask);

/* Waits no more; false: it does not wait, or not any more. end() is not called. */
bool locktable_cancel(struct locktable *t, struct lock_party *party, uint64_t ticket);
void locktable_cancel_all(struct locktable *t, struct lock_party *party);

/* The party has gone: what it held goes to those who wait. */
void locktable_drop(struct locktable *t, struct lock_party *party);

/* Ranges that are held. */
size_t locktable_count(const struct locktable *t);

#endif

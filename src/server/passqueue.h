/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PASSQUEUE_H
#define CFS_SERVER_PASSQUEUE_H

/*
 * Passwords waiting to be hashed, which takes a processor for a tenth of a second: so many at once, a short line behind them, and addresses
 * take turns, so that whoever sends many waits behind himself and not before others. One owner thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/work.h"
#include "server/refusals.h"
#include "store/people.h"

/* Those that wait in all, and of one address; more are told that the server is busy. */
#define PASSQUEUE_MAX         32u
#define PASSQUEUE_ADDRESS_MAX 8u

/* Embedded in a struct of the owner's. */
struct passqueue_job {
	struct work_job work; /* first */
	struct passqueue_job *next;
	struct addr_key address;
	uint64_t turn;
	char hash[PEOPLE_HASH_SIZE]; /* "" for a user that there is not: costs the same */
	const char *password;        /* borrowed until it is done */
	size_t len;
	/* results */
	bool right;
	int status;
	struct cfs_err err;
};

struct passqueue;

/*
 * A queue over the owner's workers, which has no other jobs; at_once of them run. gone says whether nobody waits for a job any more,
 * and then it is given to dropped instead of being run. Returns 0 or a code.
 */
int passqueue_new(struct work_pool *workers, unsigned at_once,
		  bool (*gone)(struct passqueue_job *job),
		  void (*dropped)(struct passqueue_job *job), struct passqueue **out,
		  struct cfs_err *err);

/* When the workers are gone. Jobs that wait are dropped. NULL is fine. */
void passqueue_free(struct passqueue *q);

/* address, hash, password and len are set. Returns 0, or CFS_EBUSY and the job is still the caller's. */
int passqueue_add(struct passqueue *q, struct passqueue_job *job, struct cfs_err *err);

/* The next one that is done, or NULL; called when work_fd() is readable, until NULL. */
struct passqueue_job *passqueue_next(struct passqueue *q);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_LOCK_H
#define CFS_CLIENT_LOCK_H

/*
 * Locks, as a connection keeps them: what it holds, to claim it again on a new line before anything else goes out there, and
 * what it waits for. All of it is guarded by c->lock, and every function here is called locked.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"

struct cfs;

struct client_locks {
	struct id128 id; /* that the server knows this client's locks by; zeros: it never had any */
	struct lock_held *held; /* by inode, owner and kind */
	struct lock_wait *waits;
	struct lock_reclaim *reclaims; /* under way */
	uint64_t last_ticket;
};

/* Whether any lock is held: then the line is listened to, and made again when it is lost. */
bool locks_held(const struct cfs *c);
/* Tells those who cancelled their waits a while ago, whatever the server says later. */
void locks_expire(struct cfs *c, uint64_t now);
/* A new line is about to be used: the locks that are held are to be claimed on it. */
void locks_resume(struct cfs *c);
/* The connection ends in good order: the server need not keep its locks. */
void locks_leave(struct cfs *c);
/* Frees what is left, when no call is under way any more. */
void locks_fini(struct cfs *c);

#endif

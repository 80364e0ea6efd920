/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CHANGE_H
#define CFS_SERVER_CHANGE_H

/* One change: its number, its handler, its stored answer. */

#include "server/state.h"

/* The change names a blob that is not on stable storage yet. */
#define CHANGE_WAITS 1

/*
 * Does a queued change in the open transaction, and leaves its answer among those that go out after the commit
 * (batch.now or batch.durable). 0 when it is answered, whether done, refused or repeated; CHANGE_WAITS, and nothing was
 * done; or a negative code: the transaction must be undone.
 */
int change_do(struct session *s, struct change *c, struct cfs_err *err);

/*
 * Refuses it for a reason from outside its handler, in a transaction of its own that is left open: the number is used
 * up and the refusal stored. 0, or a negative code with err set and the transaction to be undone.
 */
int change_refuse(struct session *s, struct change *c, int status, const struct cfs_err *why,
		  struct cfs_err *err);

#endif

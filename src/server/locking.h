/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LOCKING_H
#define CFS_SERVER_LOCKING_H

/*
 * Locks, in a session: it checks what it is asked against the store and passes it to the hub, which has the table (locks.h). Every
 * answer is late, that of a lock that others hold as late as they like; such requests do not count among those under way, so what
 * ends the wait can always come in.
 */

#include "server/hubmsg.h"
#include "server/state.h"

/* HUB_LOCK_ANSWER has come. */
void locking_answered(struct session *s, const struct hub_lock *m);
/* Forgets all that wait. */
void locking_fini(struct session *s);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CHANGE_EVENT_H
#define CFS_SERVER_CHANGE_EVENT_H

/* The event of a change. */

#include "server/state.h"

/*
 * change. Adds the event of the change that was just done: its request is s->req, its reply s->rep. What happens to files
 * without a name is nobody's business yet and makes none. A negative code undoes the transaction.
 */
int change_event(struct session *s, const struct change *c, struct cfs_err *err);

#endif

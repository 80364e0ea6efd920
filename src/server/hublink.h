/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_HUBLINK_H
#define CFS_SERVER_HUBLINK_H

/* The session's end of the socket to the hub. Without a hub (tests, cfsadm alone) everything here does nothing. */

#include "server/hubmsg.h"
#include "server/state.h"

/* Tells the hub; a message that does not get through is logged and forgotten. */
void hublink_signed_in(const struct session *s);
void hublink_refused(const struct session *s);
/* Only the hub's admin connections may. */
void hublink_kick_user(const struct session *s, const char *user);

/* Handles what the hub has sent: the order to drain, or the hub's end, which ends the session at once. */
void hublink_read(struct session *s);

/* Asks for the connection at or behind index and waits for the answer: 1 and *out, 0 behind the last one, or a code. */
int hublink_ask(struct session *s, uint32_t index, struct hub_msg *out, struct cfs_err *err);

#endif

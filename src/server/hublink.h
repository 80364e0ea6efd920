/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_HUBLINK_H
#define CFS_SERVER_HUBLINK_H

/* The session's end of the socket to the hub. Without a hub (tests, cfsadm alone) everything here does nothing. */

#include "server/hubmsg.h"
#include "server/state.h"

/* Tells the hub; a message that does not get through is logged and forgotten. */
/* Ends the user's other connections that signed in with this key. */
void hublink_kick_device(const struct session *s, const struct sha256 *key);
/* Only the hub's admin connections may. */
void hublink_kick_user(const struct session *s, const char *user);
void hublink_kick_process(const struct session *s, uint64_t pid);

/* Passes on what is about locks; false: the hub takes no message now, or there is none. One that is gone ends the session. */
bool hublink_lock(struct session *s, const struct hub_msg *m);

/*
 * Waits for the store's descriptors (enum hub_store_fd; the caller's), which the hub sends to whom the door has let in. CFS_EAUTH when it sends
 * him away instead.
 */
int hublink_take_store(struct session *s, uint64_t deadline, int fds[], struct cfs_err *err);

/* Sends a HUB_PROMISE_… to the session at m->pid. What does not get through is asked again, or waited out. */
void hublink_promise(const struct session *s, const struct hub_msg *m);

/* Handles what the hub has sent: other sessions' questions, the order to drain, or the hub's end, which ends the session at once. */
void hublink_read(struct session *s);

/* Has the server's keys told or changed (enum key_change of signer.h): 0 and *out with key and next, or a code. */
int hublink_key(struct session *s, uint32_t what, struct hub_msg *out, struct cfs_err *err);

/* Asks for the connection at or behind index and waits for the answer: 1 and *out, 0 behind the last one, or a code. */
int hublink_ask(struct session *s, uint32_t index, struct hub_msg *out, struct cfs_err *err);

#endif

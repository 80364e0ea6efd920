/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LOCKS_H
#define CFS_SERVER_LOCKS_H

/*
 * The hub's side of locks: which client a session speaks for, how long locks outlive it, and what a restart leaves.
 *
 * A lock belongs to a client, known by its user (the door's word) and an id of its own choice, and to an owner, a number that the client
 * chose. It outlives a connection for a while; whoever connects last under an id is the client, older sessions of it are refused.
 * The memory of all this ends with the hub. That locks were out is in a file: who starts and finds it grants nothing for the same while,
 * but what a client says it had; what is asked for meanwhile is answered at its end.
 *
 * Nothing in a message is believed but by comparing; what is kept of anybody is bounded.
 */

#include <stdint.h>

#include "base/err.h"
#include "server/hubmsg.h"

/* A session, by its place among the hub's processes; user as the door said. */
struct lock_session {
	uint32_t index;
	uint64_t serial; /* never given twice, growing; not 0 */
	const char *user;
};

struct locks_conf {
	const char *flag, *flag_folder; /* the file that says that locks may be out; copied */
	uint64_t keep_ns;               /* how long locks outlive a connection, and a hub */
	/* Sends HUB_LOCK_ANSWER. */
	void (*tell)(void *arg, uint32_t index, uint64_t serial, const struct hub_msg *m);
	void *arg;
};

struct locks;

int locks_new(const struct locks_conf *conf, struct locks **out, struct cfs_err *err);
/* NULL is fine. The flag goes if no lock is out. */
void locks_free(struct locks *l);
void locks_set_keep(struct locks *l, uint64_t keep_ns);

/* HUB_LOCK and those up to HUB_LOCK_LEAVE. */
void locks_message(struct locks *l, const struct lock_session *from, const struct hub_msg *m);
/* A session has ended. */
void locks_ended(struct locks *l, uint64_t serial);

/* Does what is due; milliseconds until something is again, -1: nothing. */
int locks_timer(struct locks *l);

#endif

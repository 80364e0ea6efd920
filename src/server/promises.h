/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PROMISES_H
#define CFS_SERVER_PROMISES_H

/*
 * Read promises, as a session gives them to its client: what exactly was promised, and telling the client when that ends.
 *
 * An answer that says something of an inode, or of a name, promises to tell of changes. The session notes it here and
 * in the table that all share (promise_table.h). Who changed something asks the sessions whose bit is set
 * (promise_changes.h); they look here, push INVALIDATE, and say so when the client has acknowledged.
 *
 * A client trusts what it was promised for promise_ms from the moment of its last question; the session counts a fifth
 * more, from when that came. A client that leaves a push without an answer gets no renewals, so it loses everything soon:
 * whoever waits for it waits once. It is then told, before anything else, that all of it is void.
 */

#include "server/hubmsg.h"
#include "server/state.h"

/* What is promised about an inode; as in INVALIDATE, where the names of a directory are 2 and 4. */
enum { PROMISE_ATTR = 1, PROMISE_NAMES = 2 };
/* Asked of another session: the leases that its client has (leases.h), whatever the inode. */
#define PROMISE_LEASE 8u

void promises_init(struct session *s);
void promises_fini(struct session *s);

/* The client wants promises; it is known by that id. Without room for one more it gets none. */
void promises_begin(struct session *s, const struct id128 *client);
/* The client trusts nothing that its connections were promised. */
void promises_release(struct session *s);

/* Milliseconds that all promises hold from now on, 0 if they are not renewed (the answer to PING). */
uint32_t promises_renew(struct session *s);
/* Adds a promise; false when it cannot be given. Only between promises_renew() and the answer. */
bool promises_add(struct session *s, uint64_t ino, unsigned what);

/*
 * A look at the store whose answer is to be promised:
 *
 *	promises_try(s, &t);
 *	do {
 *		... read ...
 *		promises_try_add(s, &t, ino, PROMISE_ATTR);
 *	} while (promises_try_again(s, &t));
 *	rep->promise_ms = t.ms;
 *
 * It is read again when somebody committed between the reading and the noting; where that goes on, nothing is promised.
 */
struct promises_try {
	uint32_t ms;
	uint64_t commit;
	unsigned left;
};
void promises_try(struct session *s, struct promises_try *t);
void promises_try_add(struct session *s, struct promises_try *t, uint64_t ino, unsigned what);
bool promises_try_again(struct session *s, struct promises_try *t);

/*
 * Something was changed by another session: the client is told, and whoever asks when it has acknowledged, at once if
 * it was promised nothing of it.
 */
void promises_asked(struct session *s, const struct hub_msg *m);
/* The session's own client made a change of which it cannot know that it concerned this inode; tell: it is told by a push. */
void promises_end_own(struct session *s, uint64_t ino, bool tell);
/* The client has acted on the push of that number. */
void promises_acknowledged(struct session *s, uint64_t push);

/* Numbers of INVALIDATE's pushes; those of events are below. */
#define PROMISES_PUSH_FIRST (UINT64_C(1) << 63)

#endif

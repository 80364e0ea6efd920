/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_TRUST_H
#define CFS_CLIENT_TRUST_H

/*
 * Read promises, as the client keeps them: attributes and names, present and absent, that the server has promised to tell
 * of when they change.
 *
 * Everything is noted by the thread that reads the line, in the order of the line: an answer, then the push that ends
 * it. All is trusted until promise_ms after the sending of the last question whose answer renewed it, and not beyond the
 * line; an epoch counts what made all void. What the client itself changes is dropped when it is sent and when it is
 * answered. An answer to a change may have waited at the server while others changed the same: a log of what was dropped
 * since it was sent says whether it may be kept.
 *
 * "Locked" as in conn.h.
 */

#include <stdatomic.h>

#include "client/call.h"
#include "client/cfs.h"

struct trust;

/* Makes the client's promises if its options want them; the id goes into HELLO (zeros: none). 0 or CFS_ENOMEM. */
int trust_new(struct cfs *c, struct cfs_err *err);
void trust_free(struct cfs *c);
/* Not locked. Ends the thread that calls the hook. */
void trust_stop(struct cfs *c);

/* Locked. What is kept, for calls that look. found_out false: it does not exist. */
bool trust_find_name(struct cfs *c, uint64_t dir, const char *name, bool *found_out,
		     struct cfs_attr *out);
bool trust_find_attr(struct cfs *c, struct cfs_ref ref, struct cfs_attr *out);

/* Locked, by the thread that reads the line. */
void trust_sent(struct cfs *c, struct call *k);
void trust_answered(struct cfs *c, struct call *k, const union m_any *rep);
void trust_absent(struct cfs *c, const struct call *k, uint32_t promise_ms);
void trust_push(struct cfs *c, const struct frame *invalidate);
void trust_line_lost(struct cfs *c);

/* Locked. Nothing is trusted from now on, which the server is told as far as that goes without waiting. */
void trust_release(struct cfs *c);

/* Locked. Whether the line must be listened to though nobody asks anything, and when promises are to be renewed. */
bool trust_held(const struct cfs *c);
uint64_t trust_renew_ns(const struct cfs *c);

#endif

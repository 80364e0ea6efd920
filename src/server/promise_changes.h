/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PROMISE_CHANGES_H
#define CFS_SERVER_PROMISE_CHANGES_H

/*
 * Read promises, as a session breaks those that others hold: what its changes changed is noted inside the transaction;
 * after the commit the sessions whose clients may hold a promise on it are asked, and the answers wait until each has
 * said that nobody trusts it any more, or its time is over. Nothing else waits: the next changes go on, and are answered
 * when it is their turn.
 *
 * A client's own promises are its own business: it knows what it changes, but for what stood under a name before, which
 * the answer tells it, or a push (promises_end_own()). Where nobody else holds anything, all this is one load.
 */

#include "server/hubmsg.h"
#include "server/state.h"

void promise_changes_fini(struct session *s);

/*
 * In the transaction, before the handler: notes what the change will change, if it is done. What the store says of names
 * is read before they change. Returns a mark for promise_changes_undo() when it was refused.
 */
unsigned promise_changes_note(struct session *s, const struct op_desc *op, const union m_any *req);
void promise_changes_undo(struct session *s, unsigned mark);
/* Behind the handler: notes what only the answer tells. */
void promise_changes_note_done(struct session *s, const struct op_desc *op, const union m_any *rep);
/* The change was answered from what is stored: it was done before, and perhaps not all whom it concerns were asked. */
void promise_changes_repeated(struct session *s, const struct op_desc *op, const union m_any *req);
/* Notes by hand what a transaction outside the batch changed: all names of a directory. */
void promise_changes_note_names(struct session *s, uint64_t dir);
/* The transaction was undone. */
void promise_changes_forget(struct session *s);

/* What a done change's answer promises the client itself. */
void promise_changes_give(struct session *s, const struct op_desc *op, const union m_any *req,
			  union m_any *rep);

/*
 * After the commit. True: somebody has to be waited for, and the answers were taken (left empty): `now` goes out then,
 * and `durable` of that many replies after a flush.
 */
bool promise_changes_settle(struct session *s, struct buf *now, unsigned now_count,
			    struct buf *durable, unsigned durable_count);
/* A holder has answered. */
void promise_changes_answered(struct session *s, const struct hub_msg *m);
/* When promise_changes_run() is to be called, at the latest; it asks again, and gives up those whose time is over. */
uint64_t promise_changes_timer(const struct session *s);
void promise_changes_run(struct session *s);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_WATCH_H
#define CFS_SERVER_WATCH_H

/*
 * A session's subscription to events. Whoever commits events rings (store/events.h); this session then reads the table
 * behind its own place and pushes what the peer may know. The table is the queue: nothing is kept for a slow reader but
 * the number that it has got to, and at most WATCH_WINDOW pushes are under way, so it slows down nobody. What
 * retention takes away before it was read is told as an overflow, and so is a number that the store does not have any more.
 */

#include "server/state.h"

/* Pushes that are not acknowledged, at most. */
#define WATCH_WINDOW 8u

void watch_init(struct session *s);
void watch_fini(struct session *s);

/* Replaces the subscription. *newest_out is the newest event's number now. Copies paths. */
int watch_begin(struct session *s, const struct m_subscribe_req *req, uint64_t *since_out,
		uint64_t *newest_out, struct cfs_err *err);
void watch_end(struct session *s);

/* The peer has acted on the push of that number and those before it. */
void watch_acknowledged(struct session *s, uint64_t push);

/* Pushes what is due. */
void watch_run(struct session *s);

/*
 * For a peer that does not want to be told of its own changes (filter 8): change. The event of that number is one; then what
 * became of the transaction.
 */
void watch_own_added(struct session *s, uint64_t id);
void watch_own_committed(struct session *s);
void watch_own_undone(struct session *s);
/* Whether it is one; and the end of the run of such that stands right behind a number, which is returned if there is none. */
bool watch_is_own(const struct session *s, uint64_t id);
uint64_t watch_skip_own(struct session *s, uint64_t cursor);

/* A descriptor to poll for reading, -1 for none now; when it was readable, watch_rung(). When to run again, at the latest. */
int watch_fd(const struct session *s);
void watch_rung(struct session *s);
uint64_t watch_timer(const struct session *s);

#endif

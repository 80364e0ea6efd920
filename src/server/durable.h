/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_DURABLE_H
#define CFS_SERVER_DURABLE_H

/*
 * Answers that may go out only when what they tell of is on stable storage. The flush runs on a worker, one at a time,
 * and serves every answer that was waiting when it began; meanwhile the next transactions go on.
 */

#include "server/state.h"

void durable_init(struct session *s);
void durable_fini(struct session *s);

/* Takes the frames (count replies; left empty): they go out when every commit until now is on stable storage. */
void durable_add(struct session *s, struct buf *frames, unsigned count);

/* The finished job was collected. A failed flush ends the session: nobody knows what of it is kept. */
void durable_done(struct session *s);

/* Replies that wait. */
unsigned durable_waiting(const struct session *s);

#endif

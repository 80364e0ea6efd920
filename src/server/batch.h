/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_BATCH_H
#define CFS_SERVER_BATCH_H

/*
 * The queue of changes, and the transactions that they are done in.
 *
 * Changes are done in the order in which they came; the first one that names a blob still on its way holds up those
 * behind it, and nothing else. All that can be done at one moment (bounded in number and time) shares one transaction: blobs that
 * became ready, events of downloads, sums, changes. Answers go out after the commit, the ones that asked for
 * FRAME_DURABLE after its flush; both later, if others were promised what was changed (promise_changes.h).
 *
 * Where a transaction fails as a whole its changes are done again one by one, so that one that cannot be stored (disk full) is
 * refused alone; a change whose refusal cannot be stored either ends the session: the client attaches again and finds
 * out what is done.
 */

#include "server/state.h"

void batch_init(struct batch *b);
void batch_fini(struct batch *b);

/* Takes a change, or a SYNC, that came whole. Out of memory ends the session. */
void batch_queue(struct session *s, const struct frame *f);

/*
 * For a change whose bulk is still to be received: makes it with its fields; the bulk bytes go to *bulk_out. It is queued by
 * batch_queue_change() when they are there, or freed by the caller with free(). NULL when memory is out.
 */
struct change *batch_change_new(const struct frame *f, unsigned char **bulk_out);
void batch_queue_change(struct session *s, struct change *c);

/*
 * An event to be written by the next transaction; read (may be NULL) is answered after it. Takes what receipt owns, unless
 * CFS_ENOMEM is returned.
 */
int batch_event(struct session *s, const struct receipt *receipt, struct read_job *read);

/* Does what can be done now; returns whether more could be done at once. */
bool batch_run(struct session *s);

/* Whether something waits here, blocked or not. */
bool batch_busy(const struct session *s);

/* Whether no more changes should be read from the connection for now. */
bool batch_full(const struct session *s);

#endif

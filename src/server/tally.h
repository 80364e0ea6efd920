/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_TALLY_H
#define CFS_SERVER_TALLY_H

/* What a session counts of itself (stats.h). Without a hub it counts in memory of its own. */

#include "server/state.h"

/* 0 or CFS_ENOMEM. A session that has no store yet counts nothing, until it joins. */
int tally_init(struct session *s);
int tally_join(struct session *s);
void tally_fini(struct session *s);

void tally_signed_in(struct session *s);
void tally_refused(struct session *s);

/* An operation that came at came_ns is done; status 0 or a negative code. */
void tally_op(struct session *s, const struct op_desc *op, uint64_t came_ns, int status);

/* Answers waited since then for a flush to stable storage. */
void tally_flush(struct session *s, uint64_t since_ns);

/* Bytes of a file go out, or of an upload that was announced came in: for who looks at transfers. */
void tally_sent(struct session *s, const struct inode_attr *a, uint64_t bytes);
void tally_blob(struct session *s, uint64_t tag, uint64_t bytes);

/* What changes all the time: brought up to date once in each turn of the session's loop. */
void tally_turn(struct session *s);

#endif

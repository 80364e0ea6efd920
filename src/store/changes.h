/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_CHANGES_H
#define CFS_STORE_CHANGES_H

/*
 * Streams of changes: each change exactly once, in order (DESIGN 5).
 *
 * A session attaches a stream, which raises its epoch, and wraps every change in change_begin()/change_end() inside
 * its transaction. change_begin() checks in the store, not in memory, that the epoch is still the newest and that the
 * number is the last plus one; so a session left over from a cut line can commit nothing.
 */

#include "base/buf.h"
#include "base/err.h"
#include "store/types.h"

struct store;

#define STREAMS_MAX 1024u
#define RANGES_MAX  256u

struct stream_state {
	struct id128 stream;
	uint64_t user;
	uint64_t epoch, last_seq;
	uint64_t first_ino; /* range given with the attachment */
	uint32_t ino_count, gen;
};

/*
 * Attaches. Its own transaction (none may be open), on stable storage when it returns: neither the epoch nor an inode range
 * is ever given twice. create makes the stream unless it is there already. CFS_ESTREAMLOST if unknown or another user's.
 * A user has STREAMS_MAX streams and a stream RANGES_MAX ranges: those that were not seen for longest, and the oldest, give way.
 */
int stream_attach(struct store *s, uint64_t user, const struct id128 *stream, bool create,
		  uint32_t inodes, struct stream_state *out, struct cfs_err *err);

/* Another range of inode numbers; own transaction, on stable storage when it returns. */
int stream_grant_inodes(struct store *s, const struct stream_state *st, uint32_t inodes,
			uint64_t *first_out, uint32_t *count_out, uint32_t *gen_out,
			struct cfs_err *err);

/*
 * change. Opens change seq, by a savepoint unless it is the first of its transaction, and forgets answers up to ack.
 * 0: do it, then change_end(). 1: it was done before; the stored answer is in *status_out and appended to reply; no
 * change_end(). CFS_ESTREAMLOST (gap, unknown), CFS_ESUPERSEDED: nothing may be changed; no change_end().
 */
int change_begin(struct store *s, const struct stream_state *st, uint64_t seq, uint64_t ack,
		 int *status_out, struct buf *reply, struct cfs_err *err);

/*
 * change. Ends it: status 0 keeps what was done, a negative status undoes it; either way the number is used up and the
 * answer (status and reply payload, for an error its text) stored. A negative return means the whole transaction must be rolled back.
 */
int change_end(struct store *s, const struct stream_state *st, uint64_t seq, int status,
	       struct bytes_view reply, struct cfs_err *err);

#endif

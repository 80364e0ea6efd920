/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CHANGES_H
#define CFS_CLIENT_CHANGES_H

/*
 * The change stream: numbers changes in the order of the calls, keeps those that are not answered so that a new line
 * can repeat them, and hands out inode numbers. It is attached by the first change (a command that only looks needs
 * none) and again by every new line.
 *
 * A change that the server cannot tell done from not done (the stream is unknown, or has a gap: the store was put back
 * to an older state) ends with CFS_ESTREAMLOST; nothing is guessed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"
#include "client/cfs.h"
#include "proto/ops.h"

struct call;

/* Bytes of changes without an answer; the next one waits. */
#define CHANGES_MAX_BYTES    (16u * 1024 * 1024)
/* Inode numbers asked for first, and further on; the next range is fetched when less than half of that is left. */
#define CHANGES_INODES_FIRST 1024u
#define CHANGES_INODES_MORE  8192u
#define CHANGES_RANGES       4u

struct ino_range {
	uint64_t next, left;
	uint32_t gen;
};

enum changes_state { CHANGES_NONE, CHANGES_ATTACHING, CHANGES_ATTACHED };

struct changes {
	struct id128 id;
	enum changes_state state;
	uint64_t last_seq; /* given to the newest change */
	size_t bytes;      /* of those without an answer */
	unsigned count;    /* of them */
	unsigned ahead;    /* of those, done ahead (lease.h) */
	struct call *first, **last;
	struct ino_range ranges[CHANGES_RANGES];
	bool refilling;
	struct cfs_err attach_err; /* why the last attachment failed */
	uint64_t last_tag;         /* of blobs */
	uint32_t last_upload;      /* number of an announced transfer */
	unsigned watchers;         /* threads that wait for something of this to change */
	struct cfs_err later;      /* first error of a change that nobody waited for */
};

void changes_init(struct changes *s);

/* An unused inode number. May wait. Not locked. */
int changes_take_ino(struct cfs *c, struct cfs_ref *out, struct cfs_err *err);

/* Locked; may wait. Attaches the stream if it is not yet, and waits until there is room for size bytes more. */
int changes_ready(struct cfs *c, size_t size, struct cfs_err *err);
/* Locked; may wait. Until all that was done ahead so far is answered, for a look that would miss it. */
int changes_settle(struct cfs *c, struct cfs_err *err);
/* Locked, after changes_ready() without a wait between: the change becomes the newest of the stream. */
void changes_append(struct cfs *c, struct call *k);
/* Locked. It was answered. */
void changes_remove(struct cfs *c, struct call *k);
/* Locked. Every change up to this number has been answered. */
uint64_t changes_acked(const struct cfs *c);
/* Locked. Whether a new line must attach the stream; then *req is filled for it. */
bool changes_attach_request(const struct cfs *c, struct m_stream_attach_req *req);
/* Locked. What the new line's attachment said. CFS_ESTREAMLOST when changes are missing there. */
int changes_attached(struct cfs *c, const struct m_stream_attach_rep *rep, struct cfs_err *err);
/* Locked. The stream is gone: its changes end with why, and the next change starts another one. */
void changes_lost(struct cfs *c, const struct cfs_err *why);

#endif

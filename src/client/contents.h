/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CONTENTS_H
#define CFS_CLIENT_CONTENTS_H

/*
 * Whole contents of small files, by inode: asked for ahead of who will read them, and held until they are read, or the
 * promise that they came under is taken back. Bounded in bytes; the oldest go first. Plain data: no locks, no time.
 */

#include <stddef.h>
#include <stdint.h>

#include "client/cfs.h"

#define CONTENTS_BUCKETS 1024u

enum content_state {
	CONTENT_AWAITED, /* asked for; data is the answer's to fill */
	CONTENT_SPOILED, /* the same, but it was changed meanwhile: the answer is of no use */
	CONTENT_HELD,
};

struct content {
	struct content *next; /* in its bucket */
	struct content *older, *newer;
	struct cfs_ref ref;
	uint64_t version;
	size_t room, len; /* bytes at data, and of the file */
	enum content_state state;
	unsigned char *data;
};

struct contents {
	struct content *buckets[CONTENTS_BUCKETS];
	struct content *oldest, *newest;
	size_t bytes, max_bytes; /* of all data */
};

void contents_init(struct contents *m, size_t max_bytes);
/* Nothing is awaited any more. */
void contents_fini(struct contents *m);

/* What is known of a file's content; borrowed until the next change. NULL: nothing. */
struct content *contents_find(const struct contents *m, struct cfs_ref ref);

/*
 * An entry with room for an answer, to be ended with contents_arrived() or contents_failed(). NULL: there is one for this
 * inode, everything that is held is awaited, or memory is out.
 */
struct content *contents_await(struct contents *m, struct cfs_ref ref, size_t room);
/* The answer is there, len bytes of that version. What was spoiled meanwhile is freed. */
void contents_arrived(struct contents *m, struct content *e, uint64_t version, size_t len);
void contents_failed(struct contents *m, struct content *e);
/* Holds a copy. */
void contents_put(struct contents *m, struct cfs_ref ref, uint64_t version, const void *data,
		  size_t len);

/* The inode was changed, or its content has been read: held no more. */
void contents_drop(struct contents *m, uint64_t ino);
void contents_clear(struct contents *m);

#endif

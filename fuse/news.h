/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_NEWS_H
#define CFS_FUSE_NEWS_H

/*
 * What others changed, as the server pushes it, on its way to who replays it (replay.h): in order, what follows each other on
 * one file made one, and no more than NEWS_MAX. No locks: the caller has one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cfs.h"

#define NEWS_MAX     4096u
#define NEWS_BUCKETS 1024u

enum news_kind { NEWS_FILE, NEWS_DELETE, NEWS_RENAME };

/* Of NEWS_FILE: what happened to it. */
enum news_what {
	NEWS_CREATED = 1,
	NEWS_REPLACED = 2, /* another inode stands under the name, at once */
	NEWS_MODIFIED = 4,
	NEWS_ATTRIB = 8,
	NEWS_IS_FILE = 16, /* and nothing else than a plain file */
};

struct news {
	struct news *next;
	struct news *same; /* in its bucket: those that can take up more */
	enum news_kind kind;
	unsigned what;
	uint64_t ino; /* 0: not told */
	char *path;   /* full, as of then; of the same memory as the rest */
	char *target; /* of a rename, else NULL */
};

struct news_queue {
	struct news *first, **last;
	size_t n;
	struct news *buckets[NEWS_BUCKETS];
};

enum news_taken { NEWS_TAKEN, NEWS_NOTHING, NEWS_FULL };

void news_init(struct news_queue *q);
void news_fini(struct news_queue *q);

/* Adds an event: NEWS_NOTHING if it is none that a watcher would be told of; NEWS_FULL, and it is dropped. */
enum news_taken news_add(struct news_queue *q, const struct cfs_event *e);
/* The oldest, to be freed; NULL: none. */
struct news *news_pop(struct news_queue *q);

#endif

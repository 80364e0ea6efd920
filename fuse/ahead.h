/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_AHEAD_H
#define CFS_FUSE_AHEAD_H

/*
 * Walks go from one directory to the next. Where a round trip takes long, the listings of the next ones are asked for while
 * the program still works on this one; they are kept, and used while they are fresh, as any listing is (listing.h).
 */

#include <pthread.h>
#include <stdbool.h>

#include "base/work.h"
#include "client/cfs.h"

struct mount;

struct ahead {
	pthread_mutex_t lock;
	struct work_pool *pool; /* one thread, made by the first need for it */
	struct work_job job;
	bool busy; /* the job is not collected yet */
	struct mount *m;
	struct cfs_ref dir, parent; /* what the job goes on from */
};

void ahead_init(struct ahead *a, struct mount *m);
/* What is under way is interrupted. Before cfs_close(). */
void ahead_fini(struct ahead *a);

/* A directory was listed from its start. Never waits; nothing happens while an earlier note is being worked on. */
void ahead_note(struct ahead *a, struct cfs_ref dir, struct cfs_ref parent);

#endif

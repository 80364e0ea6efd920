/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_AHEAD_H
#define CFS_FUSE_AHEAD_H

/*
 * Walks: find, tar, grep -r, cp -r. They list a directory, go through its files in the listing's order, and then into the
 * directories that it names. Who does that is recognised, and what he will ask for is asked for before: the
 * listings of the next directories by a few threads, the contents of the next small files as requests without
 * a thread. Listings are kept as any listing is (listing.h), contents by the client library in a bounded
 * space (cfs_content_ahead()); both under promises, so that what others change meanwhile is asked for anew.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/work.h"
#include "client/cfs.h"

struct mount;
struct inode;
struct listing;

/* Directories that are listed ahead at the same time. */
#define AHEAD_DIRS 8u

struct ahead_job {
	struct work_job job; /* first */
	struct ahead *a;
	struct cfs_ref dir;
	bool busy; /* not collected yet */
};

struct ahead {
	pthread_mutex_t lock;
	struct work_pool *pool; /* made by the first need for it */
	struct ahead_job jobs[AHEAD_DIRS];
	struct mount *m;
	atomic_uint_fast64_t read_ns; /* when a walk was seen last that reads what it finds */
	atomic_uint eager;            /* how much speaks for asking for contents with look-ups */
};

void ahead_init(struct ahead *a, struct mount *m);
/* What is under way is interrupted. Before cfs_close(). */
void ahead_fini(struct ahead *a);

/* A directory was listed from its start, and the caller holds that. Never waits. */
void ahead_listed(struct ahead *a, struct listing *g);
/* A file with these attributes was opened to be read. Never waits. */
void ahead_opened(struct ahead *a, struct inode *i, const struct cfs_attr *own);
/* A name is about to be looked up at the server: whether its content should come along. */
bool ahead_wants_content(struct ahead *a);

#endif

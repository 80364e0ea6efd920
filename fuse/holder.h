/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_HOLDER_H
#define CFS_FUSE_HOLDER_H

/*
 * Files that are open here while they lose their last name, by whomever: the server keeps their content for an hour after
 * it was told that they are open. It is told before this mount takes a name away, at once of those whose attributes say that they have
 * none, and every twenty minutes of all open ones, since nobody tells this mount what happens to names elsewhere.
 */

#include <pthread.h>
#include <stdbool.h>

struct inode;
struct mount;

struct holder {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending, running;
	pthread_t thread;
	struct mount *m;
};

/* Starts the thread; without it files are only held once. */
void holder_init(struct holder *h, struct mount *m);
/* Before cfs_close(). */
void holder_fini(struct holder *h);

/* The inode has no name any more. */
void holder_note(struct mount *m, struct inode *i);
/* It is open, and its entry was dropped before: that a name which is about to be taken away is its own nobody would see. */
void holder_hold(struct mount *m, struct inode *i);
/* The name is about to be taken from what stands there: the server is told first if that is open, without a round trip. */
void holder_before(struct mount *m, const struct inode *dir, const char *name);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_REPLAY_H
#define CFS_FUSE_REPLAY_H

/*
 * inotify for what others change. The kernel wakes watchers when a call of its own makes a change, and for nothing that a
 * FUSE server tells it. So one thread makes the calls that would have made the change (mknod, open for writing and fallocate,
 * setxattr, rename, unlink), on this mount; the kernel asks the mount to do them, and the mount, which knows these requests by that
 * thread's id, answers them out of what it expects: nothing goes to the server, and nothing is changed.
 *
 * What is there for real stands behind the names as the kernel knows it, so that whoever watches a file is told too; where the
 * kernel knows nothing of it, an inode that is nowhere else stands in for it, without a time: the next look asks again.
 *
 * The thread waits for directories that the kernel has locked for others; nothing waits for the thread, which holds no lock
 * of the mount's. While the mount has many changes of its own under way it makes no calls, or those could wait for each
 * other: its requests want a thread of the mount, too.
 *
 * It must never make such a call anywhere else. A directory below the top whose name is a secret of this process exists for
 * this thread alone. Every way that it goes leads through there, so it ends nowhere when the mount is gone, or when the
 * requests do not come from where they were expected.
 */

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "news.h"

struct mount;
struct inode;

/* What a name stands for in the answers. */
struct replay_entry {
	struct inode *real; /* held by the thread; NULL: one that stands in */
	struct cfs_attr attr;
	uint64_t asked_ns; /* 0: it is going, and the attributes are only to be believed now */
	fuse_ino_t id;     /* as the kernel has it */
	struct stat st;
};

struct replay_name {
	fuse_ino_t dir;
	const char *name;
	bool there; /* a look-up finds it */
	bool asked; /* and there was one */
	struct replay_entry entry;
};

enum replay_call { REPLAY_NOTHING, REPLAY_MAKE, REPLAY_CHANGE, REPLAY_REMOVE, REPLAY_MOVE };

#define REPLAY_DIRS 256u

struct replay {
	struct mount *m;
	char *dir;       /* where it is mounted, absolute */
	char *top;       /* path of the top at the server, without a slash at its end */
	char way_in[48]; /* the name of the directory that is this thread's */
	dev_t dev;
	struct cfs_subscription *sub;

	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct news_queue queue;
	bool ending, running, overflowed;
	pthread_t thread;
	atomic_int tid; /* of the thread; 0: none */

	pthread_mutex_t call_lock; /* the innermost of all */
	enum replay_call call;     /* under way */
	struct replay_name names[2];

	/* the thread's own */
	uint64_t at;     /* the directory that it is in, by number; 0: none of the mount's */
	uint64_t stands; /* how many inodes have stood in */
	uint64_t dirs
	    [REPLAY_DIRS]; /* directories by number, the newest ones that were looked at for a name */
	unsigned dirs_next;

	/* the handlers for everything else */
	struct fuse_lowlevel_ops plain;
	atomic_uint changing; /* changes of names by this mount under way */
};

void replay_init(struct replay *r, struct mount *m);
/* Notes the mount's top as events have it, by the path that led there; without it nobody is told anything. */
void replay_find_top(struct replay *r, const char *path);
/*
 * When the mount is there: begins to listen, if dir and top are known. What is in the way of that is logged once, and watchers are
 * told nothing.
 */
void replay_start(struct replay *r);
/* No more calls are begun; the kernel's connection is still there. */
void replay_stop(struct replay *r);
/* After the kernel's connection has ended: a call under way fails, and the thread ends. Before cfs_close(). */
void replay_fini(struct replay *r);

/* Takes the thread's requests out of those that the handlers in ops get. */
void replay_wrap(struct replay *r, struct fuse_lowlevel_ops *ops);

/* The way in, its number and what stands for its attributes. */
fuse_ino_t replay_way_in(void);
void replay_stand_in(const struct mount *m, fuse_ino_t id, enum cfs_type type, struct stat *st);

#endif

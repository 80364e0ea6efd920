/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_INVAL_H
#define CFS_FUSE_INVAL_H

/*
 * What others change: forgotten here at once, then in the kernel by threads that serve no request and hold no lock,
 * and then the server is told, whose answer to the one who made the change has waited for that.
 *
 * The trap. To forget a name the kernel takes its directory's lock, to forget pages it waits for those that are being
 * written; it holds both while an own change is under way. Two mounts that change the same directory would wait for each
 * other until their promises end. So an own change that begins answers for what is still to be forgotten
 * (inval_own_change()), and what is forgotten while one is under way is answered at once; the kernel forgets it when
 * that change is done, which is next. A directory that others change is then answered for name by name
 * (inode_is_shared()), so that the kernel has nothing of it to forget the next time.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/work.h"
#include "client/cfs.h"

struct mount;
struct inode;
struct fuse_session;

struct invals {
	struct mount *m;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct work_pool *pool;
	struct inval *list; /* not answered */
	_Atomic(struct fuse_session *) session;
	bool ending;
	pthread_mutex_t hook_lock; /* first of all locks; lives as long as the mount */
	bool deaf;                 /* there is nothing left to be told of */
};

int invals_init(struct invals *v, struct mount *m);
/* Waits for what is under way; the hook does nothing from then on. The kernel's connection has ended. */
void invals_fini(struct invals *v);

/* The hook of struct cfs_options; arg is the mount. */
bool inval_hook(void *arg, const struct cfs_invalid *what);

/* An own change of the inode is under way from now on. */
void inval_own_change(struct inode *i);

#endif

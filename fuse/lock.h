/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_LOCK_H
#define CFS_FUSE_LOCK_H

/*
 * Locks of programs, held at the server. No FUSE thread waits for one: the request is answered by a thread of its own when
 * the server has answered, after the kernel's older pages of the file are dropped (the kernel may want to write some back for that, so
 * that thread serves nothing else and holds no lock). What was written is sent before a lock is given back.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/cfs.h"

struct mount;
struct inode;
struct lock_news;

struct mount_locks {
	bool local_bytes, local_whole; /* the kernel's alone */
	pthread_mutex_t
	    begin; /* held while a request is begun: until then its end is not looked at */
	pthread_mutex_t lock; /* the rest; the innermost of all */
	pthread_cond_t cond;
	pthread_t thread;
	bool thread_runs, stop;
	struct lock_news *first, **last; /* for the thread */
	struct handle_locks *holders;    /* handles that have or had locks */
};

/* Byte locks that were taken through a handle: of its last owners, who may have no other sign that it is closed. */
struct handle_locks {
	uint64_t *owners;
	size_t count;
	uint64_t whole; /* owner of its lock of the whole file, if it ever had one */
	bool has_whole;
	atomic_bool lost; /* one of them was: nothing goes through this handle any more */
	uint64_t ino;     /* in the list of those that have locks, when not 0 */
	struct handle_locks *next, **prev;
};

/* The handle as a number, for comparison: never 0 or 1. */
static inline uintptr_t
handle_number(const struct handle_locks *h)
{
	return (uintptr_t)h;
}

void mount_locks_init(struct mount_locks *l);
/* No more answers: the session has ended. */
void mount_locks_stop(struct mount_locks *l);
/* After the connection is closed. */
void mount_locks_fini(struct mount_locks *l);

/*
 * For cfs_options: a lock was lost. The handle that had it answers EIO from now on; what was written through it alone and
 * was not sent is forgotten.
 */
void mount_lock_lost(void *arg, const struct cfs_lock *lost);

/* close(2) by an owner; and of the handle, with the owner of its lock of the whole file, if it has one. */
void handle_flushed(struct mount *m, struct inode *i, struct handle_locks *h, uint64_t owner);
void handle_released(struct mount *m, struct inode *i, struct handle_locks *h, bool whole,
		     uint64_t owner);

#endif

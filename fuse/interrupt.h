/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_INTERRUPT_H
#define CFS_FUSE_INTERRUPT_H

/*
 * Calls that wait for the server can be ended by a signal: without this a process that waits for a line that is down could
 * not even be killed before the time-out. The kernel tells of any signal, and once a request, but a program that only has a timer must
 * not see EINTR where a local file system has none. So one thread looks, as long as a request that was interrupted goes on,
 * whether the caller is dying, or got a signal by which a person asks it to end, and ends what took longer than a second: a line
 * that is well answers sooner. While hardly a thread of the mount is left to hear the kernel it looks at all.
 *
 * What was asked for may still happen, once, as with any call whose end nobody has seen.
 */

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mount;
struct handled;

struct interrupts {
	struct mount *m;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool running, ending;
	pthread_t thread;
	struct handled *first; /* requests that are being handled */
	unsigned count;        /* of them */
	uintptr_t last;        /* number of a request */
	unsigned interrupted;  /* of them */
	struct fuse_lowlevel_ops plain;
};

void interrupts_init(struct interrupts *x, struct mount *m);
/* Before cfs_close(). */
void interrupts_stop(struct interrupts *x);
void interrupts_fini(struct interrupts *x);
/* Stands before the handlers of what a caller waits for; the last to do so but pages_wrap(). */
void interrupts_wrap(struct interrupts *x, struct fuse_lowlevel_ops *ops);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SIBLING_H
#define CFS_SERVER_SIBLING_H

/*
 * fork(2), but the new process is a child of the caller's parent (CLONE_PARENT, clone(2)): that one reaps it, and is what it dies with.
 * The C library has no such call. What its own fork() does beside the system call in a process of one thread is done here: the
 * thread's number, which robust mutexes have in them, is written anew, and the list of those that it holds is announced.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sibling {
	void *tid;    /* where the C library keeps the thread's number */
	void *robust; /* the head of its list of robust mutexes */
	size_t robust_bytes;
};

/* For the one thread of this process. False where the kernel does not tell what it takes (CONFIG_CHECKPOINT_RESTORE). */
bool sibling_init(struct sibling *s);

/* As fork(2). Handlers of pthread_atfork(3) are not run. */
pid_t sibling_fork(const struct sibling *s);

/* The flags of the clone(2) call, for the list of what is allowed. */
#define SIBLING_FLAGS (CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)

#endif

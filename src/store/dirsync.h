/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_DIRSYNC_H
#define CFS_STORE_DIRSYNC_H

/*
 * Flushes of fan-out directories, shared among threads: one fsync(2) serves every name that was made in the directory
 * before it started. Any thread.
 */

#include <stdbool.h>

#include "base/err.h"

#define DIRSYNC_DIRS 256u

struct dirsync;

/* NULL when memory is out. */
struct dirsync *dirsync_new(void);
void dirsync_free(struct dirsync *ds);

/*
 * Returns when the names made or removed so far by the calling thread in directory number dir (its name below root_fd is two hex
 * digits) are on stable storage. After a failed flush, of any directory, it fails for all who were waiting, and for
 * good with CFS_EREADONLY: the kernel reports a lost write once and may call the next flush a success.
 */
int dirsync_wait(struct dirsync *ds, int root_fd, unsigned dir, struct cfs_err *err);

/* Notes that a name was removed in directory dir; the flush is left to dirsync_wait_noted(), for all that were noted so far. */
void dirsync_note(struct dirsync *ds, unsigned dir);
int dirsync_wait_noted(struct dirsync *ds, int root_fd, struct cfs_err *err);

/* Whether a flush has failed. */
bool dirsync_broken(struct dirsync *ds);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_RECOVERY_H
#define CFS_FUSE_RECOVERY_H

/*
 * Where writes stay that will not reach the server: the mount ended while it was away, or it lost the change stream.
 * A folder of its own for each mount that needs one, in $XDG_STATE_HOME/cfs/recovery: a file for each inode with the bytes
 * where they belong, and CHANGES, which says in their order what was not done. Programs were told of the failure as well, by
 * write, fsync or close.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "client/cfs.h"

struct recovery {
	pthread_mutex_t lock;
	char *dir; /* NULL: nothing was kept yet */
	int dir_fd;
	FILE *list;
	unsigned kept;
	bool failed; /* something could not be kept; was said */
};

void recovery_init(struct recovery *r);
/* Says what was kept and where, on stderr and in the system's log. */
void recovery_fini(struct recovery *r);
/* As cfs_options.undelivered; arg is the struct recovery. */
void recovery_keep(void *arg, const struct cfs_undelivered *u);
/* Says on stderr that earlier mounts left something, if they did. */
void recovery_remind(void);

#endif

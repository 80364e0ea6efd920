/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_PROMISE_H
#define CFS_CLIENT_CFS_PROMISE_H

/* The part of cfs.h for those who remember what was promised (cfs_options.promises): how long, and what ends. */

#include "client/cfs.h"

/* What is promised no more. Plain data but for the name, which is valid for the callback. */
struct cfs_invalid {
	uint64_t ino;  /* 0: everything; what was remembered under another epoch is void anyway */
	unsigned what; /* bits: 1 attributes and content, 2 and 4 a name in this directory */
	const char *name; /* empty: all of its names */
	uint64_t push, line;
};

/*
 * How long what was promised in this epoch (and not invalidated) may be trusted from now on, in nanoseconds; 0: no more. Takes no
 * lock.
 */
uint64_t cfs_promised_ns(const struct cfs *c, uint64_t epoch);
/* Says anew in the attributes whether they are promised: what was invalidated since they were answered is not. */
void cfs_promise_check(struct cfs *c, struct cfs_attr *a);
/* What an invalidation told of is forgotten, after the hook has returned false. */
void cfs_invalid_done(struct cfs *c, const struct cfs_invalid *what);

/* cfs_promise_check() for what cfs_file_flush() answered. */
void cfs_file_promise_check(struct cfs_file *f, struct cfs_attr *a);
/* Tells the file that somebody else changed the inode, which has that size now. What this client wrote stays. */
void cfs_file_changed(struct cfs_file *f, uint64_t size);

#endif

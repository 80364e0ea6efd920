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
/*
 * An event told of a change of the inode (0: none) and of a name in a directory (NULL: none), perhaps before the invalidation that
 * comes with it: the next look asks the server.
 */
void cfs_promise_drop(struct cfs *c, uint64_t ino, uint64_t dir, const char *name);
/* What an invalidation told of is forgotten, after the hook has returned false. */
void cfs_invalid_done(struct cfs *c, const struct cfs_invalid *what);

/*
 * Files of up to so many bytes are worth asking for ahead of who will read them. Their content is held under a promise of its own, in
 * cfs_options.content_bytes, until cfs_file_pread() has given it out.
 */
#define CFS_CONTENT_MAX (128u * 1024)
/*
 * Asks for the content of these files, and does not wait. What others own is passed over, because reading it counts as a
 * download; so is what is there already and what there is no room for.
 */
void cfs_content_ahead(struct cfs *c, const struct cfs_attr *files, size_t n);
/* As cfs_lookup(); the content of a small file comes with the answer and is held. */
int cfs_lookup_ahead(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out,
		     struct cfs_err *err);

/*
 * Removing many names of one directory, none of which waits for its answer. cfs_lease_ask() wants the directory for this client alone
 * and does not wait for it; it is nothing to ask for a single removal, for others have to ask it back before they can
 * look. cfs_unlink_ahead() removes the name of that inode (not open; a directory when it has been emptied in this way, too) and does
 * not wait either; from its return on it is as if it had been done, for everybody. False: nothing was done, and it is for cfs_unlink(). An error that the server
 * finds after all is cfs_sync()'s to tell.
 */
void cfs_lease_ask(struct cfs *c, struct cfs_ref dir);
bool cfs_unlink_ahead(struct cfs *c, struct cfs_ref dir, const char *name, bool directory,
		      uint64_t ino);

/* cfs_promise_check() for what cfs_file_flush() answered. */
void cfs_file_promise_check(struct cfs_file *f, struct cfs_attr *a);
/* Tells the file that somebody else changed the inode, which has that size now. What this client wrote stays. */
void cfs_file_changed(struct cfs_file *f, uint64_t size);

#endif

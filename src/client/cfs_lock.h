/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_LOCK_H
#define CFS_CLIENT_CFS_LOCK_H

/* Part of cfs.h: locks. */

#include "client/cfs.h"

/* As fcntl(2) has them, of bytes; as flock(2) has them, of a whole file. The two do not see each other. */
enum cfs_lock_kind { CFS_LOCK_BYTES = 1, CFS_LOCK_WHOLE = 2 };
enum cfs_lock_type { CFS_LOCK_NONE = 0, CFS_LOCK_READ = 1, CFS_LOCK_WRITE = 2 };

#define CFS_LOCK_END UINT64_MAX /* to the end of the file, wherever that will be */

struct cfs_lock {
	struct cfs_ref ref;
	uint64_t
	    owner; /* a number of the caller's choice; locks of one owner are not in each other's way */
	uint32_t
	    pid; /* told to those of this connection who ask who is in the way; 0 of other connections */
	enum cfs_lock_kind kind;
	enum cfs_lock_type type; /* CFS_LOCK_NONE gives back */
	uint64_t start, end;     /* inclusive; of a whole file 0 and CFS_LOCK_END */
};

/*
 * Takes a lock, changes or gives it back. CFS_EHELD, CFS_EDEADLK, CFS_ENOLCK, CFS_EDENIED (CFS_LOCK_WRITE in another's tree);
 * CFS_ECANCELED after cfs_interrupt(). attr (may be NULL): as of when it was taken, zeros if they cannot be had: content of
 * another version that the caller remembers is old. What he wrote he flushes before he gives back.
 *
 * Locks outlive a cut line as long as the server is set to keep them, and a restart of it; what is lost then is told to
 * the lock_lost() of the connection's options.
 */
int cfs_lock(struct cfs *c, const struct cfs_lock *l, bool wait, struct cfs_attr *attr,
	     struct cfs_err *err);
/*
 * The same without waiting: done() is told the end of it, once, in whatever thread; it must not call anything of the connection, and attr
 * is NULL with CFS_ECANCELED. An error here means that it will not be told. *ticket_out is for cfs_lock_cancel().
 */
int cfs_lock_start(struct cfs *c, const struct cfs_lock *l, bool wait,
		   void (*done)(void *arg, int code, const struct cfs_attr *attr), void *arg,
		   uint64_t *ticket_out, struct cfs_err *err);
/* Ends the wait: done() is told CFS_ECANCELED soon, unless it has the lock just now. */
void cfs_lock_cancel(struct cfs *c, uint64_t ticket);
/* What is in the way of a lock: *found, of CFS_LOCK_NONE if nothing is. */
int cfs_lock_test(struct cfs *c, const struct cfs_lock *l, struct cfs_lock *found,
		  struct cfs_err *err);
/*
 * Forgets what was written and not sent yet: it was written under a lock that is lost, and others may have written since. Tell the file
 * its size then (cfs_file_changed()).
 */
void cfs_file_discard(struct cfs_file *f);
/* Whether this owner holds anything of this kind on this inode. */
bool cfs_lock_held(struct cfs *c, const struct cfs_lock *of);

#endif

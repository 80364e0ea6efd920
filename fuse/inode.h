/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_INODE_H
#define CFS_FUSE_INODE_H

/*
 * What the mount knows of an inode: its generation, the open file, attributes that were read lately, and when this mount
 * changed it. An entry lives as long as a handle is open or a thread holds it, and else while the kernel remembers the inode and
 * there is room: what was not used for the longest time is dropped, and made again when the kernel names it (dropped.h). What it knew
 * then has to be asked for anew; nothing that the kernel is to be told of is lost with it.
 *
 * Locks: the table's guards `next`, `lookups`, `refs` and the places; the inode's own guards opening and closing and what is
 * remembered, and may be held while the server is asked. The inode's comes first.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cfs.h"
#include "dropped.h"

struct inode {
	struct inode *next; /* in its bucket */
	struct cfs_ref ref;
	uint64_t
	    lookups; /* the kernel's count; at least one less than that if the entry was made again */
	unsigned refs;    /* handles and threads */
	bool used;        /* since the hand came by */
	bool counted_dir; /* in n_dirs */
	uint64_t place;   /* see place.h; 0: none */
	bool left;        /* it is not there any more: the name is gone, or another's */
	struct inode *place_next;

	pthread_mutex_t lock;
	unsigned opens;
	struct cfs_file *file;   /* shared by all handles; NULL while none is open */
	int failed;              /* error of a write that no program was told of yet */
	uint64_t cached_version; /* whose pages the kernel may hold; 0: none */
	struct cfs_attr attr;    /* as of attr_ns; 0: none */
	uint64_t attr_ns;
	uint64_t searched_ns, search_from_ns; /* of a directory, see lookup_by_listing() */

	/* where its name was found last; of a file that the server was asked for by name, and that was not opened since */
	atomic_uint_fast64_t dir;
	atomic_bool looked_up;
	atomic_uint_fast64_t opened_version; /* the kernel may have its pages */

	atomic_bool held;     /* without a name: the server was told that it is open */
	atomic_bool past;     /* found in .versions: not to be written while it has no other name */
	atomic_bool gone;     /* a directory that the server knows no more; was told once */
	atomic_uint changing; /* own changes under way */
	atomic_uint barred;   /* what may change the kernel's pages (pages.h) */
	atomic_uint_fast64_t read_to;    /* where the last read ended */
	atomic_bool dirty;               /* written, and perhaps not at the server yet */
	atomic_uintptr_t writer;         /* the handle through which it was; 1: several */
	atomic_uint_fast64_t unread_ns;  /* when a read ended without an answer */
	atomic_uint_fast64_t changed_ns; /* last change, own or told of by the server */
	/* of a directory: when others changed its names, last, and first without a pause */
	atomic_uint_fast64_t shared_ns, shared_from_ns;
	_Atomic(struct invals *)
	    ending; /* the kernel is being told to forget something of it, or was */
};

struct invals;

struct inodes {
	pthread_mutex_t lock;
	struct inode **buckets, **places; /* by number, and by place */
	size_t n_buckets, n, n_dirs;
	size_t max, max_dirs; /* from here on entries are dropped, and directories too */
	size_t hand;          /* the bucket where that goes on */
	uint64_t top;         /* the inode that is the kernel's number 1 */
	struct dropped dropped;
	atomic_uint_fast64_t linked_ns; /* when a number of links was changed last */
};

/*
 * At most max entries, some 400 bytes each, but for those that are held. Directories, by which watchers are found, stay while they are
 * less than half of that. Returns 0 or CFS_ENOMEM.
 */
int inodes_init(struct inodes *t, size_t max);
void inodes_fini(struct inodes *t);
/* The top of the mount, which the kernel never looks up; its entry stays. Returns 0 or CFS_ENOMEM. */
int inodes_set_top(struct inodes *t, struct cfs_ref top);

/* The kernel's number of an inode, and the store's. */
uint64_t inode_id(const struct inodes *t, uint64_t ino);
uint64_t inode_number(const struct inodes *t, uint64_t id);

/*
 * The entry for a number of the kernel's, made again if it was dropped, held until inode_put(); NULL if the kernel names one that it
 * was never given, or without memory.
 */
struct inode *inode_get(struct inodes *t, uint64_t id);
/* The entry for an inode, made if need be; NULL without memory. */
struct inode *inode_obtain(struct inodes *t, struct cfs_ref ref);
void inode_put(struct inodes *t, struct inode *i);
/* Whether a handle of this mount has it open. */
bool inode_is_open(struct inode *i);
/* Calls each() with the inodes that are open, one after the other and without a lock. */
void inodes_each_open(struct inodes *t, void (*each)(void *arg, struct inode *i), void *arg);
/* What a call to the server needs: number and generation; generation 0 (STALE there) if the kernel was never given it. */
struct cfs_ref inode_ref(struct inodes *t, uint64_t id);

/*
 * Counts one more look-up by the kernel, in that directory and at that place (0: unknown), and remembers the attributes if they were
 * asked for (0: they were not) later than those that are there. False without memory.
 */
bool inode_remember(struct inodes *t, const struct cfs_attr *a, uint64_t dir, uint64_t place,
		    uint64_t asked_ns);
void inode_forget(struct inodes *t, uint64_t id, uint64_t n);

/* An own change of the inode's content or attributes begins and has ended (done or not). */
void inode_change_begin(struct inode *i);
void inode_change_end(struct inode *i);
/* Whether no own change is newer than this moment. */
bool inode_is_unchanged(const struct inode *i, uint64_t since_ns);
/* The same for attributes of any inode, known here or not. */
bool inodes_unchanged(struct inodes *t, const struct cfs_attr *a, uint64_t since_ns);
/* Whether the inode was opened in that very version, as far as it is known here. */
bool inodes_was_opened(struct inodes *t, const struct cfs_attr *a);
/* Own changes of names may have changed the number of links of inodes that are not at hand. */
void inodes_note_links(struct inodes *t);

/*
 * Others changed the inode's attributes or content (changed), or names in it: what was asked before is old. The entry,
 * held until inode_put(), or NULL if neither the kernel nor a handle knows it; made again if the kernel may. Takes no inode's lock.
 */
struct inode *inodes_note_foreign(struct inodes *t, uint64_t ino, bool changed);

/* Whether others have changed names of this directory lately, so that the kernel is to ask for each. */
bool inode_is_shared(const struct inode *dir);

/* Remembers attributes; an open file without own writes learns from them that somebody else changed it. */
void inode_note(struct inode *i, const struct cfs_attr *a, uint64_t asked_ns);

/*
 * A lock was taken, and the server says what the file is now: true if what is remembered of it here, and in the kernel's pages, may be
 * older; ours is forgotten then.
 */
bool inode_is_news(struct inode *i, const struct cfs_attr *a);

/*
 * Whether it is an old version: found in .versions, or without a name and not open, as it is when its entry was dropped since. It stays one
 * while it has no other name.
 */
bool inode_is_past(struct inode *i, const struct cfs_attr *a);

/* Opens or shares the file; each success is followed by inode_close(). With i->lock not held. */
int inode_open(struct cfs *c, struct inode *i, const struct cfs_attr *a, bool writable,
	       bool *keep_cache_out);
/* Shares the file if it is open: true, and inode_close() follows. */
bool inode_share(struct inode *i);
void inode_close(struct inode *i);

/* Sends what was written and waits until everybody sees it; the inode is open. An error stays for inode_take_error(). */
int inode_flush(struct inode *i, struct cfs_attr *a);
/* Sends what was written, if the file is open and there is such a thing; as inode_flush() otherwise. */
int inode_settle(struct inode *i);
/* The error of an earlier write, told once. */
int inode_take_error(struct inode *i);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_PAGES_H
#define CFS_FUSE_PAGES_H

/*
 * Bytes that the mount puts into the kernel's pages without being asked (around.h), and why they are never older than what is there.
 *
 * What the kernel does (fuse_lowlevel_notify_store(), fuse_notify_store() in its fs/fuse/dev.c): page by page it takes the page's lock,
 * copies, marks a page that was copied whole as up to date, and overwrites one that was so before; bytes behind the end of the file
 * move that end. A page is locked while a READ of it is under way, not while a WRITE is: the kernel has a program's bytes before the
 * mount hears of them. So nobody who comes with newer bytes may come while a store is under way:
 *
 * - Programs of this machine. They write through handles that are open for writing, mappings and what is left of them included, until
 *   RELEASE, and cut by SETATTR. Each such handle is a bar (pages_bar()), and so is an OPEN, CREATE or SETATTR of the size while it is
 *   under way: no store begins, and those requests do not go on while one is. They wait without a thread of libfuse's, which the
 *   store may need: the storing thread goes on with them when it is done (pages_wrap()).
 * - Others, while the promise holds. The bytes were read while the inode's attributes were promised, and neither the promise has
 *   ended nor any change begun between that and the store (is_good()). Who is told of a change notes it, waits for the store to end, and
 *   has the kernel forget the pages then (pages_drop()); the server, and so the one who made the change, waits for that.
 * - Others, when the promise is over. That is looked at again behind the store, which then undoes itself. The kernel believes no
 *   attributes for longer than the promise, and reads nothing before it has asked for them: that answer waits for the store too
 *   (pages_await_lapsed(); for a second, lest every thread wait there).
 * - READs. The answer to one that is under way may be newer than the store (the change is not answered yet), so its pages are left
 *   out; one that comes while the store is under way is answered from the same bytes, and needs no server: so no store waits for the
 *   line, but for a READ that reaches beyond it. The answer is no older than the question, because of all of the above.
 *
 * The last page, if it is not full, is left out: a store never tells the kernel where the file ends.
 *
 * A store holds no lock of the mount. It needs a thread that takes READs from the kernel: when libfuse's loop has ended, pages_stop().
 * Nothing, not even SIGKILL, ends a call that waits for a page, as with invalidations: a mount that is killed just then would stay, and its
 * readers, until the connection is aborted (umount -f). So a store goes in calls of few pages.
 */

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount;
struct inode;
struct pages_waiting;

#define PAGES_STORE_MAX (1024u * 1024)
/* The least that the kernel reads; with larger pages some are left out that need not be. */
#define PAGES_UNIT      4096u

/* Bytes to be stored, whole units; on the storing thread's stack. */
struct pages_store {
	struct inode *i;     /* held */
	unsigned char *data; /* only read */
	uint64_t offset;
	size_t size;
	/* the inode's attributes, which were asked for before the bytes were: when, and their promise */
	uint64_t since_ns, epoch;
	/* pages.c's */
	struct pages_store *next;
	uint64_t skip[PAGES_STORE_MAX / PAGES_UNIT / 64];
};

/* A READ that is being answered; on its handler's stack. */
struct pages_read {
	struct inode *i;
	uint64_t offset;
	size_t size;
	/* of what is being stored: bytes [from, to) of the answer; NULL: none */
	unsigned char *copy;
	size_t from, to;
	/* pages.c's */
	struct pages_read *next, **prev;
};

struct pages {
	struct mount *m;
	pthread_mutex_t lock;
	pthread_cond_t cond;           /* a store has ended; on CLOCK_MONOTONIC */
	struct pages_store *stores;    /* under way */
	atomic_uint store_count;       /* of them */
	struct pages_read *reads;      /* under way */
	struct pages_waiting *waiting; /* requests */
	bool ending;
	struct fuse_lowlevel_ops plain;
};

void pages_init(struct pages *p, struct mount *m);
/*
 * libfuse's loop has ended: no store begins from now on, and requests are served until none is under way. Before the session is
 * unmounted.
 */
void pages_stop(struct pages *p, struct fuse_session *session);
void pages_fini(struct pages *p);
/* Stands before the handlers of what begins to change pages, outside of all others. */
void pages_wrap(struct pages *p, struct fuse_lowlevel_ops *ops);

/*
 * Gives the kernel these bytes, if they are still how the file is. A thread that serves no request and holds no lock. Requests that
 * waited for this go on in here.
 */
bool pages_store(struct pages *p, struct pages_store *s);

/* No store of the inode begins until pages_unbar(). True if none is under way either. */
bool pages_bar(struct pages *p, struct inode *i);
void pages_unbar(struct inode *i);

/* Around the answer to a READ, which is sent in between. Returns 0 or CFS_ENOMEM; pages_read_end() follows all the same. */
int pages_read_begin(struct pages *p, struct inode *i, uint64_t offset, size_t size,
		     struct pages_read *r);
void pages_read_end(struct pages *p, struct pages_read *r);

/*
 * Has the kernel forget the inode's pages, behind what is being stored. The change that makes them old is noted already
 * (inodes_note_foreign()). Not for threads that serve requests.
 */
void pages_drop(struct pages *p, struct inode *i);

/* Attributes of the inode are about to be answered: waits for a store whose promise is over. */
void pages_await_lapsed(struct pages *p, uint64_t ino);

#endif

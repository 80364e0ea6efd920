/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_STORE_H
#define CFS_STORE_STORE_H

/*
 * The store: metadata in SQL, content in blobs. Lifecycle, transactions, durability.
 *
 * Who uses it: the one I/O thread of a session, the keeper, or cfsadm with no daemon running. A struct store is used
 * by one thread, except for the functions marked "any thread". It opens its database lazily, after fork, and never
 * carries it across one.
 *
 * Processes share a struct store_shared (made by the hub before it forks): the write mutex, the commit counters, the
 * read-only flag after a failed flush.
 *
 * The promise (DESIGN 5): no committed transaction names bytes that are not on stable storage; a commit is visible to
 * everyone at once and on stable storage after store_sync() of its number.
 */

#include "base/err.h"
#include "store/types.h"

struct store;
struct store_shared;

#define STORE_DB_SESSIONS_MAX 1024u

struct store_conf {
	const char *
	    path; /* the store's directory; "memory:" for one that lives in this process alone (tests) */
	int64_t attic_keep_ms;     /* retention of the attic, 0: keep nothing */
	uint64_t attic_max_bytes;  /* over this the oldest give way; 0: no limit */
	int64_t events_keep_ms;    /* retention of events, 0: no limit of time */
	uint64_t events_max_bytes; /* over about this much the oldest give way; 0: no limit */
	uint64_t quota_bytes;      /* of users who have none of their own, 0: none */
	uint64_t
	    min_free_bytes; /* below this much free disk, changes that add content get CFS_ENOSPC */
	unsigned
	    db_sessions; /* so many handles with this set have the database open at once, the others wait; 0: this one is not counted */
};

/* Makes the shared part in anonymous shared memory, to be inherited by fork. CFS_ENOMEM. */
int store_shared_new(struct store_shared **shared_out, struct cfs_err *err);
void store_shared_free(struct store_shared *shared);

/*
 * A process that is not to touch the store yet leaves what it inherited, and joins again with descriptors that somebody who has it
 * sends (borrowed both times). Meanwhile a duplicate of placeholder_fd keeps a descriptor's number.
 */
#define STORE_SHARED_FDS 2
void store_shared_fds(const struct store_shared *shared, int fds[STORE_SHARED_FDS]);
int store_shared_leave(struct store_shared *shared, int placeholder_fd, struct cfs_err *err);
int store_shared_join(const int fds[STORE_SHARED_FDS], struct store_shared **shared_out,
		      struct cfs_err *err);

/*
 * Takes the lock that says "this store is served": an open file description that children inherit, so that it ends with
 * the last of them. *fd_out is the caller's. CFS_ELOCKED when somebody holds it, CFS_EFORMAT for a newer format,
 * CFS_ENOENT where no store is.
 */
int store_lock(const char *path, int *fd_out, struct cfs_err *err);

/*
 * Makes an empty store in a directory that is absent or empty (CFS_EEXIST else): format version, id, incarnation,
 * schema, root directory, blob folders, ballast; all on stable storage when it returns.
 */
int store_create(const char *path, struct cfs_err *err);

/*
 * Opens a store. conf and shared must outlive it; the lock is the caller's business. Cheap: the database is opened at
 * the first verb. A "memory:" store is created empty with the process.
 */
int store_open(const struct store_conf *conf, struct store_shared *shared, struct store **store_out,
	       struct cfs_err *err);
void store_close(struct store *s);

/* Closes the database if nothing is under way; the next verb opens it again. Called after idle seconds. */
void store_idle(struct store *s);
/* Whether that would do anything: a verb has opened the database. */
bool store_is_open(const struct store *s);

/* The same, but only if others wait for a database to be closed and this one was open for a moment. Called between transactions. */
void store_yield(struct store *s);

/*
 * While held, reads share one read transaction instead of beginning one each; what any process has committed before a verb is called
 * is seen by it all the same. For a caller who has several reads to do and ends the hold at once then; a held
 * transaction lasts for 100 ms at most.
 */
void store_hold_reads(struct store *s, bool hold);

/* The store's own id (random, made by store_create). */
int store_id(struct store *s, struct id128 *id_out, uint32_t *gen_out, struct cfs_err *err);

/*
 * One write transaction at a time in all processes: waits (fairly) for the write mutex, then BEGIN IMMEDIATE. All verbs marked
 * "change" need one open; verbs that read see its uncommitted state. CFS_EREADONLY after a failed flush.
 */
int store_begin(struct store *s, struct cfs_err *err);

/* Commits and releases the mutex. *commit_out numbers it for store_sync(). On failure everything was rolled back. */
int store_commit(struct store *s, uint64_t *commit_out, struct cfs_err *err);
void store_rollback(struct store *s);
bool store_in_transaction(const struct store *s);

/*
 * Any thread. Returns when commit `commit` and all before it are on stable storage; one flush serves all processes that
 * wait. After a failed flush the store is read-only until a restart and every later call fails: it is never retried.
 */
int store_sync(struct store *s, uint64_t commit, struct cfs_err *err);

/* The number of the last commit of any process: what a "sync everything before" has to wait for. Any thread. */
uint64_t store_last_commit(const struct store *s);

struct store_space {
	uint64_t total_bytes, free_bytes;
	uint64_t used_bytes, files, quota, attic_bytes; /* of cred's user; quota 0: none */
};
int store_statfs(struct store *s, const struct cred *cred, struct store_space *out,
		 struct cfs_err *err);

struct store_stats {
	uint64_t users, files, logical_bytes, blobs, blob_bytes, attic_files, attic_bytes,
	    free_bytes;
};
int store_stats(struct store *s, struct store_stats *out, struct cfs_err *err);

/*
 * The keeper's work: one bounded step (about max_ms) of removing doomed blobs, unreferenced blobs, abandoned unnamed
 * files, expired answers, streams, invites and attic entries, then a checkpoint of the log. Opens its own
 * transactions. *more_out says whether another step would find work at once.
 */
int store_keep(struct store *s, unsigned max_ms, bool *more_out, struct cfs_err *err);

/*
 * Checks every rule of the store, read-only: references equal the extents that hold them, every live blob's file is there with its
 * length, no dentry without inode, link and entry counts. Calls report() for each fault. Returns the number of
 * faults or a negative code.
 */
int store_check(struct store *s, void (*report)(void *arg, const char *fault), void *arg,
		struct cfs_err *err);

#endif

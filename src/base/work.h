/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_WORK_H
#define CFS_BASE_WORK_H

/*
 * A small pool of worker threads for one owner thread: hash, compress, write, flush beside the owner's I/O loop.
 *
 * The owner submits jobs; they start in the order of submission, on at most max_threads threads that are started when
 * a job would have to wait and end when they had nothing to do for idle_ms. A job that has run is put on the done
 * list and the pool's eventfd becomes readable: the owner polls it and fetches the jobs with work_collect(). Nothing
 * here bounds the queue: the owner knows how much it has in flight (work_pending()).
 *
 * All functions are the owner's (one thread at a time); only run() is called by the workers. A pool does not cross a
 * fork: make it afterwards, as a process that forked before may well do. Threads inherit the sandbox of the thread
 * that submits, have all signals blocked, and stacks of 512 KiB.
 */

#include <stddef.h>

#include "base/err.h"

/* One job: embed it in a struct of the owner's and find that with CONTAINER_OF. It must live until it is collected. */
struct work_job {
	void (*run)(
	    struct work_job *job); /* on a worker; leaves its result in the owner's struct */
	struct work_job *next;     /* the pool's; after work_collect() the next job collected */
};

struct work_pool;

/*
 * Makes a pool without any thread. max_threads 0 is allowed: every job runs inline. Returns 0 and *out (freed with
 * work_free()), or CFS_ENOMEM or the code of eventfd(2)'s error.
 */
int work_new(unsigned max_threads, unsigned idle_ms, struct work_pool **out, struct cfs_err *err);

/*
 * Waits until every submitted job has run and every thread has ended, destructors of its own data included, and frees
 * the pool; jobs that were not collected are simply forgotten (their structs are the owner's). NULL is fine.
 */
void work_free(struct work_pool *pool);

/*
 * Queues a job whose run is set; never fails: where no thread runs and none can be started, the job runs at once inside
 * this call (and is on the done list when it returns).
 */
void work_submit(struct work_pool *pool, struct work_job *job);

/* The eventfd: readable while finished jobs wait to be collected. Borrowed; only to be polled. */
int work_fd(const struct work_pool *pool);

/* The finished jobs in order of their completion, linked by next; NULL when there is none. Never waits. */
struct work_job *work_collect(struct work_pool *pool);

/* Jobs submitted and not yet collected. */
size_t work_pending(const struct work_pool *pool);

/* Threads alive at this moment; for tests and figures. */
unsigned work_threads(struct work_pool *pool);

#endif

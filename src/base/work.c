/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"

/* Enough for OpenSSL, zstd and stdio; the default of 8 MiB would only grow the address space that is accounted. */
#define STACK_BYTES ((size_t)512 << 10)

struct queue {
	struct work_job *head;
	struct work_job **tail;
};

struct work_pool {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* a job is queued, or the pool ends; on CLOCK_MONOTONIC */
	pthread_cond_t gone; /* the last thread has ended */
	struct queue queued;
	struct queue done;
	size_t n_queued;
	unsigned n_threads;
	unsigned n_idle; /* threads that wait and were not signalled for a job */
	unsigned max_threads;
	unsigned idle_ms;
	bool ending;
	bool has_last;
	pthread_t last;   /* has_last: the thread that ended last, not joined yet */
	size_t n_pending; /* the owner's alone */
	int event_fd;
};

static void
queue_init(struct queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void
queue_put(struct queue *q, struct work_job *job)
{
	job->next = NULL;
	*q->tail = job;
	q->tail = &job->next;
}

static struct work_job *
queue_take(struct queue *q)
{
	struct work_job *job = q->head;

	q->head = job->next;
	if (q->head == NULL)
		q->tail = &q->head;
	return job;
}

static int
init_locks(struct work_pool *pool)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);

	if (rc != 0)
		return rc;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	/* On Linux none of these three allocates or fails with valid attributes. */
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->wake, &attr);
	(void)pthread_cond_init(&pool->gone, NULL);
	(void)pthread_condattr_destroy(&attr);
	return 0;
}

int
work_new(unsigned max_threads, unsigned idle_ms, struct work_pool **out, struct cfs_err *err)
{
	struct work_pool *pool = calloc(1, sizeof(*pool));
	int rc;

	if (pool == NULL)
		return err_code(err, CFS_ENOMEM);
	queue_init(&pool->queued);
	queue_init(&pool->done);
	pool->max_threads = max_threads;
	pool->idle_ms = idle_ms;
	pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->event_fd < 0) {
		rc = err_set_errno(err, errno, "eventfd");
		free(pool);
		return rc;
	}
	rc = init_locks(pool);
	if (rc != 0) {
		rc = err_set_errno(err, rc, "worker pool");
		fd_close(&pool->event_fd);
		free(pool);
		return rc;
	}
	*out = pool;
	return 0;
}

/* Puts a finished job on the done list; the eventfd counts once for all that wait there. Called locked. */
static void
finish_job(struct work_pool *pool, struct work_job *job)
{
	bool first = pool->done.head == NULL;
	uint64_t one = 1;

	queue_put(&pool->done, job);
	/* It can only fail when it is readable already, which is all that is wanted. */
	if (first)
		(void)!write(pool->event_fd, &one, sizeof(one));
}

/* Waits for a job until the idle time is over. Called locked; returns whether there is one. */
static bool
wait_for_job(struct work_pool *pool)
{
	uint64_t until = now_mono_ns() + (uint64_t)pool->idle_ms * (uint64_t)NS_PER_MS;
	struct timespec ts = {.tv_sec = (time_t)(until / (uint64_t)NS_PER_S),
			      .tv_nsec = (long)(until % (uint64_t)NS_PER_S)};
	int rc = 0;

	while (pool->n_queued == 0 && !pool->ending && rc == 0) {
		pool->n_idle++;
		rc = pthread_cond_timedwait(&pool->wake, &pool->lock, &ts);
		pool->n_idle--;
	}
	return pool->n_queued > 0;
}

/*
 * Each thread that ends joins the one that ended before it, so that work_free() has one left to join and threads that
 * end for want of work leave nothing behind. A detached thread is still inside its destructors when the process goes
 * on to exit, and what libcrypto keeps for it is then neither freed nor reachable.
 */
static void
end_thread(struct work_pool *pool)
{
	bool has_before = pool->has_last;
	pthread_t before = pool->last;

	pool->has_last = true;
	pool->last = pthread_self();
	pool->n_threads--;
	if (pool->n_threads == 0)
		(void)pthread_cond_signal(&pool->gone);
	/* Nothing of the pool may be touched after this: work_free() may go on. */
	(void)pthread_mutex_unlock(&pool->lock);
	if (has_before)
		(void)pthread_join(before, NULL);
}

static void *
worker(void *arg)
{
	struct work_pool *pool = arg;

	(void)pthread_mutex_lock(&pool->lock);
	while (pool->n_queued > 0 || wait_for_job(pool)) {
		struct work_job *job = queue_take(&pool->queued);

		pool->n_queued--;
		(void)pthread_mutex_unlock(&pool->lock);
		job->run(job);
		(void)pthread_mutex_lock(&pool->lock);
		finish_job(pool, job);
	}
	end_thread(pool);
	return NULL;
}

/* Starts one worker with all signals blocked. Called locked; a failure is no error (see work_submit()). */
static void
start_thread(struct work_pool *pool)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (pthread_attr_init(&attr) != 0)
		return;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &attr, worker, pool) == 0)
		pool->n_threads++;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
}

void
work_submit(struct work_pool *pool, struct work_job *job)
{
	bool inline_run;

	pool->n_pending++;
	(void)pthread_mutex_lock(&pool->lock);
	if (pool->n_queued >= pool->n_idle && pool->n_threads < pool->max_threads)
		start_thread(pool);
	inline_run = pool->n_threads == 0;
	if (!inline_run) {
		queue_put(&pool->queued, job);
		pool->n_queued++;
		(void)pthread_cond_signal(&pool->wake);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	if (!inline_run)
		return;
	job->run(job);
	(void)pthread_mutex_lock(&pool->lock);
	finish_job(pool, job);
	(void)pthread_mutex_unlock(&pool->lock);
}

int
work_fd(const struct work_pool *pool)
{
	return pool->event_fd;
}

struct work_job *
work_collect(struct work_pool *pool)
{
	struct work_job *jobs;
	uint64_t count;

	(void)pthread_mutex_lock(&pool->lock);
	jobs = pool->done.head;
	queue_init(&pool->done);
	/* Under the lock, so that the count of a job that finishes now is not lost. */
	if (jobs != NULL)
		(void)!read(pool->event_fd, &count, sizeof(count));
	(void)pthread_mutex_unlock(&pool->lock);
	for (struct work_job *job = jobs; job != NULL; job = job->next)
		pool->n_pending--;
	return jobs;
}

size_t
work_pending(const struct work_pool *pool)
{
	return pool->n_pending;
}

unsigned
work_threads(struct work_pool *pool)
{
	unsigned n;

	(void)pthread_mutex_lock(&pool->lock);
	n = pool->n_threads;
	(void)pthread_mutex_unlock(&pool->lock);
	return n;
}

void
work_free(struct work_pool *pool)
{
	if (pool == NULL)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	(void)pthread_cond_broadcast(&pool->wake);
	while (pool->n_threads > 0)
		(void)pthread_cond_wait(&pool->gone, &pool->lock);
	(void)pthread_mutex_unlock(&pool->lock);
	if (pool->has_last)
		(void)pthread_join(pool->last, NULL);
	(void)pthread_cond_destroy(&pool->gone);
	(void)pthread_cond_destroy(&pool->wake);
	(void)pthread_mutex_destroy(&pool->lock);
	fd_close(&pool->event_fd);
	free(pool);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/time.h"
#include "base/work.h"

#define WAIT_MS 10000

struct job {
	struct work_job work;
	unsigned number;
	atomic_uint *turn; /* counts the starts */
	unsigned started;  /* its place among them */
	sem_t *gate;       /* waits for it, if any */
	pthread_t thread;
};

static void
run(struct work_job *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);

	job->started = atomic_fetch_add(job->turn, 1);
	job->thread = pthread_self();
	if (job->gate != NULL)
		assert_int_equal(sem_wait(job->gate), 0);
}

static void
set_up(struct job *jobs, unsigned n, atomic_uint *turn, sem_t *gate)
{
	for (unsigned i = 0; i < n; i++)
		jobs[i] =
		    (struct job){.work = {.run = run}, .number = i, .turn = turn, .gate = gate};
}

static bool
readable(struct work_pool *pool, int timeout_ms)
{
	struct pollfd p = {.fd = work_fd(pool), .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

/* Collects until n jobs came; their numbers go to order. */
static void
collect(struct work_pool *pool, unsigned n, unsigned *order)
{
	for (unsigned got = 0; got < n;) {
		assert_true(readable(pool, WAIT_MS));
		for (struct work_job *w = work_collect(pool); w != NULL; w = w->next)
			order[got++] = CONTAINER_OF(w, struct job, work)->number;
	}
	assert_null(work_collect(pool));
	assert_false(readable(pool, 0));
}

static void
one_thread_keeps_the_order(void **state)
{
	static struct job jobs[500];
	static unsigned order[500];
	struct work_pool *pool;
	atomic_uint turn = 0;

	(void)state;
	assert_int_equal(work_new(1, 1000, &pool, NULL), 0);
	assert_int_equal(work_threads(pool), 0);
	set_up(jobs, 500, &turn, NULL);
	for (unsigned i = 0; i < 500; i++)
		work_submit(pool, &jobs[i].work);
	assert_int_equal(work_pending(pool), 500);
	collect(pool, 500, order);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(order[i], i);
		assert_int_equal(jobs[i].started, i);
		assert_false(pthread_equal(jobs[i].thread, pthread_self()));
	}
	assert_int_equal(work_pending(pool), 0);
	work_free(pool);
	work_free(NULL);
}

static void
threads_are_bounded_and_end_when_idle(void **state)
{
	struct job jobs[8];
	unsigned order[8];
	struct work_pool *pool;
	atomic_uint turn = 0;
	uint64_t deadline;
	sem_t gate;

	(void)state;
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	assert_int_equal(work_new(3, 1, &pool, NULL), 0);
	set_up(jobs, 8, &turn, &gate);
	for (unsigned i = 0; i < 8; i++)
		work_submit(pool, &jobs[i].work);
	assert_int_equal(work_threads(pool), 3);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(sem_post(&gate), 0);
	collect(pool, 8, order);
	deadline = deadline_from_ms(WAIT_MS);
	while (work_threads(pool) > 0 && !deadline_passed(deadline))
		(void)poll(NULL, 0, 1);
	assert_int_equal(work_threads(pool), 0);
	/* And they come back. */
	set_up(jobs, 1, &turn, NULL);
	work_submit(pool, &jobs[0].work);
	collect(pool, 1, order);
	work_free(pool);
	assert_int_equal(sem_destroy(&gate), 0);
}

static void
results_come_in_order_of_completion(void **state)
{
	struct job jobs[2];
	unsigned order[2];
	struct work_pool *pool;
	atomic_uint turn = 0;
	sem_t gate;

	(void)state;
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	assert_int_equal(work_new(2, 1000, &pool, NULL), 0);
	set_up(jobs, 2, &turn, NULL);
	jobs[0].gate = &gate;
	work_submit(pool, &jobs[0].work);
	work_submit(pool, &jobs[1].work);
	assert_true(readable(pool, WAIT_MS));
	assert_int_equal(sem_post(&gate), 0);
	collect(pool, 2, order);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 0);
	work_free(pool);
	assert_int_equal(sem_destroy(&gate), 0);
}

static void
freeing_waits_for_what_was_submitted(void **state)
{
	static struct job jobs[200];
	struct work_pool *pool;
	atomic_uint turn = 0;

	(void)state;
	assert_int_equal(work_new(2, 60000, &pool, NULL), 0);
	set_up(jobs, 200, &turn, NULL);
	for (unsigned i = 0; i < 200; i++)
		work_submit(pool, &jobs[i].work);
	work_free(pool);
	assert_int_equal(atomic_load(&turn), 200);
}

static pthread_key_t key;
static atomic_uint left_something, destroyed;

/* Slow, as one of a library's may be. */
static void
destroy(void *value)
{
	(void)value;
	(void)poll(NULL, 0, 20);
	atomic_fetch_add(&destroyed, 1);
}

static void
leave_something(struct work_job *work)
{
	if (pthread_getspecific(key) == NULL) {
		atomic_fetch_add(&left_something, 1);
		assert_int_equal(pthread_setspecific(key, work), 0);
	}
	run(work);
}

static void
freeing_waits_for_the_ends_of_threads(void **state)
{
	struct job jobs[4];
	unsigned order[4];
	struct work_pool *pool;
	atomic_uint turn = 0;
	uint64_t deadline = deadline_from_ms(WAIT_MS);

	(void)state;
	assert_int_equal(pthread_key_create(&key, destroy), 0);
	assert_int_equal(work_new(3, 1, &pool, NULL), 0);
	set_up(jobs, 4, &turn, NULL);
	for (unsigned i = 0; i < 4; i++)
		jobs[i].work.run = leave_something;
	/* The first end for want of work, the last because the pool does. */
	for (unsigned i = 0; i < 3; i++)
		work_submit(pool, &jobs[i].work);
	collect(pool, 3, order);
	while (work_threads(pool) > 0 && !deadline_passed(deadline))
		(void)poll(NULL, 0, 1);
	assert_int_equal(work_threads(pool), 0);
	work_submit(pool, &jobs[3].work);
	work_free(pool);
	assert_true(atomic_load(&left_something) >= 2);
	assert_int_equal(atomic_load(&destroyed), atomic_load(&left_something));
	assert_int_equal(pthread_key_delete(key), 0);
}

static void
without_threads_jobs_run_inline(void **state)
{
	struct job jobs[2];
	unsigned order[2];
	struct work_pool *pool;
	atomic_uint turn = 0;

	(void)state;
	assert_int_equal(work_new(0, 1, &pool, NULL), 0);
	set_up(jobs, 2, &turn, NULL);
	work_submit(pool, &jobs[0].work);
	assert_true(pthread_equal(jobs[0].thread, pthread_self()));
	work_submit(pool, &jobs[1].work);
	assert_int_equal(atomic_load(&turn), 2);
	assert_true(readable(pool, 0));
	collect(pool, 2, order);
	assert_int_equal(order[0], 0);
	work_free(pool);
}

/* A sanitizer cannot go on where no memory can be had. */
#if defined(CFS_SAN_ADDRESS) || defined(CFS_SAN_THREAD)
#define CAN_LIMIT_MEMORY false
#else
#define CAN_LIMIT_MEMORY true
#endif

/* Without room for its stack no thread can be started, whoever asks. Returns whether the job ran here. */
static bool
runs_inline_without_memory(struct work_pool *pool, struct job *job)
{
	struct rlimit before, none;

	if (getrlimit(RLIMIT_AS, &before) != 0)
		return false;
	none = before;
	none.rlim_cur = 0;
	if (setrlimit(RLIMIT_AS, &none) != 0)
		return false;
	work_submit(pool, &job->work);
	return setrlimit(RLIMIT_AS, &before) == 0 && work_collect(pool) == &job->work &&
	       pthread_equal(job->thread, pthread_self());
}

/* In a child, whose asserts would only be seen as its exit code. */
static int
child(void)
{
	struct work_pool *pool;
	struct job job;
	atomic_uint turn = 0;

	set_up(&job, 1, &turn, NULL);
	if (work_new(4, 1000, &pool, NULL) != 0)
		return 1;
	if (CAN_LIMIT_MEMORY && !runs_inline_without_memory(pool, &job))
		return 2;
	work_submit(pool, &job.work);
	if (!readable(pool, WAIT_MS) || work_collect(pool) != &job.work)
		return 3;
	if (pthread_equal(job.thread, pthread_self()))
		return 4;
	work_free(pool);
	return 0;
}

static void
it_works_after_a_fork_and_without_memory(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* First: the C library keeps the stacks of threads that ended, and a child inherits them. */
	    cmocka_unit_test(it_works_after_a_fork_and_without_memory),
	    cmocka_unit_test(one_thread_keeps_the_order),
	    cmocka_unit_test(threads_are_bounded_and_end_when_idle),
	    cmocka_unit_test(results_come_in_order_of_completion),
	    cmocka_unit_test(freeing_waits_for_what_was_submitted),
	    cmocka_unit_test(freeing_waits_for_the_ends_of_threads),
	    cmocka_unit_test(without_threads_jobs_run_inline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

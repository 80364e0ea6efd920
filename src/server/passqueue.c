/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/passqueue.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"

struct passqueue {
	struct work_pool *workers;
	unsigned at_once, running, waiting;
	bool (*gone)(struct passqueue_job *job);
	void (*dropped)(struct passqueue_job *job);
	struct passqueue_job *head, **tail; /* as they came */
	struct work_job *done;              /* collected, not yet given out */
	uint64_t turn;                      /* of the one started last */
};

int
passqueue_new(struct work_pool *workers, unsigned at_once, bool (*gone)(struct passqueue_job *job),
	      void (*dropped)(struct passqueue_job *job), struct passqueue **out,
	      struct cfs_err *err)
{
	struct passqueue *q = calloc(1, sizeof(*q));

	if (!q)
		return err_code(err, CFS_ENOMEM);
	q->workers = workers;
	q->at_once = at_once;
	q->gone = gone;
	q->dropped = dropped;
	q->tail = &q->head;
	*out = q;
	return 0;
}

static void
run(struct work_job *work)
{
	struct passqueue_job *job = CONTAINER_OF(work, struct passqueue_job, work);

	job->status =
	    people_password_right(job->hash, job->password, job->len, &job->right, &job->err);
	secure_wipe(job->hash, sizeof(job->hash));
}

/* Takes one out of the line. */
static struct passqueue_job *
unlink_job(struct passqueue *q, struct passqueue_job **at)
{
	struct passqueue_job *job = *at;

	*at = job->next;
	if (!job->next)
		q->tail = at;
	q->waiting--;
	return job;
}

/* The one whose turn is next; of equal turns the one that came first. */
static struct passqueue_job *
take_next(struct passqueue *q)
{
	struct passqueue_job **best = &q->head;

	for (struct passqueue_job **at = &q->head; *at; at = &(*at)->next) {
		if ((*at)->turn < (*best)->turn)
			best = at;
	}
	return unlink_job(q, best);
}

static void
start(struct passqueue *q)
{
	while (q->head && q->running < q->at_once) {
		struct passqueue_job *job = take_next(q);

		if (q->gone(job)) {
			q->dropped(job);
			continue;
		}
		q->turn = job->turn;
		q->running++;
		work_submit(q->workers, &job->work);
	}
}

int
passqueue_add(struct passqueue *q, struct passqueue_job *job, struct cfs_err *err)
{
	unsigned of_address = 0;

	/* An address's next turn is one behind its last that waits; everybody else's is before that. */
	job->turn = q->turn + 1;
	for (const struct passqueue_job *j = q->head; j; j = j->next) {
		if (addr_key_equal(&j->address, &job->address)) {
			of_address++;
			job->turn = max_u64(job->turn, j->turn + 1);
		}
	}
	if (q->waiting >= PASSQUEUE_MAX || of_address >= PASSQUEUE_ADDRESS_MAX)
		return err_set(err, CFS_EBUSY, "too many sign-ins at once: try again");
	job->work.run = run;
	job->next = NULL;
	job->right = false;
	*q->tail = job;
	q->tail = &job->next;
	q->waiting++;
	start(q);
	return 0;
}

struct passqueue_job *
passqueue_next(struct passqueue *q)
{
	struct work_job *work;

	if (!q->done)
		q->done = work_collect(q->workers);
	work = q->done;
	if (!work)
		return NULL;
	q->done = work->next;
	q->running--;
	start(q);
	return CONTAINER_OF(work, struct passqueue_job, work);
}

void
passqueue_free(struct passqueue *q)
{
	if (!q)
		return;
	while (q->head)
		q->dropped(unlink_job(q, &q->head));
	free(q);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/listing.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/work.h"

/* Requests at once: 300 directories at 20 ms are then 20 rounds, not 300. */
#define WINDOW   16u
/* No more is fetched ahead while this many entries wait to be taken. */
#define HELD_MAX 65536u
#define IDLE_MS  1000u

struct listings {
	struct cfs *c;
	struct work_pool *pool;
	struct listing_job *jobs; /* all that were not taken */
	size_t under_way;         /* of them not finished */
	size_t held;              /* entries in finished jobs */
	atomic_bool stop;
};

struct listing_job {
	struct work_job work;
	struct listings *owner;
	struct listing_job *next, **prev;
	struct cfs_ref dir;
	struct children list;
	struct cfs_err err;
	int rc;
	bool done;
};

static int
collect(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	struct children *list = arg;

	(void)cookie;
	if (list->n == list->cap) {
		size_t cap = list->cap != 0 ? list->cap * 2 : 64;
		struct child *v = realloc(list->v, cap * sizeof *v);

		if (v == NULL) {
			return CFS_ENOMEM;
		}
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n] = (struct child){.name = strdup(name), .attr = *attr};
	return list->v[list->n++].name != NULL ? 0 : CFS_ENOMEM;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct child *)a)->name, ((const struct child *)b)->name);
}

int
children_read(struct cfs *c, struct cfs_ref dir, struct children *out, struct cfs_err *err)
{
	uint64_t parent;
	bool eof;
	int rc;

	*out = (struct children){0};
	rc = cfs_readdir(c, dir, 0, collect, out, &eof, &parent, err);
	if (rc != 0) {
		children_fini(out);
		return rc == CFS_ENOMEM ? err_code(err, rc) : rc;
	}
	if (out->n > 1) {
		qsort(out->v, out->n, sizeof *out->v, by_name);
	}
	return 0;
}

void
children_fini(struct children *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].name);
	}
	free(list->v);
	*list = (struct children){0};
}

static void
run_job(struct work_job *work)
{
	struct listing_job *job = CONTAINER_OF(work, struct listing_job, work);

	job->rc = atomic_load(&job->owner->stop)
		      ? err_code(&job->err, CFS_ECANCELED)
		      : children_read(job->owner->c, job->dir, &job->list, &job->err);
}

static struct listing_job *
job_start(struct listings *l, struct cfs_ref dir)
{
	struct listing_job *job = calloc(1, sizeof *job);

	if (job == NULL) {
		return NULL;
	}
	job->work.run = run_job;
	job->owner = l;
	job->dir = dir;
	job->next = l->jobs;
	job->prev = &l->jobs;
	if (job->next != NULL) {
		job->next->prev = &job->next;
	}
	l->jobs = job;
	l->under_way++;
	work_submit(l->pool, &job->work);
	return job;
}

static void
job_unlink(struct listing_job *job)
{
	*job->prev = job->next;
	if (job->next != NULL) {
		job->next->prev = job->prev;
	}
}

static void
job_free(struct listing_job *job)
{
	children_fini(&job->list);
	free(job);
}

/* Asks for the directories from entry i on, as far as the window reaches. */
static void
ask_ahead(struct listings *l, struct children *list, size_t i)
{
	list->asked = list->asked > i ? list->asked : i;
	while (list->asked < list->n && l->under_way < WINDOW && l->held < HELD_MAX) {
		struct child *child = &list->v[list->asked++];

		if (child->attr.type == CFS_DIR) {
			child->job = job_start(l, child->attr.ref);
		}
	}
}

/* Notes what has come; the directories in it are asked for next, so that narrow trees are fetched ahead too. */
static void
collect_finished(struct listings *l)
{
	struct work_job *next;

	for (struct work_job *w = work_collect(l->pool); w != NULL; w = next) {
		struct listing_job *job = CONTAINER_OF(w, struct listing_job, work);

		next = w->next;
		job->done = true;
		l->under_way--;
		l->held += job->list.n;
		ask_ahead(l, &job->list, 0);
	}
}

int
listings_new(struct cfs *c, struct listings **out, struct cfs_err *err)
{
	struct listings *l = calloc(1, sizeof *l);
	int rc;

	if (l == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	l->c = c;
	atomic_init(&l->stop, false);
	rc = work_new(WINDOW, IDLE_MS, &l->pool, err);
	if (rc != 0) {
		free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void
listings_free(struct listings *l)
{
	if (l == NULL) {
		return;
	}
	atomic_store(&l->stop, true);
	work_free(l->pool);
	for (struct listing_job *job = l->jobs, *next; job != NULL; job = next) {
		next = job->next;
		job_free(job);
	}
	free(l);
}

int
listings_take(struct listings *l, struct children *list, size_t i, struct children *out,
	      struct cfs_err *err)
{
	struct listing_job *job;
	int rc;

	collect_finished(l);
	ask_ahead(l, list, i);
	job = list->v[i].job;
	if (job == NULL) {
		return children_read(l->c, list->v[i].attr.ref, out, err);
	}
	while (!job->done) {
		struct pollfd p = {.fd = work_fd(l->pool), .events = POLLIN};

		collect_finished(l);
		if (!job->done && poll(&p, 1, -1) < 0) {
			continue; /* a signal: what it ended comes back by itself */
		}
	}
	l->held -= job->list.n;
	rc = job->rc;
	*out = job->list;
	job->list = (struct children){0};
	if (rc != 0 && err != NULL) {
		*err = job->err;
	}
	list->v[i].job = NULL;
	job_unlink(job);
	job_free(job);
	return rc;
}

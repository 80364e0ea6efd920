/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/durable.h"

#include <stdlib.h>

#include "base/time.h"
#include "server/reply.h"
#include "server/tally.h"

static void
flush_run(struct work_job *job)
{
	struct durable *d = CONTAINER_OF(job, struct durable, job);

	d->status = store_sync(d->store, d->commit, &d->err);
}

void
durable_init(struct session *s)
{
	s->durable.tail = &s->durable.head;
	s->durable.store = s->store;
	s->durable.job.run = flush_run;
}

static void
free_group(struct durable_group *g)
{
	buf_fini(&g->frames);
	free(g);
}

void
durable_fini(struct session *s)
{
	while (s->durable.head) {
		struct durable_group *g = s->durable.head;

		s->durable.head = g->next;
		free_group(g);
	}
}

static void
start(struct session *s)
{
	struct durable *d = &s->durable;

	if (d->busy || !d->head)
		return;
	/* Of any process: an answer may also tell of what another one committed. */
	d->commit = store_last_commit(s->store);
	d->busy = true;
	d->err = (struct cfs_err)CFS_ERR_INIT;
	work_submit(s->workers, &d->job);
}

void
durable_add(struct session *s, struct buf *frames, unsigned count)
{
	struct durable_group *g = calloc(1, sizeof(*g));

	if (!g) {
		buf_clear(frames);
		session_end(s, CFS_ENOMEM);
		return;
	}
	g->commit = store_last_commit(s->store);
	g->count = count;
	g->since_ns = now_mono_ns();
	g->frames = *frames;
	buf_init(frames);
	*s->durable.tail = g;
	s->durable.tail = &g->next;
	s->durable.waiting += count;
	start(s);
}

void
durable_done(struct session *s)
{
	struct durable *d = &s->durable;

	d->busy = false;
	if (d->status) {
		err_wrap(&d->err, "flush");
		session_fail(s, &d->err);
		return;
	}
	while (d->head && d->head->commit <= d->commit) {
		struct durable_group *g = d->head;

		d->head = g->next;
		if (!d->head)
			d->tail = &d->head;
		d->waiting -= g->count;
		reply_frames(s, &g->frames);
		tally_flush(s, g->since_ns);
		free_group(g);
	}
	start(s);
}

unsigned
durable_waiting(const struct session *s)
{
	return s->durable.waiting;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/xfer.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "base/time.h"

#define PROGRESS_NS (50 * (uint64_t)NS_PER_MS)
#define IDLE_MS     1000u
#define RIDERS_MAX  16u

/* ---- chunks */

bool
xfer_has_room(const struct cfs_xfer *x, size_t size)
{
	return x->calls < XFER_CALLS && (x->memory == 0 || x->memory + size <= XFER_MEMORY);
}

static unsigned char *
take_buffer(struct cfs_xfer *x, size_t size)
{
	if (size == CFS_BLOB_MAX && x->spare_count > 0)
		return x->spare[--x->spare_count];
	return malloc(size);
}

struct chunk *
chunk_new(struct item *it, size_t size)
{
	struct cfs_xfer *x = it->x;
	struct chunk *ch = calloc(1, sizeof(*ch));

	if (ch == NULL)
		return NULL;
	if (size > 0 && (ch->data = take_buffer(x, size)) == NULL) {
		free(ch);
		return NULL;
	}
	ch->item = it;
	ch->cap = size;
	x->memory += size;
	ch->live_next = x->live;
	ch->live_prev = &x->live;
	if (x->live != NULL)
		x->live->live_prev = &ch->live_next;
	x->live = ch;
	return ch;
}

void
chunk_drop_data(struct chunk *ch)
{
	struct cfs_xfer *x = ch->item->x;

	if (ch->cap == CFS_BLOB_MAX && x->spare_count < ARRAY_SIZE(x->spare))
		x->spare[x->spare_count++] = ch->data;
	else
		free(ch->data);
	x->memory -= ch->cap;
	ch->data = NULL;
	ch->cap = 0;
}

void
chunk_free(struct chunk *ch)
{
	struct cfs *c;

	if (ch == NULL)
		return;
	c = ch->item->x->c;
	pthread_mutex_lock(&c->lock);
	call_free_locked(ch->call);
	outblob_unref(ch->blob);
	pthread_mutex_unlock(&c->lock);
	chunk_drop_data(ch);
	*ch->live_prev = ch->live_next;
	if (ch->live_next != NULL)
		ch->live_next->live_prev = ch->live_prev;
	free(ch);
}

void
chunk_work(struct chunk *ch, void (*run)(struct work_job *job), void (*step)(struct chunk *ch))
{
	ch->step = step;
	ch->job.run = run;
	ch->item->pending++;
	work_submit(ch->item->x->pool, &ch->job);
}

static void
run_riders(struct work_job *job)
{
	/* A new one costs more than to hash a kilobyte; without memory for it each makes its own. */
	struct sha256_ctx *sha = sha256_new();

	for (struct chunk *ch = CONTAINER_OF(job, struct chunk, job); ch != NULL; ch = ch->rider) {
		ch->sha = sha;
		ch->ride(&ch->job);
		ch->sha = NULL;
	}
	sha256_free(sha);
}

static void
send_riders(struct cfs_xfer *x)
{
	struct chunk *first = x->riders;

	if (first == NULL)
		return;
	x->riders = NULL;
	x->riders_last = &x->riders;
	x->rider_count = 0;
	first->job.run = run_riders;
	work_submit(x->pool, &first->job);
}

void
chunk_ride(struct chunk *ch, void (*run)(struct work_job *job), void (*step)(struct chunk *ch))
{
	struct cfs_xfer *x = ch->item->x;

	ch->step = step;
	ch->ride = run;
	ch->item->pending++;
	*x->riders_last = ch;
	x->riders_last = &ch->rider;
	if (++x->rider_count == RIDERS_MAX)
		send_riders(x);
}

/* Locked, in whatever thread leads. */
static void
chunk_answered(struct call *k)
{
	struct chunk *ch = k->owner;
	struct cfs_xfer *x = ch->item->x;

	ch->next = NULL;
	*x->completed_last = ch;
	x->completed_last = &ch->next;
	waiter_wake(&x->waiter);
}

int
chunk_call(struct chunk *ch, void (*step)(struct chunk *ch))
{
	struct cfs_xfer *x = ch->item->x;
	int rc;

	ch->step = step;
	ch->call->done = chunk_answered;
	ch->call->owner = ch;
	ch->call->lazy = true;
	rc = call_start(ch->call, &ch->err);
	if (rc < 0)
		return rc;
	ch->item->pending++;
	x->calls++;
	return 0;
}

/* ---- items */

/* After these every other file would fail the same way. */
static bool
ends_it_all(int code)
{
	return code == CFS_ENET || code == CFS_ETIMEDOUT || code == CFS_ECANCELED ||
	       code == CFS_EKEYCHANGED || code == CFS_EAUTH || code == CFS_ESTREAMLOST ||
	       code == CFS_ESUPERSEDED;
}

void
item_fail(struct item *it, int code, const struct cfs_err *err)
{
	if (it->code < 0)
		return;
	it->code = code;
	if (err != NULL && err->code < 0)
		it->err = *err;
	else
		err_code(&it->err, code);
	if (ends_it_all(code) && it->x->fatal.code == 0)
		it->x->fatal = it->err;
}

void
xfer_progress(struct cfs_xfer *x, uint64_t bytes)
{
	x->progress += bytes;
}

static void
tell_progress(struct cfs_xfer *x, bool now)
{
	if (x->hooks.progress == NULL || x->progress == 0)
		return;
	if (!now && now_mono_ns() - x->progress_ns < PROGRESS_NS)
		return;
	x->hooks.progress(x->hooks.arg, x->progress);
	x->progress = 0;
	x->progress_ns = now_mono_ns();
}

static void
item_end(struct item *it)
{
	struct cfs_xfer *x = it->x;

	if (x->current == it)
		x->current = NULL;
	*it->prev = it->next;
	if (it->next != NULL)
		it->next->prev = it->prev;
	if (it->code < 0)
		x->failed++;
	it->report.local = it->local;
	it->report.remote = it->remote;
	it->report.tag = it->tag;
	it->report.code = it->code;
	it->report.text = it->code < 0 ? it->err.text : "";
	it->fini(it);
	tell_progress(x, false);
	if (x->hooks.done != NULL)
		x->hooks.done(x->hooks.arg, &it->report);
	free(it->local);
	free(it->remote);
	free(it);
}

/* After any step: is this item over? */
static void
item_look(struct item *it)
{
	if (it->pending > 0)
		return;
	if (it->code == 0 && it->all_issued && !it->finished)
		it->complete(it);
	if (it->pending == 0 && (it->code < 0 || it->finished))
		item_end(it);
}

static void
step_chunk(struct chunk *ch)
{
	struct item *it = ch->item;

	it->pending++; /* so that it outlives the step */
	ch->step(ch);
	it->pending--;
	item_look(it);
}

/* ---- the loop */

/* Asked by the user's own thread alone, so that it may collect. */
static bool
has_news(void *arg)
{
	struct cfs_xfer *x = arg;

	if (x->jobs == NULL)
		x->jobs = work_collect(x->pool);
	return x->jobs != NULL || x->completed != NULL;
}

/* A job has run: it was ch's and that of those who rode with it. */
static void
job_ended(struct chunk *ch)
{
	while (ch != NULL) {
		struct chunk *rider = ch->rider;

		ch->rider = NULL;
		ch->item->pending--;
		step_chunk(ch);
		ch = rider;
	}
}

static void
handle_news(struct cfs_xfer *x, struct chunk *answered)
{
	while (answered != NULL) {
		struct chunk *ch = answered;

		answered = ch->next;
		x->calls--;
		ch->item->pending--;
		step_chunk(ch);
	}
	while (x->jobs != NULL) {
		struct chunk *ch = CONTAINER_OF(x->jobs, struct chunk, job);

		x->jobs = x->jobs->next;
		job_ended(ch);
	}
	send_riders(x);
}

static void
issue(struct cfs_xfer *x)
{
	struct item *it = x->current;

	while (it != NULL && !it->all_issued && it->code == 0 && it->issue(it))
		continue;
	if (it == NULL || (!it->all_issued && it->code == 0))
		return;
	x->current = NULL;
	item_look(it);
}

/* Waits for something to have ended, and does what follows from it. */
static int
pump(struct cfs_xfer *x, struct cfs_err *err)
{
	struct cfs *c = x->c;
	struct chunk *answered = NULL;
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = conn_wait(c, &x->waiter, err);
	answered = x->completed;
	x->completed = NULL;
	x->completed_last = &x->completed;
	pthread_mutex_unlock(&c->lock);
	handle_news(x, answered);
	tell_progress(x, false);
	return rc;
}

/* Everything that is under way ends without its outcome being known. */
static void
give_up(struct cfs_xfer *x, int code, const struct cfs_err *err)
{
	struct cfs *c = x->c;

	atomic_store(&x->cancel, true);
	pthread_mutex_lock(&c->lock);
	x->completed = NULL;
	x->completed_last = &x->completed;
	pthread_mutex_unlock(&c->lock);
	work_free(x->pool); /* waits for the jobs */
	x->pool = NULL;
	x->jobs = NULL;
	/* Both take themselves off their list: NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (x->live != NULL)
		chunk_free(x->live);
	x->calls = 0;
	while (x->items != NULL) {
		item_fail(x->items, code, err);
		item_end(x->items);
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	atomic_store(&x->cancel, false);
}

static int
ensure_pool(struct cfs_xfer *x, struct cfs_err *err)
{
	if (x->pool != NULL)
		return 0;
	int rc = work_new(XFER_THREADS, IDLE_MS, &x->pool, err);

	if (rc == 0)
		waiter_init(&x->waiter, x->c, has_news, x, work_fd(x->pool));
	return rc;
}

static void
item_discard(struct item *it)
{
	it->fini(it);
	free(it->local);
	free(it->remote);
	free(it);
}

int
xfer_add(struct cfs_xfer *x, struct item *it, struct cfs_err *err)
{
	int rc = ensure_pool(x, err);

	if (rc == 0 && x->fatal.code < 0) {
		if (err != NULL)
			*err = x->fatal;
		rc = x->fatal.code;
	}
	if (rc < 0) {
		item_discard(it);
		return rc;
	}
	it->x = x;
	it->next = x->items;
	it->prev = &x->items;
	if (x->items != NULL)
		x->items->prev = &it->next;
	x->items = it;
	x->current = it;
	issue(x);
	while (rc == 0 && x->current != NULL) {
		rc = pump(x, err);
		issue(x);
	}
	if (rc < 0)
		give_up(x, rc, err);
	return rc;
}

int
xfer_drain(struct cfs_xfer *x, struct cfs_err *err)
{
	int rc = 0;

	while (rc == 0 && x->items != NULL)
		rc = pump(x, err);
	if (rc < 0)
		give_up(x, rc, err);
	return rc;
}

int
cfs_xfer_new(struct cfs *c, const struct cfs_xfer_hooks *hooks, struct cfs_xfer **out,
	     struct cfs_err *err)
{
	struct cfs_xfer *x = calloc(1, sizeof(*x));

	*out = NULL;
	if (x == NULL)
		return err_code(err, CFS_ENOMEM);
	x->c = c;
	if (hooks != NULL)
		x->hooks = *hooks;
	x->completed_last = &x->completed;
	x->riders_last = &x->riders;
	atomic_init(&x->temp_number, rand_u64());
	atomic_init(&x->cancel, false);
	int rc = ensure_pool(x, err);
	if (rc < 0) {
		free(x);
		return rc;
	}
	*out = x;
	return 0;
}

int
cfs_xfer_finish(struct cfs_xfer *x, struct cfs_err *err)
{
	int rc = xfer_drain(x, err);

	tell_progress(x, true);
	if (rc == 0 && x->fatal.code < 0) {
		rc = x->fatal.code;
		if (err != NULL)
			*err = x->fatal;
	} else if (rc == 0 && x->failed > 0) {
		rc = err_set(err, CFS_EPARTIAL, "%u files failed", x->failed);
	}
	x->failed = 0;
	memset(&x->fatal, 0, sizeof(x->fatal));
	/* An interruption ends what was under way, once. */
	x->waiter.interrupts = atomic_load(&x->c->interrupts);
	return rc;
}

void
cfs_xfer_free(struct cfs_xfer *x)
{
	if (x == NULL)
		return;
	if (x->items != NULL)
		give_up(x, CFS_ECANCELED, NULL);
	work_free(x->pool);
	while (x->spare_count > 0)
		free(x->spare[--x->spare_count]);
	free(x);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The disk fails, once or for a while, at a random call; a write is torn and the machine dies; what was not flushed is lost. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "storm.h"

#define ROUNDS    5u
#define BEFORE    8u    /* operations before the order */
#define AFTER     20u   /* and after it has hit */
#define HIT_MS    1500  /* a call that is not made meanwhile is not made to fail */
#define ROUND_MS  20000 /* workers that have got no further are stopped */
#define USABLE_MS 15000 /* room on a full disk is made within seconds */

struct fault {
	const char *name;
	uint32_t calls, classes, how;
	int32_t error;
	unsigned within; /* the first so many calls */
	/* What it may come to: the whole store takes no changes until a restart. */
	bool may_close;
};

static const struct fault faults[] = {
    {"blob write EIO", INJECT_WRITE, INJECT_BLOB, INJECT_ERROR, EIO, 20, false},
    {"blob write ENOSPC", INJECT_WRITE, INJECT_BLOB, INJECT_ERROR, ENOSPC, 20, false},
    {"blob write short", INJECT_WRITE, INJECT_BLOB, INJECT_SHORT, 0, 20, false},
    {"blob write torn", INJECT_WRITE, INJECT_BLOB, INJECT_TEAR, 0, 20, false},
    {"blob flush EIO", INJECT_FLUSH, INJECT_BLOB, INJECT_ERROR, EIO, 20, false},
    {"crash at blob flush", INJECT_FLUSH, INJECT_BLOB, INJECT_TEAR, 0, 20, false},
    {"blob create EIO", INJECT_CREATE, INJECT_BLOB, INJECT_ERROR, EIO, 20, false},
    {"blob create ENOSPC", INJECT_CREATE, INJECT_BLOB, INJECT_ERROR, ENOSPC, 20, false},
    {"folder flush EIO", INJECT_FLUSH, INJECT_FOLDER, INJECT_ERROR, EIO, 20, false},
    {"crash at folder flush", INJECT_FLUSH, INJECT_FOLDER, INJECT_TEAR, 0, 20, false},
    {"log write EIO", INJECT_WRITE, INJECT_LOG, INJECT_ERROR, EIO, 400, true},
    {"log write ENOSPC", INJECT_WRITE, INJECT_LOG, INJECT_ERROR, ENOSPC, 400, false},
    {"log write short", INJECT_WRITE, INJECT_LOG, INJECT_SHORT, 0, 400, false},
    {"log write torn", INJECT_WRITE, INJECT_LOG, INJECT_TEAR, 0, 400, false},
    {"log flush EIO", INJECT_FLUSH, INJECT_LOG, INJECT_ERROR, EIO, 30, true},
    {"log flush ENOSPC", INJECT_FLUSH, INJECT_LOG, INJECT_ERROR, ENOSPC, 30, true},
    {"crash at log flush", INJECT_FLUSH, INJECT_LOG, INJECT_TEAR, 0, 30, false},
    {"database write EIO", INJECT_WRITE, INJECT_DB, INJECT_ERROR, EIO, 60, true},
    {"database write ENOSPC", INJECT_WRITE, INJECT_DB, INJECT_ERROR, ENOSPC, 60, true},
    {"database write torn", INJECT_WRITE, INJECT_DB, INJECT_TEAR, 0, 60, false},
    {"database flush EIO", INJECT_FLUSH, INJECT_DB, INJECT_ERROR, EIO, 2, true},
    {"crash at database flush", INJECT_FLUSH, INJECT_DB, INJECT_TEAR, 0, 2, false},
    {"name EIO", INJECT_NAME, INJECT_BLOB, INJECT_ERROR, EIO, 3, false},
};
static const struct fault lie = {
    "flushes of the log promised, not made", INJECT_FLUSH, INJECT_LOG, INJECT_LIE, 0, 1, false};

struct round {
	struct storm *st;
	struct worker *workers;
	unsigned count;
	const struct fault *fault;
	bool lasting, lose; /* a power cut ends it */
};

static void
order(const struct round *r, struct rng *rng)
{
	struct inject *in = r->st->server.inject;

	atomic_store(&in->dead, 0);
	atomic_store(&in->hits, 0);
	atomic_store(&in->log_flush, 0);
	in->calls = r->fault->calls;
	in->classes = r->fault->classes;
	in->how = r->fault->how;
	in->error = r->fault->error;
	in->lasting = r->lasting;
	atomic_store(&in->countdown, 1 + (int64_t)rng_below(rng, r->fault->within));
	atomic_store(&in->armed, 1);
}

static bool
all_ended(const struct round *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (!atomic_load(&r->workers[i].ended))
			return false;
	}
	return true;
}

static unsigned long
tried(const struct round *r)
{
	unsigned long sum = workers_done(r->workers, r->count);

	for (unsigned i = 0; i < r->count; i++)
		sum += atomic_load(&r->workers[i].failed);
	return sum;
}

/* Until n more operations were tried, the machine is dead, or nobody works any more. */
static void
await_work(const struct round *r, unsigned n)
{
	const struct inject *in = r->st->server.inject;
	uint64_t deadline = deadline_from_ms(ROUND_MS);
	unsigned long until = tried(r) + n;

	while (tried(r) < until && !atomic_load(&in->dead) && !all_ended(r) &&
	       !deadline_passed(deadline))
		pause_briefly();
}

static void
await_hit(const struct round *r)
{
	const struct inject *in = r->st->server.inject;
	uint64_t deadline = deadline_from_ms(HIT_MS);

	while (atomic_load(&in->hits) == 0 && !atomic_load(&in->dead) && !all_ended(r) &&
	       !deadline_passed(deadline))
		pause_briefly();
}

/* One more put, as a new client: what it says, and whether that may be. */
static void
check_usable(const struct round *r)
{
	const struct inject *in = r->st->server.inject;
	uint64_t deadline = deadline_from_ms(USABLE_MS);
	struct cfs_err err = CFS_ERR_INIT;
	struct face *f = face_lib_new(0, 3000, &err);
	struct content *c = content_new(50000);
	int rc = f == NULL ? err.code : CFS_ENOSPC;

	memset(c->bytes, 'u', c->size);
	/* The name is one that the tree does not have. */
	while (f != NULL && rc == CFS_ENOSPC && !deadline_passed(deadline)) {
		err = (struct cfs_err)CFS_ERR_INIT;
		rc = f->ops->put(f, "fresh", c, &err);
		if (rc == CFS_ENOSPC)
			pause_briefly();
	}
	if (atomic_load(&in->log_flush) > 0 && rc != CFS_EREADONLY)
		finding(r->st, "after a failed flush of the log a put is answered: %s",
			rc == 0 ? "done" : err.text);
	else if (rc != 0 && !(rc == CFS_EREADONLY && r->fault->may_close))
		finding(r->st, "the server is of no use any more: %s", err.text);
	tell(r->st, "usable: %s", rc == 0 ? "yes" : err.text);
	content_unref(c);
	if (f != NULL)
		f->ops->free(f);
}

static void
verify(const struct round *r, const char *when)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "%s, %s", r->fault->name, when);
	for (unsigned i = 0; i < r->count; i++)
		worker_verify(&r->workers[i], text);
}

static void
restart(const struct round *r, bool dead, struct rng *rng)
{
	struct server *s = &r->st->server;
	int signal = dead || r->lose || rng_percent(rng, 50) ? SIGKILL : SIGTERM;

	if (server_stop(s, signal) != 0)
		finding(r->st, "%s: the server does not end well", r->fault->name);
	atomic_store(&s->inject->armed, 0);
	atomic_store(&s->inject->dead, 0);
	if (r->lose && !s->inject->ranges_lost && server_lose_log(s) != 0)
		finding(r->st, "the log cannot be cut");
	s->inject->range_count = s->inject->ranges_lost = 0;
	atomic_store(&s->inject->ranges_lock, 0);
	if (server_fsck(s) != 0)
		finding(r->st, "%s: fsck finds faults after the end", r->fault->name);
	atomic_store(&s->inject->log_flush, 0);
	if (server_start(s) != 0)
		finding(r->st, "%s: it does not start again", r->fault->name);
}

static void
run_round(const struct round *r, struct rng *rng)
{
	struct inject *in = r->st->server.inject;
	bool dead;

	for (unsigned i = 0; i < r->count; i++) {
		r->workers[i].durable_only = r->lose;
		worker_start(&r->workers[i]);
	}
	await_work(r, BEFORE);
	order(r, rng);
	await_hit(r);
	await_work(r, AFTER);
	for (unsigned i = 0; i < r->count; i++)
		atomic_store(&r->workers[i].stop, true);
	dead = atomic_load(&in->dead);
	/* The hub changes nothing itself: it would wait for services for ever. */
	if (dead)
		(void)server_stop(&r->st->server, SIGKILL);
	for (unsigned i = 0; i < r->count; i++)
		worker_stop(&r->workers[i]);
	tell(r->st, "%s%s%s: %u hits%s", r->fault->name, r->lasting ? ", lasting" : "",
	     r->lose ? ", power cut" : "", atomic_load(&in->hits), dead ? ", dead" : "");
	if (!dead && r->fault != &lie) {
		atomic_store(&in->armed, 0);
		check_usable(r);
		/* What a failed flush leaves in memory may be shown, and is not promised. */
		if (!r->lose)
			verify(r, "before the restart");
	}
	restart(r, dead, rng);
	if (r->st->server.pid != 0)
		verify(r, "after the restart");
}

void
faults_run(struct storm *st, struct worker *workers)
{
	struct rng rng = {st->seed};

	for (unsigned i = 0; i < ROUNDS && st->server.pid != 0 && atomic_load(&st->findings) == 0;
	     i++) {
		const struct fault *f = &faults[rng_below(&rng, ARRAY_SIZE(faults))];
		struct round r = {.st = st, .workers = workers, .count = st->workers, .fault = f};

		r.lasting = f->how == INJECT_ERROR && rng_percent(&rng, 30);
		r.lose = rng_percent(&rng, 50);
		if (st->lie) {
			r.fault = &lie;
			r.lasting = r.lose = true;
		}
		run_round(&r, &rng);
	}
}

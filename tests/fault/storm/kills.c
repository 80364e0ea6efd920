/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kill -9 of anything that runs, while clients work. */
#include <signal.h>
#include <stdio.h>

#include "base/time.h"
#include "storm.h"

#define KILLS       12u
#define PROGRESS    12u   /* operations between two kills */
#define PROGRESS_MS 45000 /* more than a client waits for a server that comes back */
#define GONE_MS     10000
#define CHILDREN    64u

/* Everybody has done one more operation, and all of them so many. */
static bool
got_on(const struct storm *st, const struct worker *w, const unsigned long *before, unsigned all)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < st->workers; i++) {
		unsigned long done = atomic_load(&w[i].done) - before[i];

		if (done == 0)
			return false;
		sum += done;
	}
	return sum >= all;
}

static void
await_progress(struct storm *st, const struct worker *w, struct rng *rng, const char *after)
{
	uint64_t deadline = deadline_from_ms(PROGRESS_MS);
	unsigned all = 1 + rng_below(rng, PROGRESS);
	unsigned long before[WORKERS_MAX];

	for (unsigned i = 0; i < st->workers; i++)
		before[i] = atomic_load(&w[i].done);
	while (!got_on(st, w, before, all) && atomic_load(&st->findings) == 0) {
		if (deadline_passed(deadline)) {
			finding(st, "somebody makes no progress after %s", after);
			return;
		}
		pause_briefly();
	}
}

static void
await_gone(struct storm *st, pid_t pid)
{
	uint64_t deadline = deadline_from_ms(GONE_MS);

	while (server_child_lives(&st->server, pid)) {
		if (deadline_passed(deadline)) {
			finding(st, "process %d is there after kill -9", (int)pid);
			return;
		}
		pause_briefly();
	}
}

/* A session, or one of the services. Whoever else was signed in goes on. */
static void
kill_child(struct storm *st, const struct worker *w, struct rng *rng)
{
	pid_t pids[CHILDREN], signed_in[CHILDREN];
	unsigned n = server_children(&st->server, pids, CHILDREN);
	unsigned others = server_sessions(&st->server, signed_in, CHILDREN);
	pid_t pid = n == 0 ? 0 : pids[rng_below(rng, n)];

	if (pid == 0)
		return;
	tell(st, "kill %d of %u, %u signed in", (int)pid, n, others);
	(void)kill(pid, SIGKILL);
	await_gone(st, pid);
	await_progress(st, w, rng, "a process was killed");
	for (unsigned i = 0; i < others; i++) {
		if (signed_in[i] != pid && !server_child_lives(&st->server, signed_in[i]))
			finding(st, "the session %d ended when %d was killed", (int)signed_in[i],
				(int)pid);
	}
}

static void
kill_hub(struct storm *st, const struct worker *w, struct rng *rng)
{
	tell(st, "kill the hub");
	(void)server_stop(&st->server, SIGKILL);
	if (server_start(&st->server) != 0) {
		finding(st, "the server does not start after kill -9");
		return;
	}
	await_progress(st, w, rng, "the hub was killed");
}

/* Ends the server, checks, and starts it again. */
static void
look(struct storm *st, struct worker *w, struct rng *rng)
{
	for (unsigned i = 0; i < st->workers; i++)
		worker_verify(&w[i], "before the restart");
	if (server_stop(&st->server, rng_percent(rng, 50) ? SIGKILL : SIGTERM) != 0)
		finding(st, "the server does not end well");
	if (server_fsck(&st->server) != 0)
		finding(st, "fsck finds faults");
	if (server_start(&st->server) != 0) {
		finding(st, "the server does not start again");
		return;
	}
	for (unsigned i = 0; i < st->workers; i++)
		worker_verify(&w[i], "after the restart");
}

void
kills_run(struct storm *st, struct worker *w)
{
	struct rng rng = {st->seed};

	for (unsigned i = 0; i < st->workers; i++) {
		w[i].reconnect_ms = PROGRESS_MS;
		w[i].mount = st->mounts && i == 0;
		worker_start(&w[i]);
	}
	await_progress(st, w, &rng, "the start");
	for (unsigned i = 0; i < KILLS && atomic_load(&st->findings) == 0; i++) {
		if (rng_percent(&rng, 20))
			kill_hub(st, w, &rng);
		else
			kill_child(st, w, &rng);
	}
	for (unsigned i = 0; i < st->workers; i++)
		worker_stop(&w[i]);
	if (st->server.pid != 0)
		look(st, w, &rng);
}

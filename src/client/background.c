/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The background thread: leads while requests are under way and nobody waits for any, and keeps an idle line alive.
 * It is started by the first need for it.
 */

#include <signal.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/call.h"
#include "client/conn.h"
#include "client/file.h"
#include "client/trust.h"

/* A line that promises came over is not listened to for no longer than this. */
#define LISTEN_NS (2 * (uint64_t)NS_PER_MS)

static bool
should_lead(const struct cfs *c)
{
	return c->leader == NULL && c->waiters == NULL && c->flying.first != NULL &&
	       !conn_stays_down(c);
}

/*
 * With promises somebody must hear that they end; with locks, that the line is lost, while others may not have them yet; with a
 * subscription, what happens. When the line was given up nobody does, until there is another call.
 */
static bool
must_hear(const struct cfs *c)
{
	return trust_held(c) || ((locks_held(c) || c->sub != NULL) && !conn_stays_down(c) &&
				 (c->link.stream != NULL || c->down_ns != 0));
}

static bool
should_listen(const struct cfs *c)
{
	return c->leader == NULL && c->waiters == NULL && must_hear(c);
}

static uint64_t
heartbeat_due_ns(const struct cfs *c)
{
	uint64_t alive = c->tx_ns + (uint64_t)c->heartbeat_ms / 2 * (uint64_t)NS_PER_MS;

	return min_u64(alive, trust_renew_ns(c));
}

static bool
heartbeat_is_due(const struct cfs *c)
{
	return c->link.stream != NULL && now_mono_ns() >= heartbeat_due_ns(c);
}

/* Leads for one round. False: somebody took the lead meanwhile. */
static bool
lead(struct cfs *c)
{
	bool kept;

	c->leader = &c->background;
	conn_lead(c, &c->background);
	kept = c->leader == &c->background;
	if (kept)
		c->leader = NULL;
	if (c->leader == NULL && c->waiters != NULL)
		conn_offer_lead(c);
	return kept;
}

static void
sleep_until(struct cfs *c, uint64_t mono_ns)
{
	uint64_t now = now_mono_ns();
	uint64_t ns = mono_ns > now ? mono_ns - now : 0;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / (uint64_t)NS_PER_S);
	until.tv_nsec = (long)(ns % (uint64_t)NS_PER_S);
	c->thread_asleep = true;
	pthread_cond_timedwait(&c->thread_cond, &c->lock, &until);
	c->thread_asleep = false;
}

static void
wait_a_moment(struct cfs *c)
{
	c->thread_waits = true;
	sleep_until(c, now_mono_ns() + LISTEN_NS);
	c->thread_waits = false;
}

static void *
background_main(void *arg)
{
	struct cfs *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->closing) {
		if (c->dial_wanted) {
			c->dial_wanted = false;
			conn_dial(c);
		} else if (should_lead(c)) {
			lead(c);
		} else if (should_listen(c) && !heartbeat_is_due(c)) {
			/* Each call takes the lead and gives it back: between two of them it is not worth taking. */
			if (!lead(c))
				wait_a_moment(c);
		} else if (must_hear(c) && !heartbeat_is_due(c) &&
			   !(c->leader != NULL && c->leader->patient)) {
			wait_a_moment(c);
		} else if (heartbeat_is_due(c)) {
			conn_ping(c);
			c->tx_ns = now_mono_ns();
			file_memory_rest(c);
			leases_rest(c);
		} else {
			sleep_until(c, c->link.stream != NULL
					   ? heartbeat_due_ns(c)
					   : now_mono_ns() + (uint64_t)NS_PER_S * 60);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void
start_thread(struct cfs *c)
{
	sigset_t all, old;

	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	c->thread_runs = pthread_create(&c->thread, NULL, background_main, c) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
background_nudge(struct cfs *c)
{
	if (c->closing)
		return;
	if (!c->thread_runs)
		start_thread(c);
	else if (c->thread_asleep && (should_lead(c) || (should_listen(c) && !c->thread_waits)))
		pthread_cond_signal(&c->thread_cond);
}

bool
background_dials(struct cfs *c)
{
	if (c->closing)
		return false;
	if (!c->thread_runs)
		start_thread(c);
	if (!c->thread_runs)
		return false;
	/* From now on: nobody else is to begin. */
	c->dialling = c->dial_wanted = true;
	pthread_cond_signal(&c->thread_cond);
	/* It may still be in the poll of a lead that was taken from it. */
	conn_kick(c);
	return true;
}

void
background_stop(struct cfs *c)
{
	if (!c->thread_runs)
		return;
	pthread_mutex_lock(&c->lock);
	pthread_cond_signal(&c->thread_cond);
	pthread_mutex_unlock(&c->lock);
	conn_kick(c);
	pthread_join(c->thread, NULL);
	c->thread_runs = false;
}

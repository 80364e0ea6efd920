/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"
#include "client/call.h"
#include "client/file_segment.h"
#include "client/subscribe.h"

#define AWAIT_MS   50u
#define CROWDED_MS 10u /* a ring wakes one of those who share it */

int
conn_init(struct cfs *c, struct cfs_err *err)
{
	pthread_condattr_t monotonic;

	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0)
		return err_set_errno(err, errno, "eventfd");
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->thread_cond, &monotonic);
	sem_init(&c->crowded.rung, 0, 0);
	c->background.parker = &c->crowded;
	pthread_condattr_destroy(&monotonic);
	c->flying.last = &c->flying.first;
	c->tx_fast.last = &c->tx_fast.first;
	c->tx_bulk.last = &c->tx_bulk.first;
	c->tx_now.last = &c->tx_now.first;
	c->rx_ns = c->tx_ns = c->rx_useful_ns = now_mono_ns();
	bucket_init(&c->tx_bucket, c->options.bwlimit);
	bucket_init(&c->rx_bucket, c->options.bwlimit);
	changes_init(&c->changes);
	c->read_bufs.size = FILE_SEGMENT;
	c->write_bufs.size = CFS_BLOB_MAX;
	return 0;
}

void
conn_fini(struct cfs *c)
{
	fd_close(&c->wake_fd);
	bufs_trim(&c->read_bufs);
	bufs_trim(&c->write_bufs);
	while (c->parkers != NULL) {
		struct parker *p = c->parkers;

		c->parkers = p->next;
		sem_destroy(&p->rung);
		free(p);
	}
	sem_destroy(&c->crowded.rung);
	pthread_cond_destroy(&c->thread_cond);
	pthread_mutex_destroy(&c->lock);
}

void
conn_kick(struct cfs *c)
{
	uint64_t one = 1;

	/* The only way to fail is a counter that is full, and then the poll ends anyway. */
	if (write(c->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void
waiter_init(struct waiter *w, struct cfs *c, bool (*ready)(void *arg), void *arg, int fd)
{
	memset(w, 0, sizeof(*w));
	w->ready = ready;
	w->arg = arg;
	w->fd = fd;
	w->c = c;
	w->interrupts = atomic_load(&c->interrupts);
}

static void
ring(struct waiter *w)
{
	sem_post(&w->parker->rung);
}

void
waiter_wake(struct waiter *w)
{
	/* prev is NULL unless it waits at this moment, and a waiter looks before it sleeps. */
	if (w->prev == NULL)
		return;
	if (w->c->gathering && w->c->woken_count < CONN_WOKEN)
		w->c->woken[w->c->woken_count++] = w->parker;
	else
		ring(w);
}

void
conn_wake_all(struct cfs *c)
{
	for (struct waiter *w = c->waiters; w != NULL; w = w->next)
		ring(w);
	if (c->sub != NULL)
		subscription_wake(c->sub);
}

static struct parker *
parker_take(struct cfs *c)
{
	struct parker *p = c->parkers;

	if (p != NULL) {
		c->parkers = p->next;
		return p;
	}
	p = malloc(sizeof(*p));
	if (p == NULL)
		return &c->crowded;
	sem_init(&p->rung, 0, 0);
	return p;
}

static void
parker_give(struct cfs *c, struct parker *p)
{
	if (p == &c->crowded)
		return;
	p->next = c->parkers;
	c->parkers = p;
}

static void
waiter_join(struct cfs *c, struct waiter *w)
{
	w->parker = parker_take(c);
	w->next = c->waiters;
	w->prev = &c->waiters;
	w->thread = pthread_self();
	if (w->next != NULL)
		w->next->prev = &w->next;
	c->waiters = w;
	c->users++;
}

void
conn_offer_lead(struct cfs *c)
{
	struct waiter *w = c->waiters;

	while (w->next != NULL && w->ready(w->arg))
		w = w->next;
	ring(w);
}

static void
waiter_leave(struct cfs *c, struct waiter *w)
{
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->prev = NULL;
	parker_give(c, w->parker);
	c->users--;
	if (c->closing)
		pthread_cond_signal(&c->thread_cond);
	if (c->leader != w && c->leader != NULL)
		return;
	/* With no leader this one was perhaps to be the next, and had its answer already: the lead goes on to another. */
	c->leader = NULL;
	if (c->waiters != NULL)
		conn_offer_lead(c);
	else
		background_nudge(c);
}

/* What a poll is for; the first two are always there. */
struct poll_set {
	struct pollfd fds[2 + CONN_WAIT_FDS];
	struct waiter *of[2 + CONN_WAIT_FDS];
	nfds_t n;
	int timeout_ms;
};

static void
poll_set_fill(struct cfs *c, struct poll_set *p)
{
	uint64_t now = now_mono_ns();
	struct pollfd line = {.fd = stream_fd(c->link.stream)};

	p->timeout_ms = conn_expire(c);
	if (c->link.stream == NULL) {
		line.fd = -1;
		p->timeout_ms = 0;
	} else {
		line.events = stream_events(c->link.stream);
		if (bucket_open(&c->rx_bucket, now))
			line.events |= POLLIN;
		else
			p->timeout_ms = bucket_wait_ms(&c->rx_bucket);
		if (conn_has_output(c)) {
			if (bucket_open(&c->tx_bucket, now))
				line.events |= POLLOUT;
			else if (bucket_wait_ms(&c->tx_bucket) < p->timeout_ms)
				p->timeout_ms = bucket_wait_ms(&c->tx_bucket);
		}
		if ((line.events & POLLIN) != 0 && frame_reader_pending(c->link.reader))
			p->timeout_ms = 0;
	}
	p->fds[0] = line;
	p->fds[1] = (struct pollfd){.fd = c->wake_fd, .events = POLLIN};
	p->n = 2;
	for (struct waiter *w = c->waiters; w != NULL && p->n < ARRAY_SIZE(p->fds); w = w->next) {
		if (w->fd < 0)
			continue;
		p->of[p->n] = w;
		p->fds[p->n++] = (struct pollfd){.fd = w->fd, .events = POLLIN};
	}
}

/* Of waiters that were polled for, some may have left meanwhile. */
static void
wake_polled(struct cfs *c, const struct poll_set *p)
{
	for (nfds_t i = 2; i < p->n; i++) {
		if (p->fds[i].revents == 0)
			continue;
		for (struct waiter *w = c->waiters; w != NULL; w = w->next) {
			if (w == p->of[i])
				ring(w);
		}
	}
}

void
conn_take_kicks(struct cfs *c)
{
	uint64_t count;

	while (read(c->wake_fd, &count, sizeof(count)) > 0)
		continue;
	if (atomic_load(&c->interrupts) != c->interrupts_seen) {
		c->interrupts_seen = atomic_load(&c->interrupts);
		conn_wake_all(c);
	}
}

/* Locked, but not while it rings. */
static void
ring_woken(struct cfs *c)
{
	struct parker *woken[CONN_WOKEN];
	unsigned n = c->woken_count;

	if (n == 0)
		return;
	memcpy(woken, c->woken, n * sizeof(struct parker *));
	c->woken_count = 0;
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < n; i++)
		sem_post(&woken[i]->rung);
	pthread_mutex_lock(&c->lock);
}

/* Locked, but not while it waits. */
static int
poll_set_wait(struct cfs *c, struct poll_set *p, const struct waiter *self)
{
	struct spin spin = c->spin;
	/* What the background waits for comes when it comes. */
	bool spins = self != &c->background;

	pthread_mutex_unlock(&c->lock);
	int n = spins ? spin_poll(&spin, p->fds, p->n, p->timeout_ms)
		      : poll(p->fds, p->n, p->timeout_ms);
	pthread_mutex_lock(&c->lock);
	if (spins)
		c->spin = spin;
	return n;
}

/* Locked. One round of the leader: waits for something to happen on the line and handles it. */
void
conn_lead(struct cfs *c, struct waiter *self)
{
	struct poll_set p;
	struct stream *stream = c->link.stream;

	if (stream == NULL) {
		conn_redial(c);
		return;
	}
	if (conn_has_output(c))
		conn_output(c);
	/* Writing, and what expires, may find that the line is lost. */
	if (c->link.stream != stream)
		return;
	poll_set_fill(c, &p);
	if (c->link.stream != stream)
		return;
	int n = poll_set_wait(c, &p, self);
	/* The lead may have been taken over from the background thread, which then leaves everything to the new leader. */
	if (c->leader != self || c->link.stream != stream)
		return;
	if (n > 0 && (p.fds[1].revents & POLLIN) != 0)
		conn_take_kicks(c);
	if (n > 0 && p.fds[0].revents != 0)
		c->rx_ns = (p.fds[0].revents & POLLIN) != 0 ? now_mono_ns() : c->rx_ns;
	c->gathering = true;
	if ((p.fds[0].events & POLLIN) != 0)
		conn_input(c);
	c->gathering = false;
	if (conn_has_output(c))
		conn_output(c);
	if (n > 0)
		wake_polled(c, &p);
	ring_woken(c);
}

/* Sleeps until it is rung, or for so long at most; 0: for ever. Without the lock meanwhile. */
static void
park(struct cfs *c, const struct waiter *w, unsigned ms)
{
	struct timespec until;

	pthread_mutex_unlock(&c->lock);
	if (ms == 0) {
		(void)sem_wait(&w->parker->rung);
	} else {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += ms * NS_PER_MS;
		if (until.tv_nsec >= NS_PER_S) {
			until.tv_nsec -= NS_PER_S;
			until.tv_sec++;
		}
		(void)sem_clockwait(&w->parker->rung, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_lock(&c->lock);
}

void
conn_await_dial(struct cfs *c, struct waiter *w)
{
	park(c, w, AWAIT_MS);
	conn_expire(c);
}

/* While another thread leads; during a dial nobody is in the poll that an interruption ends, so it is looked for. */
static void
follow(struct cfs *c, struct waiter *w)
{
	if (c->dialling)
		conn_await_dial(c, w);
	else
		park(c, w, w->parker == &c->crowded ? CROWDED_MS : 0);
}

static bool
may_take_lead(const struct cfs *c, const struct waiter *w)
{
	return !c->dialling && (c->leader == &c->background || (c->leader->patient && !w->patient));
}

static int
given_up(const struct cfs *c, struct cfs_err *err)
{
	if (err != NULL)
		*err = c->given_up_why;
	return c->given_up_why.code;
}

void
conn_push(struct cfs *c)
{
	if (c->link.stream != NULL && conn_has_output(c))
		conn_output(c);
	if (c->waiters == NULL)
		background_nudge(c);
}

int
conn_wait(struct cfs *c, struct waiter *w, struct cfs_err *err)
{
	int rc = 0;

	if (w->ready(w->arg))
		return 0;
	waiter_join(c, w);
	w->given_up = c->given_up;
	if (c->link.stream != NULL && conn_has_output(c) && atomic_load(&c->coming) == 0)
		conn_output(c);
	if (w->fd >= 0 && c->leader != NULL)
		conn_kick(c);
	while (!w->ready(w->arg)) {
		if (c->closing || w->broken || atomic_load(&c->interrupts) != w->interrupts) {
			rc = err_code(err, CFS_ECANCELED);
			break;
		}
		if (c->given_up != w->given_up && !w->patient) {
			rc = given_up(c, err);
			break;
		}
		if (c->leader == NULL || may_take_lead(c, w))
			c->leader = w;
		if (c->leader == w)
			conn_lead(c, w);
		else
			follow(c, w);
	}
	waiter_leave(c, w);
	return rc;
}

void
cfs_interrupt_thread(struct cfs *c, pthread_t who)
{
	pthread_mutex_lock(&c->lock);
	for (struct waiter *w = c->waiters; w != NULL; w = w->next) {
		if (!w->breakable || !pthread_equal(w->thread, who))
			continue;
		w->broken = true;
		waiter_wake(w);
		if (c->leader == w)
			conn_kick(c);
	}
	pthread_mutex_unlock(&c->lock);
}

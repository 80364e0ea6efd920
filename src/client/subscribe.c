/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A subscription: a thread of its own that waits on the connection like any other (and leads it when nobody else is
 * there), calls the user back, and then acknowledges. Where the line is listened to anyway, because of promises, it leaves that
 * to the background thread: calls, which take the lead for their time, would have to take it from the reader each time. What it has told of is one number, so after a cut it subscribes
 * again from there, and whatever was received and not told of is simply received again.
 */

#include "client/subscribe.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/call.h"
#include "client/event.h"
#include "proto/codec.h"

#define NO_LINE UINT64_MAX

/* How often a line that stays away is tried, when nobody else wants it. */
#define RETRY_S 10

/* A push that waits for the reader. The server sends no more than its window without acknowledgements. */
struct push {
	struct push *next;
	uint64_t line;
	unsigned op;
	size_t len;
	unsigned char payload[];
};

struct cfs_subscription {
	struct cfs *c;
	struct cfs_subscribe how;
	struct buf paths; /* encoded */
	uint32_t path_count;
	uint64_t cursor; /* told of up to here */
	uint64_t line;   /* that it is subscribed on */
	uint32_t gen;    /* the store's incarnation whose number the cursor is; 0 at first */
	uint64_t newest; /* when it last subscribed */
	struct push *first, **last;
	pthread_t thread;
	pthread_cond_t cond; /* for a reader that leaves the line to others */
	bool thread_runs;
	atomic_bool stop; /* the user wants it to end */
	bool ended;       /* the thread is done */
	struct cfs_err why;
};

void
subscription_wake(struct cfs_subscription *sub)
{
	pthread_cond_signal(&sub->cond);
}

void
subscription_push(struct cfs_subscription *sub, const struct frame *f)
{
	struct push *p = malloc(sizeof(*p) + f->len);

	if (p == NULL) {
		/* As if it had been lost on the way: the reader asks again from where it is. */
		sub->line = NO_LINE;
		return;
	}
	p->next = NULL;
	p->line = sub->c->lines;
	p->op = f->op;
	p->len = f->len;
	if (f->len > 0)
		memcpy(p->payload, f->payload, f->len);
	*sub->last = p;
	sub->last = &p->next;
	conn_wake_all(sub->c);
}

static struct push *
pop(struct cfs_subscription *sub)
{
	struct push *p = sub->first;

	if (p != NULL) {
		sub->first = p->next;
		if (sub->first == NULL)
			sub->last = &sub->first;
	}
	return p;
}

/* Locked. Whether the line there is now has not been asked for pushes. */
static bool
must_subscribe(const struct cfs_subscription *sub)
{
	return sub->c->link.stream == NULL || sub->line != sub->c->lines;
}

static bool
has_news(void *arg)
{
	const struct cfs_subscription *sub = arg;

	return sub->stop || sub->c->closing || sub->first != NULL || must_subscribe(sub);
}

/* Not locked; gen: of the line that there is. The numbers of another incarnation mean nothing here, however large they are. */
static int
ask(struct cfs_subscription *sub, uint32_t gen, struct cfs_err *err)
{
	const bool other = sub->gen != 0 && sub->gen != gen;
	const uint64_t before = sub->cursor;
	struct m_subscribe_req req = {
	    .since = other ? CFS_SINCE_NOW : before,
	    .filter = sub->how.filter,
	    .kinds = sub->how.kinds,
	    .paths = {.p = sub->paths.data,
		      .len = sub->paths.len,
		      .count = sub->path_count,
		      .desc = &msg_path},
	};
	struct m_subscribe_rep rep;
	int rc = call_simple(sub->c, OP_SUBSCRIBE, &req, &rep, err);

	if (rc < 0)
		return rc;
	/* "From now on" is a number from here on. */
	sub->cursor = rep.since;
	sub->newest = rep.newest;
	sub->gen = gen;
	return other && sub->how.renumbered != NULL
		   ? sub->how.renumbered(sub->how.arg, before, rep.newest)
		   : 0;
}

static bool
worth_a_retry(const struct cfs *c, int code)
{
	return !conn_stays_down(c) && (code == CFS_ENET || code == CFS_ETIMEDOUT ||
				       code == CFS_EBUSY || code == CFS_ECANCELED);
}

/* Not locked. Whatever is asked makes the line anew: only then it is known whose numbers are asked for. */
static int
make_line(struct cfs *c, struct cfs_err *err)
{
	const struct m_empty req = {0};
	struct m_ping_rep rep;

	return call_simple(c, OP_PING, &req, &rep, err);
}

/* Locked; unlocks meanwhile. Subscribes on the line that there is, or makes the next one. */
static int
subscribe_again(struct cfs_subscription *sub, struct cfs_err *err)
{
	struct cfs *c = sub->c;
	const bool has_line = c->link.stream != NULL;
	const uint32_t gen = c->link.gen;
	int rc;

	if (conn_stays_down(c))
		return err_set(err, c->lost.code, "%s", c->lost.text);
	sub->line = has_line ? c->lines : NO_LINE;
	pthread_mutex_unlock(&c->lock);
	rc = has_line ? ask(sub, gen, err) : make_line(c, err);
	pthread_mutex_lock(&c->lock);
	if (rc == 0)
		return 0;
	sub->line = NO_LINE;
	return worth_a_retry(c, rc) ? 0 : rc;
}

/* Locked. The push was acted on. */
static void
acknowledge(struct cfs_subscription *sub, uint64_t line, uint64_t push)
{
	struct m_push_ack_req ack = {.push = push};
	struct call *k;

	if (line != sub->c->lines || sub->c->link.stream == NULL ||
	    call_new_locked(sub->c, OP_PUSH_ACK, &ack, &k, NULL) < 0)
		return;
	k->done = call_free_locked;
	conn_submit(sub->c, k);
}

/* Not locked. Tells of the events of one push; non-zero ends the subscription. */
static int
tell(struct cfs_subscription *sub, const struct m_notice_push *m)
{
	struct buf strings = BUF_INIT;
	struct list notices = m->notices;
	struct m_notice n;
	int rc = 0;

	while (rc == 0 && !sub->stop && list_next(&notices, &n))
		rc = event_give(&strings, &n.event, n.target, sub->how.event, sub->how.arg);
	buf_fini(&strings);
	if (rc == 0 && !sub->stop) {
		sub->cursor = m->upto;
		if (sub->how.caught_up != NULL)
			rc = sub->how.caught_up(sub->how.arg, m->upto, sub->newest);
	}
	return rc;
}

/* Locked; unlocks meanwhile. */
static int
take_notice(struct cfs_subscription *sub, const struct push *p)
{
	struct m_notice_push m;
	int rc;

	/* Of a line that is gone, or not what comes next: it comes again when it is asked for. */
	if (p->line != sub->c->lines ||
	    codec_decode(&msg_notice_push, p->payload, p->len, &m, NULL))
		return 0;
	if (m.before != sub->cursor) {
		sub->line = m.before > sub->cursor ? NO_LINE : sub->line;
		return 0;
	}
	pthread_mutex_unlock(&sub->c->lock);
	rc = tell(sub, &m);
	pthread_mutex_lock(&sub->c->lock);
	if (rc == 0)
		acknowledge(sub, p->line, m.push);
	return rc;
}

/* Locked; unlocks meanwhile. */
static int
take_overflow(struct cfs_subscription *sub, const struct push *p)
{
	int (*told)(void *arg, uint64_t since, uint64_t gone);
	struct m_overflow_push m;
	int rc = 0;

	if (p->line != sub->c->lines ||
	    codec_decode(&msg_overflow_push, p->payload, p->len, &m, NULL))
		return 0;
	told = m.gone < m.since ? sub->how.renumbered : sub->how.overflow;
	if (told == NULL)
		return 0;
	pthread_mutex_unlock(&sub->c->lock);
	rc = told(sub->how.arg, m.since, m.gone);
	pthread_mutex_lock(&sub->c->lock);
	return rc;
}

/* Whether others keep the line, so that the reader waits for pushes alone. */
static bool
is_kept_by_others(const struct cfs_subscription *sub)
{
	return sub->c->trust != NULL && !conn_stays_down(sub->c);
}

/* Locked. Waits until there is something to do; false: for as long as a line that is away is left alone. */
static bool
wait_for_others(struct cfs_subscription *sub, bool for_line)
{
	struct timespec until;
	int rc = 0;

	background_nudge(sub->c);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	while (rc == 0 && !sub->stop && !sub->c->closing &&
	       (for_line ? sub->c->link.stream == NULL : !has_news(sub)))
		rc = for_line ? pthread_cond_timedwait(&sub->cond, &sub->c->lock, &until)
			      : pthread_cond_wait(&sub->cond, &sub->c->lock);
	return rc == 0;
}

/* Locked. One step; non-zero ends it. */
static int
step(struct cfs_subscription *sub, struct cfs_err *err)
{
	struct waiter w;
	struct push *p;
	int rc;

	if (must_subscribe(sub)) {
		if (is_kept_by_others(sub) && sub->c->link.stream == NULL &&
		    wait_for_others(sub, true) && sub->c->link.stream == NULL)
			return 0;
		return subscribe_again(sub, err);
	}
	p = pop(sub);
	if (p != NULL) {
		rc = p->op == OP_NOTICE ? take_notice(sub, p) : take_overflow(sub, p);
		free(p);
		return rc;
	}
	if (is_kept_by_others(sub)) {
		(void)wait_for_others(sub, false);
		return 0;
	}
	/* An interruption is meant for calls; this one waits on. */
	waiter_init(&w, sub->c, has_news, sub, -1);
	w.patient = true;
	(void)conn_wait(sub->c, &w, err);
	return 0;
}

static void *
reader_main(void *arg)
{
	struct cfs_subscription *sub = arg;
	struct cfs *c = sub->c;
	struct cfs_err err = CFS_ERR_INIT;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (rc == 0 && !sub->stop && !c->closing)
		rc = step(sub, &err);
	sub->why = err;
	sub->why.code = rc;
	sub->ended = true;
	conn_wake_all(c);
	pthread_mutex_unlock(&c->lock);
	/* Whoever waits for the end may be the one that leads. */
	conn_kick(c);
	if (sub->how.ended != NULL)
		sub->how.ended(sub->how.arg, rc, sub->why.text);
	return NULL;
}

static int
start_thread(struct cfs_subscription *sub, struct cfs_err *err)
{
	sigset_t all, old;
	int rc;

	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&sub->thread, NULL, reader_main, sub);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sub->thread_runs = rc == 0;
	return rc == 0 ? 0 : err_set_errno(err, rc, "thread");
}

static void
subscription_free(struct cfs_subscription *sub)
{
	struct push *p;

	while ((p = pop(sub)) != NULL)
		free(p);
	buf_fini(&sub->paths);
	pthread_cond_destroy(&sub->cond);
	free(sub);
}

static int
encode_paths(struct cfs_subscription *sub, struct cfs_err *err)
{
	struct list list = {0};

	for (size_t i = 0; i < sub->how.path_count; i++) {
		struct m_path m = {.path = str_from(sub->how.paths[i])};
		int rc = codec_list_append(&list, &msg_path, &m, &sub->paths, 0);

		if (rc < 0)
			return err_code(err, rc);
	}
	sub->path_count = list.count;
	sub->how.paths = NULL;
	return 0;
}

static void
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int
cfs_subscribe(struct cfs *c, const struct cfs_subscribe *how, struct cfs_subscription **out,
	      uint64_t *newest_out, struct cfs_err *err)
{
	struct cfs_subscription *sub = calloc(1, sizeof(*sub));
	uint32_t gen;
	int rc = 0;

	*out = NULL;
	if (sub == NULL)
		return err_code(err, CFS_ENOMEM);
	sub->c = c;
	sub->how = *how;
	sub->cursor = how->since;
	sub->last = &sub->first;
	cond_init(&sub->cond);
	rc = encode_paths(sub, err);
	if (rc < 0)
		goto fail;
	pthread_mutex_lock(&c->lock);
	if (c->sub != NULL)
		rc = err_set(err, CFS_EBUSY, "the connection has a subscription already");
	else
		c->sub = sub;
	sub->line = c->lines;
	gen = c->link.gen;
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		goto fail;
	/* The first time here, so that the caller is told what is wrong. */
	rc = ask(sub, gen, err);
	if (newest_out != NULL)
		*newest_out = sub->newest;
	if (rc == 0)
		rc = start_thread(sub, err);
	if (rc == 0) {
		*out = sub;
		return 0;
	}
	pthread_mutex_lock(&c->lock);
	c->sub = NULL;
	pthread_mutex_unlock(&c->lock);
fail:
	subscription_free(sub);
	return rc;
}

static bool
has_ended(void *arg)
{
	const struct cfs_subscription *sub = arg;

	return sub->ended;
}

int
cfs_subscription_wait(struct cfs_subscription *sub, struct cfs_err *err)
{
	struct waiter w;
	int rc;

	pthread_mutex_lock(&sub->c->lock);
	waiter_init(&w, sub->c, has_ended, sub, -1);
	w.patient = true;
	rc = conn_wait(sub->c, &w, err);
	if (rc == 0 && sub->why.code < 0 && sub->why.text[0] != '\0')
		rc = err_set(err, sub->why.code, "%s", sub->why.text);
	else if (rc == 0)
		rc = sub->why.code;
	pthread_mutex_unlock(&sub->c->lock);
	return rc;
}

void
cfs_unsubscribe(struct cfs_subscription *sub)
{
	struct m_empty empty = {0};
	struct cfs *c;
	struct call *k;

	if (sub == NULL)
		return;
	c = sub->c;
	pthread_mutex_lock(&c->lock);
	sub->stop = true;
	conn_wake_all(c);
	pthread_mutex_unlock(&c->lock);
	conn_kick(c);
	pthread_join(sub->thread, NULL);
	pthread_mutex_lock(&c->lock);
	c->sub = NULL;
	if (!c->closing && c->link.stream != NULL &&
	    call_new_locked(c, OP_UNSUBSCRIBE, &empty, &k, NULL) == 0) {
		k->done = call_free_locked;
		conn_submit(c, k);
	}
	pthread_mutex_unlock(&c->lock);
	subscription_free(sub);
}

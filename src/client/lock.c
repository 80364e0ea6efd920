/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/ranges.h"
#include "base/time.h"
#include "client/attr.h"
#include "client/call.h"
#include "client/file.h"

struct lock_held {
	struct lock_held *next;
	struct cfs_lock of; /* its type and ends mean nothing here */
	struct ranges ranges;
};

/* How long whoever cancels a wait waits for the server's word on it. */
#define CANCEL_NS NS_PER_S

struct lock_wait {
	struct lock_wait *next, **prev;
	struct cfs *c;
	struct cfs_lock lock;
	uint64_t ticket;
	uint64_t cancelled_ns; /* 0: not */
	bool abandoned;        /* nobody wants it any more: given back when it comes */
	void (*done)(void *arg, int code, const struct cfs_attr *attr);
	void *arg;
};

struct lock_reclaim {
	struct lock_reclaim *next, **prev;
	struct call *call;
	struct cfs_lock lock;
};

/* ---- what is held */

static struct lock_held **
find_held(struct cfs *c, const struct cfs_lock *l)
{
	struct lock_held **at = &c->locks.held;

	while (*at != NULL && ((*at)->of.ref.ino != l->ref.ino || (*at)->of.owner != l->owner ||
			       (*at)->of.kind != l->kind))
		at = &(*at)->next;
	return at;
}

bool
locks_held(const struct cfs *c)
{
	return c->locks.held != NULL;
}

static void
drop_held(struct lock_held **at)
{
	struct lock_held *h = *at;

	*at = h->next;
	ranges_fini(&h->ranges);
	free(h);
}

/* Returns 0 or CFS_ENOMEM. */
static int
note_held(struct cfs *c, const struct cfs_lock *l)
{
	struct lock_held **at = find_held(c, l);
	int rc;

	if (*at == NULL && l->type == CFS_LOCK_NONE)
		return 0;
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return CFS_ENOMEM;
		(*at)->of = *l;
	}
	rc = ranges_set(&(*at)->ranges, l->start, l->end, (enum range_type)l->type);
	if ((*at)->ranges.count == 0)
		drop_held(at);
	return rc;
}

bool
cfs_lock_held(struct cfs *c, const struct cfs_lock *of)
{
	pthread_mutex_lock(&c->lock);
	bool held = *find_held(c, of) != NULL;
	pthread_mutex_unlock(&c->lock);
	return held;
}

/* ---- requests */

static struct m_lock_req
request(struct cfs *c, const struct cfs_lock *l, bool wait, uint64_t ticket)
{
	return (struct m_lock_req){
	    .client = c->locks.id,
	    .ticket = ticket,
	    .ino = l->ref.ino,
	    .gen = l->ref.gen,
	    .owner = l->owner,
	    .pid = l->pid,
	    .kind = (uint8_t)l->kind,
	    .type = (uint8_t)l->type,
	    .wait = wait,
	    .start = l->start,
	    .end = l->end,
	};
}

/* Sends what nobody waits for the answer of. */
static void
send_forgotten(struct cfs *c, unsigned op, const void *req)
{
	struct call *k;

	if (call_new_locked(c, op, req, &k, NULL) < 0)
		return;
	k->done = call_free_locked;
	conn_submit(c, k);
}

static void
give_back(struct cfs *c, const struct cfs_lock *l)
{
	struct cfs_lock none = *l;
	struct m_lock_req req;

	none.type = CFS_LOCK_NONE;
	req = request(c, &none, false, 0);
	send_forgotten(c, OP_LOCK, &req);
}

static void
free_wait(struct lock_wait *w)
{
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	free(w);
}

static void
lock_done(struct call *k)
{
	struct lock_wait *w = k->owner;
	struct cfs *c = w->c;
	struct m_attr_rep rep = {0};
	struct cfs_attr attr;
	int code = call_result(k, &rep, NULL);

	call_free_locked(k);
	attr_from_wire(&attr, &rep.attr);
	if (code == 0 && w->lock.type != CFS_LOCK_NONE && !w->abandoned)
		code = note_held(c, &w->lock);
	/* Who may not have it at all was refused before what he held was looked at: that is gone here (note_before()). */
	if ((code == 0 && w->abandoned) || code == CFS_ENOMEM ||
	    (code == CFS_EDENIED && w->lock.kind == CFS_LOCK_WHOLE))
		give_back(c, &w->lock);
	if (!w->abandoned)
		w->done(w->arg, code, &attr);
	free_wait(w);
}

/*
 * What is let go of is noted as gone before it is asked for: a line that is lost meanwhile must not bring it back. That is
 * also so for a whole file that was held to be read and is to be written (see locktable.h).
 */
static int
note_before(struct cfs *c, const struct cfs_lock *l)
{
	const struct lock_held *h = *find_held(c, l);
	struct cfs_lock none = *l;

	none.type = CFS_LOCK_NONE;
	if (h != NULL &&
	    (l->type == CFS_LOCK_NONE || (l->kind == CFS_LOCK_WHOLE && l->type == CFS_LOCK_WRITE &&
					  h->ranges.at[0].type == RANGE_READ)))
		return note_held(c, &none);
	return 0;
}

/* Locked. */
static int
start(struct cfs *c, const struct cfs_lock *l, bool wait,
      void (*done)(void *arg, int code, const struct cfs_attr *attr), void *arg,
      uint64_t *ticket_out, struct cfs_err *err)
{
	struct lock_wait *w = calloc(1, sizeof(*w));
	struct m_lock_req req;
	struct call *k = NULL;
	int rc = c->closing ? CFS_ECANCELED : 0;

	if (w == NULL)
		return err_code(err, CFS_ENOMEM);
	if (id128_is_zero(&c->locks.id))
		c->locks.id = id128_random();
	*w = (struct lock_wait){
	    .c = c, .lock = *l, .ticket = ++c->locks.last_ticket, .done = done, .arg = arg};
	req = request(c, l, wait, w->ticket);
	if (rc == 0)
		rc = call_new_locked(c, OP_LOCK, &req, &k, err);
	if (rc == 0)
		rc = note_before(c, l);
	if (rc < 0) {
		call_free_locked(k);
		free(w);
		return err_code(err, rc);
	}
	w->next = c->locks.waits;
	w->prev = &c->locks.waits;
	if (w->next != NULL)
		w->next->prev = &w->next;
	c->locks.waits = w;
	*ticket_out = w->ticket;
	k->owner = w;
	k->done = lock_done;
	conn_submit(c, k);
	return 0;
}

int
cfs_lock_start(struct cfs *c, const struct cfs_lock *l, bool wait,
	       void (*done)(void *arg, int code, const struct cfs_attr *attr), void *arg,
	       uint64_t *ticket_out, struct cfs_err *err)
{
	pthread_mutex_lock(&c->lock);
	int rc = start(c, l, wait, done, arg, ticket_out, err);
	if (rc == 0 && c->waiters == NULL)
		background_nudge(c);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* Whoever waits is told; a lock that comes all the same is given back. */
static void
abandon(struct lock_wait *w)
{
	w->abandoned = true;
	w->done(w->arg, CFS_ECANCELED, NULL);
}

/* Locked. now: whoever waits is told at once; else when the server has said what became of it, if it does so in time. */
static void
cancel(struct cfs *c, uint64_t ticket, bool now)
{
	struct m_lock_cancel_req req = {.ticket = ticket};
	struct lock_wait *w = c->locks.waits;

	while (w != NULL && w->ticket != ticket)
		w = w->next;
	if (w == NULL || w->abandoned)
		return;
	if (now || c->link.stream == NULL)
		abandon(w);
	else if (w->cancelled_ns == 0)
		w->cancelled_ns = now_mono_ns();
	send_forgotten(c, OP_LOCK_CANCEL, &req);
}

void
locks_expire(struct cfs *c, uint64_t now)
{
	for (struct lock_wait *w = c->locks.waits, *next; w != NULL; w = next) {
		next = w->next;
		if (w->cancelled_ns != 0 && !w->abandoned && now - w->cancelled_ns > CANCEL_NS)
			abandon(w);
	}
}

void
cfs_lock_cancel(struct cfs *c, uint64_t ticket)
{
	pthread_mutex_lock(&c->lock);
	cancel(c, ticket, false);
	if (c->waiters == NULL)
		background_nudge(c);
	pthread_mutex_unlock(&c->lock);
}

/* ---- waiting here */

struct answer {
	struct waiter waiter;
	bool here;
	int code;
	struct cfs_attr *attr;
};

static bool
is_here(void *arg)
{
	return ((const struct answer *)arg)->here;
}

static void
answer_done(void *arg, int code, const struct cfs_attr *attr)
{
	struct answer *a = arg;

	a->here = true;
	a->code = code;
	if (a->attr != NULL && attr != NULL)
		*a->attr = *attr;
	waiter_wake(&a->waiter);
}

int
cfs_lock(struct cfs *c, const struct cfs_lock *l, bool wait, struct cfs_attr *attr,
	 struct cfs_err *err)
{
	struct answer a = {.attr = attr};
	uint64_t ticket = 0;
	int rc;

	pthread_mutex_lock(&c->lock);
	waiter_init(&a.waiter, c, is_here, &a, -1);
	a.waiter.eager = a.waiter.breakable = true;
	rc = start(c, l, wait, answer_done, &a, &ticket, err);
	if (rc == 0) {
		rc = conn_wait(c, &a.waiter, err);
		if (!a.here)
			cancel(c, ticket, true);
		else
			rc = a.code < 0 ? err_code(err, a.code) : 0;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int
cfs_lock_test(struct cfs *c, const struct cfs_lock *l, struct cfs_lock *found, struct cfs_err *err)
{
	struct m_lock_test_rep rep;
	struct m_lock_req req;
	int rc;

	pthread_mutex_lock(&c->lock);
	req = request(c, l, false, 0);
	pthread_mutex_unlock(&c->lock);
	rc = call_simple(c, OP_LOCK_TEST, &req, &rep, err);
	if (rc < 0)
		return rc;
	*found = *l;
	found->type = (enum cfs_lock_type)(rep.type % 3);
	found->start = rep.start;
	found->end = rep.end;
	found->pid = rep.pid;
	return 0;
}

/* ---- a new line */

static void
free_reclaim(struct lock_reclaim *r)
{
	*r->prev = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	free(r);
}

/* Others may have had it: whoever relied on it must not go on as if not. */
static void
lose(struct cfs *c, const struct cfs_lock *l)
{
	struct lock_held **at = find_held(c, l);

	if (*at == NULL)
		return;
	drop_held(at);
	if (c->options.lock_lost != NULL)
		c->options.lock_lost(c->options.lock_lost_arg, l);
	else
		files_lose(c, l->ref);
}

static void
reclaim_done(struct call *k)
{
	struct lock_reclaim *r = k->owner;
	struct cfs *c = k->c;
	int code = k->code;

	call_free_locked(k);
	/* A line that is lost too says nothing: the next one is asked again. */
	if (code < 0 && code != CFS_ENET && code != CFS_ETIMEDOUT && code != CFS_ECANCELED)
		lose(c, &r->lock);
	free_reclaim(r);
}

/* False: without memory for it, all that its owner has in that file is lost. */
static bool
reclaim(struct cfs *c, const struct cfs_lock *l)
{
	struct lock_reclaim *r = calloc(1, sizeof(*r));
	struct m_lock_req req = request(c, l, false, 0);

	if (r == NULL || call_new_locked(c, OP_LOCK_RECLAIM, &req, &r->call, NULL) < 0) {
		free(r);
		lose(c, l);
		return false;
	}
	r->lock = *l;
	r->next = c->locks.reclaims;
	r->prev = &c->locks.reclaims;
	if (r->next != NULL)
		r->next->prev = &r->next;
	c->locks.reclaims = r;
	r->call->owner = r;
	r->call->done = reclaim_done;
	conn_submit(c, r->call);
	return true;
}

static void
drop_reclaims(struct cfs *c)
{
	for (struct lock_reclaim *r = c->locks.reclaims, *next; r != NULL; r = next) {
		next = r->next;
		call_free_locked(r->call);
		free_reclaim(r);
	}
}

void
locks_resume(struct cfs *c)
{
	struct lock_held *h, *next;

	drop_reclaims(c);
	for (h = c->locks.held; h != NULL; h = next) {
		size_t count = h->ranges.count;
		bool there = true;

		next = h->next;
		for (size_t i = 0; i < count && there; i++) {
			struct cfs_lock l = h->of;

			l.start = h->ranges.at[i].start;
			l.end = h->ranges.at[i].end;
			l.type = (enum cfs_lock_type)h->ranges.at[i].type;
			there = reclaim(c, &l);
		}
	}
}

void
locks_leave(struct cfs *c)
{
	struct m_locks_release_req req = {.client = c->locks.id};

	if (!id128_is_zero(&c->locks.id) && c->link.stream != NULL)
		send_forgotten(c, OP_LOCKS_RELEASE, &req);
}

void
locks_fini(struct cfs *c)
{
	for (struct lock_reclaim *r = c->locks.reclaims, *next; r != NULL; r = next) {
		next = r->next;
		free_reclaim(r);
	}
	for (struct lock_wait *w = c->locks.waits, *next; w != NULL; w = next) {
		next = w->next;
		free_wait(w);
	}
	while (c->locks.held != NULL)
		drop_held(&c->locks.held);
}

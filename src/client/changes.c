/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/changes.h"

#include <string.h>

#include "base/bytes.h"
#include "client/call.h"
#include "client/conn.h"

void
changes_init(struct changes *s)
{
	memset(s, 0, sizeof(*s));
	s->last = &s->first;
}

/* ---- inode numbers */

static void
add_range(struct changes *s, uint64_t first, uint32_t count, uint32_t gen)
{
	struct ino_range *to = &s->ranges[0];

	for (size_t i = 0; i < CHANGES_RANGES; i++) {
		if (s->ranges[i].left < to->left)
			to = &s->ranges[i];
	}
	/* Where there is no free place the smallest is given up: numbers are many. */
	if (to->left < count)
		*to = (struct ino_range){.next = first, .left = count, .gen = gen};
}

static uint64_t
inos_left(const struct changes *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < CHANGES_RANGES; i++)
		n += s->ranges[i].left;
	return n;
}

static void
refilled(struct call *k)
{
	struct changes *s = &k->c->changes;
	struct m_inodes_rep rep;

	s->refilling = false;
	if (call_result(k, &rep, NULL) == 0)
		add_range(s, rep.first, rep.count, rep.gen);
	if (s->watchers > 0)
		conn_wake_all(k->c);
	call_free_locked(k);
}

static void
refill(struct cfs *c)
{
	struct m_inodes_req req = {.inodes = CHANGES_INODES_MORE};
	struct call *k;

	if (c->changes.refilling || call_new_locked(c, OP_INODES, &req, &k, NULL) < 0)
		return;
	c->changes.refilling = true;
	k->done = refilled;
	conn_submit(c, k);
}

static bool
have_ino_or_failed(void *arg)
{
	const struct cfs *c = arg;

	return inos_left(&c->changes) > 0 || !c->changes.refilling;
}

static int
wait_for_inos(struct cfs *c, struct cfs_err *err)
{
	struct waiter w;

	waiter_init(&w, c, have_ino_or_failed, c, -1);
	w.breakable = true;
	refill(c);
	c->changes.watchers++;
	int rc = conn_wait(c, &w, err);
	c->changes.watchers--;
	if (rc == 0 && inos_left(&c->changes) == 0)
		rc = err_set(err, CFS_ENET, "the server gives no inode numbers");
	return rc;
}

static void
take_from_ranges(struct changes *s, struct cfs_ref *out)
{
	for (size_t i = 0; i < CHANGES_RANGES; i++) {
		struct ino_range *r = &s->ranges[i];

		if (r->left == 0)
			continue;
		*out = (struct cfs_ref){.ino = r->next++, .gen = r->gen};
		r->left--;
		return;
	}
}

int
changes_take_ino(struct cfs *c, struct cfs_ref *out, struct cfs_err *err)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = changes_ready(c, 0, err);
	while (rc == 0 && inos_left(&c->changes) == 0)
		rc = wait_for_inos(c, err);
	if (rc == 0) {
		take_from_ranges(&c->changes, out);
		if (inos_left(&c->changes) < CHANGES_INODES_FIRST / 2)
			refill(c);
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* ---- attaching */

static void
attach_done(struct call *k)
{
	struct changes *s = &k->c->changes;
	struct m_stream_attach_rep rep;

	s->state = CHANGES_NONE;
	if (call_result(k, &rep, &s->attach_err) == 0) {
		s->state = CHANGES_ATTACHED;
		s->last_seq = rep.last_seq;
		add_range(s, rep.first, rep.count, rep.gen);
	}
	if (s->watchers > 0)
		conn_wake_all(k->c);
	call_free_locked(k);
}

static bool
not_attaching(void *arg)
{
	const struct cfs *c = arg;

	return c->changes.state != CHANGES_ATTACHING;
}

static int
attach(struct cfs *c, struct cfs_err *err)
{
	struct changes *s = &c->changes;
	struct waiter w;
	int rc = 0;

	waiter_init(&w, c, not_attaching, c, -1);
	if (s->state == CHANGES_NONE) {
		struct m_stream_attach_req req = {.create = 1, .inodes = CHANGES_INODES_FIRST};
		struct call *k;

		s->id = id128_random();
		req.stream = s->id;
		rc = call_new_locked(c, OP_STREAM_ATTACH, &req, &k, err);
		if (rc < 0)
			return rc;
		s->state = CHANGES_ATTACHING;
		memset(&s->attach_err, 0, sizeof(s->attach_err));
		k->done = attach_done;
		conn_submit(c, k);
	}
	s->watchers++;
	rc = conn_wait(c, &w, err);
	s->watchers--;
	if (rc == 0 && s->state == CHANGES_NONE) {
		rc = s->attach_err.code;
		if (err != NULL)
			*err = s->attach_err;
	}
	return rc;
}

static bool
has_room(void *arg)
{
	const struct cfs *c = arg;

	return c->changes.bytes < CHANGES_MAX_BYTES;
}

int
changes_ready(struct cfs *c, size_t size, struct cfs_err *err)
{
	struct waiter w;
	int rc = 0;

	waiter_init(&w, c, has_room, c, -1);
	while (rc == 0 && c->changes.state != CHANGES_ATTACHED)
		rc = attach(c, err);
	if (rc == 0 && size > 0 && !has_room(c)) {
		c->changes.watchers++;
		rc = conn_wait(c, &w, err);
		c->changes.watchers--;
	}
	/* It may have been lost while this waited for room. */
	if (rc == 0 && c->changes.state != CHANGES_ATTACHED)
		rc = attach(c, err);
	return rc;
}

struct settling {
	const struct cfs *c;
	uint64_t
	    last_seq; /* what comes behind this is not waited for, or who waits would wait for ever */
};

static bool
is_settled(void *arg)
{
	const struct settling *w = arg;
	const struct call *k = w->c->changes.first;

	while (k != NULL && k->seq <= w->last_seq && !k->ahead)
		k = k->change_next;
	return k == NULL || k->seq > w->last_seq;
}

int
changes_settle(struct cfs *c, struct cfs_err *err)
{
	struct settling until = {.c = c, .last_seq = c->changes.last_seq};
	struct waiter w;

	if (is_settled(&until))
		return 0;
	waiter_init(&w, c, is_settled, &until, -1);
	w.breakable = true;
	c->changes.watchers++;
	int rc = conn_wait(c, &w, err);
	c->changes.watchers--;
	return rc;
}

/* ---- numbered changes */

void
changes_append(struct cfs *c, struct call *k)
{
	struct changes *s = &c->changes;

	k->seq = ++s->last_seq;
	k->change_next = NULL;
	k->change_prev = s->last;
	*s->last = k;
	s->last = &k->change_next;
	s->bytes += call_frame_size(k);
	k->change_bytes = call_frame_size(k);
	s->count++;
	s->ahead += k->ahead;
}

void
changes_remove(struct cfs *c, struct call *k)
{
	struct changes *s = &c->changes;

	*k->change_prev = k->change_next;
	if (k->change_next != NULL)
		k->change_next->change_prev = k->change_prev;
	else
		s->last = k->change_prev;
	s->bytes -= k->change_bytes;
	s->count--;
	s->ahead -= k->ahead;
	if (k->ahead && s->ahead == 0)
		leases_settled(c);
	if (s->watchers > 0)
		conn_wake_all(c);
}

uint64_t
changes_acked(const struct cfs *c)
{
	const struct changes *s = &c->changes;

	return s->first != NULL ? s->first->seq - 1 : s->last_seq;
}

bool
changes_attach_request(const struct cfs *c, struct m_stream_attach_req *req)
{
	if (c->changes.state != CHANGES_ATTACHED)
		return false;
	*req = (struct m_stream_attach_req){.stream = c->changes.id};
	return true;
}

int
changes_attached(struct cfs *c, const struct m_stream_attach_rep *rep, struct cfs_err *err)
{
	const struct changes *s = &c->changes;

	if (rep->count > 0)
		add_range(&c->changes, rep->first, rep->count, rep->gen);
	/* Behind what was answered: the store went back to an older state. Ahead of what was sent: not our stream. */
	if (rep->last_seq < changes_acked(c) || rep->last_seq > s->last_seq)
		return err_set(err, CFS_ESTREAMLOST,
			       "change stream lost: the server is at change %llu",
			       (unsigned long long)rep->last_seq);
	return 0;
}

void
changes_lost(struct cfs *c, const struct cfs_err *why)
{
	struct changes *s = &c->changes;

	while (s->first != NULL)
		call_answer(s->first, CFS_ESTREAMLOST, why);
	s->state = CHANGES_NONE;
	s->last_seq = 0;
	memset(s->ranges, 0, sizeof(s->ranges));
}

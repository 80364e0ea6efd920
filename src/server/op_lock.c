/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/locking.h"

#include <stdlib.h>

#include "base/time.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/hublink.h"
#include "server/locktable.h"
#include "server/reply.h"
#include "server/tally.h"
#include "store/names.h"

/* Requests of one connection that the hub has not answered. */
#define WAITING_MAX 512u

struct lock_call {
	struct lock_call *next;
	const struct op_desc *op;
	uint64_t number, came_ns;
	uint64_t ticket; /* the hub's */
	struct id128 client;
	uint64_t cancel_by;   /* the client's */
	struct inode_ref ref; /* whose attributes the answer has; 0 none */
};

static struct lock_call **
find_ticket(struct session *s, uint64_t ticket)
{
	struct lock_call **at = &s->locking.first;

	while (*at && (*at)->ticket != ticket)
		at = &(*at)->next;
	return at;
}

/* Whoever may read a file may keep others from writing it, as on a local disk; keeping its readers out is its owner's. */
static int
check(struct session *s, const struct m_lock_req *req, struct cfs_err *err)
{
	struct inode_attr attr;
	int rc;

	if ((req->kind != LOCK_BYTES && req->kind != LOCK_WHOLE) || req->type > RANGE_WRITE ||
	    req->start > req->end ||
	    (req->kind == LOCK_WHOLE && (req->start != 0 || req->end != RANGE_END)))
		return err_set(err, CFS_EINVAL, "no such lock");
	if (req->type == RANGE_NONE)
		return 0;
	rc = names_getattr(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			   &attr, err);
	if (rc)
		return rc;
	if (req->type == RANGE_WRITE && attr.owner != s->cred.user)
		return err_code(err, CFS_EDENIED);
	return 0;
}

static int
ask_hub(struct session *s, const struct call *c, enum hub_msg_kind kind,
	const struct m_lock_req *req, struct cfs_err *err)
{
	struct hub_msg m = {.kind = kind,
			    .lock = {.client = req->client,
				     .ino = req->ino,
				     .owner = req->owner,
				     .start = req->start,
				     .end = req->end,
				     .pid = req->pid,
				     .kind = req->kind,
				     .type = req->type,
				     .wait = req->wait}};
	struct lock_call *k;
	int rc = check(s, req, err);

	if (rc)
		return rc;
	if (s->args->hub_fd < 0)
		return err_set(err, CFS_EUNSUPPORTED, "no locks without a daemon");
	k = s->locking.count < WAITING_MAX ? calloc(1, sizeof(*k)) : NULL;
	if (!k)
		return err_code(err, CFS_ENOLCK);
	*k = (struct lock_call){.next = s->locking.first,
				.op = c->op,
				.number = c->number,
				.came_ns = c->came_ns,
				.ticket = ++s->locking.last_ticket,
				.client = req->client,
				.cancel_by = req->ticket};
	if (kind == HUB_LOCK && req->type != RANGE_NONE)
		k->ref = (struct inode_ref){.ino = req->ino, .gen = req->gen};
	m.lock.ticket = k->ticket;
	if (!hublink_lock(s, &m)) {
		free(k);
		return err_code(err, CFS_ENOLCK);
	}
	s->locking.first = k;
	s->locking.count++;
	return CALL_LATER;
}

int
handle_LOCK(struct session *s, struct call *c, struct cfs_err *err)
{
	return ask_hub(s, c, HUB_LOCK, &c->req->lock_req, err);
}

int
handle_LOCK_TEST(struct session *s, struct call *c, struct cfs_err *err)
{
	return ask_hub(s, c, HUB_LOCK_TEST, &c->req->lock_req, err);
}

int
handle_LOCK_RECLAIM(struct session *s, struct call *c, struct cfs_err *err)
{
	return ask_hub(s, c, HUB_LOCK_RECLAIM, &c->req->lock_req, err);
}

int
handle_LOCK_CANCEL(struct session *s, struct call *c, struct cfs_err *err)
{
	struct hub_msg m = {.kind = HUB_LOCK_CANCEL};
	const struct lock_call *k = s->locking.first;

	while (k && k->cancel_by != c->req->lock_cancel_req.ticket)
		k = k->next;
	if (!k)
		return 0; /* answered meanwhile */
	m.lock.client = k->client;
	m.lock.ticket = k->ticket;
	return hublink_lock(s, &m) ? 0 : err_code(err, CFS_EBUSY);
}

int
handle_LOCKS_RELEASE(struct session *s, struct call *c, struct cfs_err *err)
{
	struct hub_msg m = {.kind = HUB_LOCK_LEAVE};

	m.lock.client = c->req->locks_release_req.client;
	return hublink_lock(s, &m) ? 0 : err_code(err, CFS_EBUSY);
}

/* ---- answers */

/* As of now, when nobody else can change the file who minds the lock. The lock is held, whatever comes of this. */
static void
add_attr(struct session *s, struct inode_ref ref, struct m_attr *out)
{
	struct inode_attr attr;

	if (names_getattr(s->store, &s->cred, ref, &attr, NULL) == 0)
		convert_attr(&attr, out);
}

void
locking_answered(struct session *s, const struct hub_lock *m)
{
	struct lock_call **at = find_ticket(s, m->ticket), *k = *at;
	union m_any rep = {0};

	if (!k)
		return;
	*at = k->next;
	s->locking.count--;
	if (k->op->number == OP_LOCK_TEST)
		rep.lock_test_rep = (struct m_lock_test_rep){
		    .type = m->type, .start = m->start, .end = m->end, .pid = m->pid};
	else if (m->status == 0 && k->ref.ino != 0)
		add_attr(s, k->ref, &rep.attr_rep.attr);
	reply_status(s, k->op, k->number, m->status, &rep, NULL);
	tally_op(s, k->op, k->came_ns, m->status);
	free(k);
}

void
locking_fini(struct session *s)
{
	while (s->locking.first) {
		struct lock_call *k = s->locking.first;

		s->locking.first = k->next;
		free(k);
	}
}

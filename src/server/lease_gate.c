/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/lease_gate.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "server/batch.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/hublink.h"
#include "server/promise_record.h"
#include "server/promise_table.h"
#include "server/promises.h"

/*
 * A message may get lost: the question is repeated. Who has lost his line and comes back answers no question, but takes
 * himself out of the table.
 */
#define ASK_AGAIN_NS  (500 * (uint64_t)NS_PER_MS)
#define LOOK_AGAIN_NS (20 * (uint64_t)NS_PER_MS)

/* The rows of a listing that are looked at; one answer has no more. */
#define ROWS_MAX 4096u

/* A client that was asked to give its leases back. */
struct lease_ask {
	struct lease_ask *next;
	unsigned slot;
	struct promise_holder holder;
	uint64_t ticket, asked_ns, looked_ns;
	uint64_t
	    again; /* the ticket of the next question to him, for who came while this one was under way; 0: none */
};

/*
 * A look that waits for all questions up to its own. Then it is done, whoever has a lease by now: what is done under one that
 * was taken later happens at the same time as the look. So nobody can keep it waiting by taking one lease after the other.
 */
struct parked {
	struct parked *next;
	uint64_t ticket;
	struct change *request;
};

void
lease_gate_init(struct session *s)
{
	s->gate.parked_tail = &s->gate.parked;
}

void
lease_gate_fini(struct session *s)
{
	while (s->gate.asks) {
		struct lease_ask *a = s->gate.asks;

		s->gate.asks = a->next;
		free(a);
	}
	while (s->gate.parked) {
		struct parked *p = s->gate.parked;

		s->gate.parked = p->next;
		free(p->request);
		free(p);
	}
}

/* ---- what a request looks at */

static void
add(const struct session *s, struct promise_set *set, uint64_t ino)
{
	promise_lease_holders(s->args->promises, ino, set);
}

/*
 * The directory, and what stands in it under that name: its attributes are told, or it is a directory that has to be empty
 * or gets another parent.
 */
static void
add_name(struct session *s, struct promise_set *set, uint64_t dir, uint32_t gen, struct str name)
{
	struct inode_attr a;

	add(s, set, dir);
	if (names_lookup(s->store, &s->cred, (struct inode_ref){.ino = dir, .gen = gen},
			 convert_view(name), &a, NULL) == 0)
		add(s, set, a.ino);
}

struct rows {
	struct session *s;
	struct promise_set *set;
	unsigned count;
};

static int
add_row(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	struct rows *r = arg;

	(void)cookie;
	(void)name;
	add(r->s, r->set, attr->ino);
	return ++r->count == ROWS_MAX;
}

/* A directory and what is in it, whose attributes are told. */
static void
add_listing(struct session *s, struct promise_set *set, const struct m_readdir_req *req)
{
	struct rows rows = {.s = s, .set = set};
	uint64_t parent;
	bool eof;

	add(s, set, req->dir);
	(void)names_readdir(s->store, &s->cred,
			    (struct inode_ref){.ino = req->dir, .gen = req->gen}, req->cookie,
			    add_row, &rows, &eof, &parent, NULL);
}

static void
add_change(struct session *s, unsigned op, const union m_any *req, struct promise_set *set)
{
	switch (op) {
	case OP_CREATE:
		add(s, set, req->create_req.dir);
		break;
	case OP_WRITE:
		add(s, set, req->write_req.ino);
		break;
	case OP_SETATTR:
		add(s, set, req->setattr_req.ino);
		break;
	case OP_SETXATTR:
		add(s, set, req->setxattr_req.ino);
		break;
	case OP_REMOVEXATTR:
		add(s, set, req->removexattr_req.ino);
		break;
	case OP_ALLOCATE:
		add(s, set, req->allocate_req.ino);
		break;
	case OP_COPY:
		add(s, set, req->copy_req.src);
		add(s, set, req->copy_req.dst);
		break;
	case OP_PUT:
		add(s, set, req->put_req.dir);
		break;
	case OP_RESTORE:
		add(s, set, req->restore_req.dir);
		break;
	case OP_LINK:
		add(s, set, req->link_req.ino);
		add(s, set, req->link_req.dir);
		break;
	case OP_UNLINK:
		add_name(s, set, req->unlink_req.dir, req->unlink_req.dir_gen,
			 req->unlink_req.name);
		break;
	case OP_RENAME:
		add_name(s, set, req->rename_req.dir, req->rename_req.dir_gen,
			 req->rename_req.name);
		add_name(s, set, req->rename_req.to_dir, req->rename_req.to_gen,
			 req->rename_req.to_name);
		break;
	case OP_HOLD:
		break;
	default:
		promise_lease_everybody(s->args->promises, set);
		break;
	}
}

static void
add_look(struct session *s, unsigned op, const union m_any *req, struct promise_set *set)
{
	switch (op) {
	case OP_LOOKUP:
		add_name(s, set, req->lookup_req.dir, req->lookup_req.gen, req->lookup_req.name);
		break;
	case OP_READDIR:
		add_listing(s, set, &req->readdir_req);
		break;
	case OP_NAMES:
		add(s, set, req->names_req.dir);
		break;
	case OP_GETATTR:
	case OP_READLINK:
	case OP_SUM:
	case OP_LISTXATTR:
		add(s, set, req->inode_req.ino);
		break;
	case OP_GETXATTR:
		add(s, set, req->xattr_req.ino);
		break;
	case OP_READ:
		add(s, set, req->read_req.ino);
		break;
	case OP_SEEK:
		add(s, set, req->seek_req.ino);
		break;
	case OP_MAP:
		add(s, set, req->map_req.ino);
		break;
	case OP_LOCK:
		add(s, set, req->lock_req.ino);
		break;
	case OP_WALK:
	case OP_VERSIONS:
	case OP_REMOVED:
	case OP_ATTIC:
		/* Which directories that is only the answer shows. */
		promise_lease_everybody(s->args->promises, set);
		break;
	default:
		/* Of no directory and no inode's attributes. */
		break;
	}
}

/* ---- asking */

static void
send_ask(struct session *s, struct lease_ask *a)
{
	struct hub_msg m = {.kind = HUB_PROMISE_ASK, .pid = a->holder.address};
	const struct promise_record r = {.ino = 1, .what = PROMISE_LEASE};

	m.promise.ticket = a->ticket;
	m.promise.holder = a->holder.owner;
	m.promise.len = PROMISE_RECORD_HEAD;
	promise_record_put(m.promise.changed, &r);
	a->asked_ns = a->looked_ns = now_mono_ns();
	hublink_promise(s, &m);
}

static void
ask(struct session *s, unsigned slot)
{
	struct promise_holder holder = promise_look(s->args->promises, slot);
	struct lease_ask *a = s->gate.asks;

	while (a && a->holder.owner != holder.owner)
		a = a->next;
	if (a) {
		/* What he answers now he may have said before this request came. */
		if (a->again == 0)
			a->again = ++s->changed.last_ticket;
		s->gate.ticket = max_u64(s->gate.ticket, a->again);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (!a) {
		session_end(s, CFS_ENOMEM);
		return;
	}
	a->slot = slot;
	a->holder = holder;
	a->ticket = s->gate.ticket = ++s->changed.last_ticket;
	a->next = s->gate.asks;
	s->gate.asks = a;
	send_ask(s, a);
}

bool
lease_gate_holds(struct session *s, const struct op_desc *op, const union m_any *req)
{
	struct promise_table *t = s->args->promises;
	struct promise_set set = {{0}};
	int slot = -1;
	bool holds = false;

	s->gate.ticket = 0;
	if (!t || s->gate.passing || !promise_leases_others(t, s->promises.slot))
		return false;
	if (op->how & HOW_CHANGE)
		add_change(s, op->number, req, &set);
	else
		add_look(s, op->number, req, &set);
	/* What an earlier connection of the same client did it knows itself. */
	while ((slot = promise_next_other(t, &set, (unsigned)(slot + 1), s->promises.slot,
					  &s->promises.client)) >= 0) {
		ask(s, (unsigned)slot);
		holds = true;
	}
	return holds;
}

/* ---- waiting */

void
lease_gate_park(struct session *s, const struct frame *f)
{
	struct parked *p = malloc(sizeof(*p));

	if (p)
		*p =
		    (struct parked){.ticket = s->gate.ticket, .request = batch_change_new(f, NULL)};
	if (!p || !p->request) {
		free(p);
		session_end(s, CFS_ENOMEM);
		return;
	}
	*s->gate.parked_tail = p;
	s->gate.parked_tail = &p->next;
	s->gate.parked_count++;
}

static void
dispatch_parked(struct session *s, struct change *c)
{
	const struct frame f = {
	    .op = c->op->number,
	    .desc = c->op,
	    .number = c->number,
	    .flags = c->flags,
	    .payload = c->payload,
	    .len = (uint32_t)c->len,
	};

	s->gate.passing = true;
	dispatch_request(s, &f, NULL, 0);
	s->gate.passing = false;
}

/* The lowest ticket of a question that has no answer. */
static uint64_t
first_ticket(const struct session *s)
{
	uint64_t t = UINT64_MAX;

	for (const struct lease_ask *a = s->gate.asks; a; a = a->next)
		t = min_u64(t, a->ticket);
	return t;
}

/* Somebody is in the way no more. A change looks again: what others did ahead since must be done before it. */
static void
let_through(struct session *s)
{
	uint64_t before = first_ticket(s);
	struct parked **at = &s->gate.parked;

	s->gate.fewer = false;
	s->batch.wanted = s->batch.head != NULL;
	while (*at) {
		struct parked *p = *at;

		if (p->ticket >= before) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		s->gate.parked_count--;
		dispatch_parked(s, p->request);
		free(p->request);
		free(p);
	}
	s->gate.parked_tail = at;
}

/* Anywhere, also while another request is being answered that asks the hub: what waited goes on from lease_gate_run(). */
bool
lease_gate_answered(struct session *s, const struct hub_msg *m)
{
	struct lease_ask **at = &s->gate.asks, *a;

	while (*at &&
	       ((*at)->ticket != m->promise.ticket || (*at)->holder.owner != m->promise.holder))
		at = &(*at)->next;
	a = *at;
	if (!a)
		return false;
	s->gate.fewer = true;
	if (a->again) {
		a->ticket = a->again;
		a->again = 0;
		send_ask(s, a);
	} else {
		*at = a->next;
		free(a);
	}
	return true;
}

uint64_t
lease_gate_timer(const struct session *s)
{
	uint64_t t = s->gate.fewer ? 0 : UINT64_MAX;

	for (const struct lease_ask *a = s->gate.asks; a; a = a->next)
		t = min_u64(t, min_u64(a->looked_ns + LOOK_AGAIN_NS, a->holder.until_ns));
	return t;
}

/* Whether the one who was asked is in the way no more. */
static bool
is_out_of_the_way(struct session *s, const struct lease_ask *a, uint64_t now)
{
	struct promise_table *t = s->args->promises;

	if (promise_look(t, a->slot).owner == a->holder.owner && !promise_lease_is_on(t, a->slot))
		return true;
	if (!promise_is_over(t, a->slot, &a->holder, now))
		return false;
	/* Who went, or released what he was promised, did so in time. */
	if (now >= a->holder.until_ns) {
		log_info("%s: gave up waiting for a client with leases", s->args->peer.address);
		promise_lease_blame(t, a->holder.user, now);
	}
	return true;
}

static void
look_after_asks(struct session *s, uint64_t now)
{
	for (struct lease_ask **at = &s->gate.asks; *at;) {
		struct lease_ask *a = *at;

		if (is_out_of_the_way(s, a, now)) {
			*at = a->next;
			free(a);
			s->gate.fewer = true;
			continue;
		}
		a->looked_ns = now;
		a->holder.until_ns = promise_look(s->args->promises, a->slot).until_ns;
		if (now >= a->asked_ns + ASK_AGAIN_NS)
			send_ask(s, a);
		at = &a->next;
	}
}

void
lease_gate_run(struct session *s)
{
	uint64_t now;

	if (!s->gate.asks && !s->gate.fewer)
		return;
	now = now_mono_ns();
	if (now >= lease_gate_timer(s))
		look_after_asks(s, now);
	if (s->gate.fewer)
		let_through(s);
}

bool
lease_gate_waits(const struct session *s)
{
	return s->gate.asks != NULL && !s->batch.wanted;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/lease.h"

#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/call.h"
#include "client/cfs_promise.h"
#include "client/conn.h"
#include "client/trust_state.h"

/* Unused for so long a lease is given back: whoever looks then need not wait for it. */
#define IDLE_NS (1 * (uint64_t)NS_PER_S)
/* After a recall: others are at work in the same place. */
#define REST_NS (2 * (uint64_t)NS_PER_S)

/* ---- which are held */

static struct client_lease *
find(struct client_leases *l, uint64_t dir)
{
	for (unsigned i = 0; i < l->count; i++) {
		if (l->held[i].dir == dir)
			return &l->held[i];
	}
	return NULL;
}

static void
drop_one(struct client_leases *l, uint64_t dir)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->count; i++) {
		if (l->held[i].dir != dir)
			l->held[kept++] = l->held[i];
	}
	l->count = kept;
	if (l->asked == dir)
		l->asked = 0;
}

/* One name less, when what was sent is done. */
static void
count_removal(struct client_leases *l, uint64_t dir)
{
	struct client_lease *held = find(l, dir);

	if (held != NULL && held->names > 0)
		held->names--;
	if (l->asked == dir)
		l->asked_removed++;
}

void
leases_drop(struct cfs *c)
{
	c->leases.count = 0;
	c->leases.asked = 0;
}

void
leases_change_sent(struct cfs *c, const struct call *k, const union m_any *req)
{
	struct client_leases *l = &c->leases;

	if (l->count == 0 && l->asked == 0)
		return;
	switch (k->op->number) {
	case OP_CREATE:
		drop_one(l, req->create_req.dir);
		break;
	case OP_PUT:
		drop_one(l, req->put_req.dir);
		break;
	case OP_RESTORE:
		drop_one(l, req->restore_req.dir);
		break;
	case OP_LINK:
	case OP_RENAME:
		/* Of a file in any of them, which has two names then, or of one of them, which has another parent. */
		leases_drop(c);
		break;
	case OP_UNLINK:
		count_removal(l, req->unlink_req.dir);
		break;
	default:
		break;
	}
}

void
leases_removed(struct cfs *c, uint64_t ino)
{
	if (c->leases.count > 0)
		drop_one(&c->leases, ino);
}

void
leases_not_removed(struct cfs *c, const union m_any *req)
{
	/* How many names there are is not known any more. */
	drop_one(&c->leases, req->unlink_req.dir);
}

/* ---- asking and giving back */

static void
submit(struct cfs *c, const struct m_lease_req *req, void (*done)(struct call *k))
{
	struct call *k;

	if (call_new_locked(c, OP_LEASE, req, &k, NULL) < 0)
		return;
	k->done = done;
	conn_submit(c, k);
	if (c->waiters == NULL)
		background_nudge(c);
}

static void
give_back(struct cfs *c, uint64_t dir, void (*done)(struct call *k))
{
	const struct m_lease_req req = {.dir = dir, .back = 1};

	submit(c, &req, done);
}

static void
answered(struct call *k)
{
	struct client_leases *l = &k->c->leases;
	struct m_lease_rep rep;
	uint64_t dir = l->asked;

	l->asking = false;
	l->asked = 0;
	if (call_result(k, &rep, NULL) == 0 && rep.granted && dir != 0) {
		if (l->count == CLIENT_LEASES) {
			give_back(k->c, l->held[0].dir, call_free_locked);
			drop_one(l, l->held[0].dir);
		}
		l->held[l->count++] = (struct client_lease){
		    .dir = dir,
		    .parent = rep.parent,
		    .names = rep.names > l->asked_removed ? rep.names - l->asked_removed : 0};
		l->had = true;
	} else if (k->code == 0 && rep.granted) {
		/* Not wanted any more: which one it was does not matter, it all begins anew. */
		l->had = true;
		leases_drop(k->c);
		give_back(k->c, 0, call_free_locked);
	}
	call_free_locked(k);
}

void
cfs_lease_ask(struct cfs *c, struct cfs_ref dir)
{
	const struct m_lease_req req = {.dir = dir.ino, .gen = dir.gen};
	struct client_leases *l = &c->leases;

	pthread_mutex_lock(&c->lock);
	if (!l->asking && c->trust != NULL && trust_is_held(c->trust) && c->link.stream != NULL &&
	    !l->owed && now_mono_ns() >= l->rest_until_ns && find(l, dir.ino) == NULL) {
		l->asking = true;
		l->asked_removed = 0;
		l->asked = dir.ino;
		submit(c, &req, answered);
	}
	pthread_mutex_unlock(&c->lock);
}

static void
gave_all_back(struct call *k)
{
	if (k->code == 0)
		k->c->leases.owed = false;
	call_free_locked(k);
}

void
leases_rest(struct cfs *c)
{
	struct client_leases *l = &c->leases;

	if (l->count == 0 || now_mono_ns() - l->used_ns < IDLE_NS)
		return;
	leases_drop(c);
	give_back(c, 0, call_free_locked);
}

/* ---- lines */

void
leases_line_lost(struct cfs *c)
{
	struct client_leases *l = &c->leases;

	leases_drop(c);
	l->push_count = 0;
	l->owed = l->owed || l->had;
	l->had = false;
}

void
leases_line_made(struct cfs *c)
{
	/* Behind all that was not answered. */
	if (c->leases.owed)
		give_back(c, 0, gave_all_back);
}

/* ---- recalls */

void
leases_acknowledge(struct cfs *c, uint64_t push)
{
	struct client_leases *l = &c->leases;
	struct cfs_err why;

	if (c->changes.ahead == 0) {
		trust_acknowledge(c, push);
	} else if (l->push_count < CLIENT_LEASE_PUSHES) {
		l->pushes[l->push_count++] = push;
	} else {
		err_set(&why, CFS_EPROTO, "more recalls than there can be");
		conn_lost(c, &why);
	}
}

void
leases_recalled(struct cfs *c, const struct frame *recall)
{
	struct m_recall_push push;

	leases_drop(c);
	c->leases.rest_until_ns = now_mono_ns() + REST_NS;
	if (frame_decode(recall, &push, NULL, NULL) == 0)
		leases_acknowledge(c, push.push);
}

void
leases_settled(struct cfs *c)
{
	struct client_leases *l = &c->leases;

	for (unsigned i = 0; i < l->push_count; i++)
		trust_acknowledge(c, l->pushes[i]);
	l->push_count = 0;
}

/* ---- removing */

bool
leases_concern(const struct cfs *c, const struct call *look)
{
	unsigned op = look->op->number;
	bool shows_rows = op == OP_LOOKUP || op == OP_READDIR;
	uint64_t subject = 0;

	switch (op) {
	case OP_LOOKUP:
	case OP_READDIR:
	case OP_GETATTR:
	case OP_NAMES:
		/* Their first field says what they look at. */
		subject = load_le64(look->req.data + FRAME_HEADER_SIZE);
		break;
	case OP_WALK:
	case OP_VERSIONS:
	case OP_REMOVED:
	case OP_ATTIC:
		return c->changes.ahead > 0;
	default:
		return false;
	}
	for (const struct call *k = c->changes.first; k != NULL; k = k->change_next) {
		if (k->ahead && (k->ahead_dir == subject || k->ahead_ino == subject ||
				 (shows_rows && k->ahead_parent == subject)))
			return true;
	}
	return false;
}

/* What else has no answer may have to wait for others, and what is done ahead must not. */
static bool
may_go_ahead(struct cfs *c, const struct m_unlink_req *req)
{
	struct client_leases *l = &c->leases;
	const struct client_lease *emptied = req->directory ? find(l, req->ino) : NULL;

	return !c->closing && c->trust != NULL && trust_is_held(c->trust) &&
	       c->link.stream != NULL &&
	       (!req->directory || (emptied != NULL && emptied->names == 0)) &&
	       c->changes.state == CHANGES_ATTACHED && c->changes.count == c->changes.ahead &&
	       c->changes.bytes < CHANGES_MAX_BYTES;
}

bool
cfs_unlink_ahead(struct cfs *c, struct cfs_ref dir, const char *name, bool directory, uint64_t ino)
{
	const struct m_unlink_req req = {.dir = dir.ino,
					 .dir_gen = dir.gen,
					 .name = str_from(name),
					 .directory = directory,
					 .ino = ino};
	const struct client_lease *held;
	struct call *k;
	bool done = false;

	pthread_mutex_lock(&c->lock);
	held = find(&c->leases, dir.ino);
	if (held != NULL && may_go_ahead(c, &req) &&
	    call_new_locked(c, OP_UNLINK, &req, &k, NULL) == 0) {
		k->later = k->ahead = k->stays = true;
		k->ahead_dir = dir.ino;
		k->ahead_parent = held->parent;
		k->ahead_ino = ino;
		/* While some are under way, whoever reads their answers sends what has come together. */
		k->lazy = c->changes.ahead > 0;
		changes_append(c, k);
		trust_sent(c, k);
		if (directory)
			drop_one(&c->leases, ino);
		conn_submit(c, k);
		call_free_locked(k);
		if (c->waiters == NULL)
			background_nudge(c);
		c->leases.used_ns = now_mono_ns();
		done = true;
	}
	pthread_mutex_unlock(&c->lock);
	return done;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/locks.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "server/lock_flag.h"
#include "server/locktable.h"

/* A user's clients that have locks or a connection that asked for some. */
#define USER_CLIENTS 256u
/* Requests that wait for the end of the time after a start. */
#define DEFERRED_MAX 4096u
/* Without a lock for so long, the flag goes; it costs a flush to set it. */
#define FLAG_REST_NS (10 * NS_PER_S)

static const struct lock_limits limits = {
    .party_ranges = 2048,
    .user_ranges = 8192,
    .all_ranges = 65536,
    .party_waits = 256,
    .all_waits = 2048,
};

struct lock_user {
	struct lock_user *next;
	size_t ranges;
	unsigned clients;
	char name[72];
};

struct lock_client {
	struct lock_party party; /* first: the table's name for it */
	struct lock_client *next;
	struct lock_user *user;
	struct id128 id;
	uint32_t index;  /* of its session */
	uint64_t serial; /* 0: none now */
	uint64_t newest; /* serial of the newest it ever had */
	uint64_t gone_ns;
};

/* Came too early after a start. */
struct deferred {
	struct deferred *next;
	uint32_t index;
	uint64_t serial;
	char user[72];
	struct hub_msg m;
};

struct locks {
	struct locks_conf conf;
	struct lock_flag flag;
	uint64_t empty_ns;    /* since when nothing is held */
	uint64_t grace_until; /* 0: it is over */
	struct locktable *table;
	struct lock_user *users;
	struct lock_client *clients;
	struct deferred *deferred, **deferred_tail;
	size_t deferred_count;
};

/* ---- clients */

static struct lock_user *
find_user(struct locks *l, const char *name)
{
	struct lock_user *u = l->users;

	while (u != NULL && strcmp(u->name, name) != 0)
		u = u->next;
	if (u != NULL)
		return u;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return NULL;
	memcpy(u->name, name, strnlen(name, sizeof(u->name) - 1));
	u->next = l->users;
	l->users = u;
	return u;
}

static void
drop_user_if_unused(struct locks *l, struct lock_user *u)
{
	struct lock_user **at = &l->users;

	if (u->clients > 0)
		return;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	free(u);
}

static void
drop_client(struct locks *l, struct lock_client *c)
{
	struct lock_client **at = &l->clients;
	struct lock_user *u = c->user;

	locktable_drop(l->table, &c->party);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
	u->clients--;
	drop_user_if_unused(l, u);
}

static struct lock_client *
find_client(const struct locks *l, const struct lock_session *from, const struct id128 *id)
{
	struct lock_client *c = l->clients;

	while (c != NULL && (!id128_equal(&c->id, id) || strcmp(c->user->name, from->user) != 0))
		c = c->next;
	return c;
}

static struct lock_client *
make_client(struct locks *l, const struct lock_session *from, const struct id128 *id)
{
	struct lock_user *u = find_user(l, from->user);
	struct lock_client *c = NULL;

	if (u == NULL)
		return NULL;
	if (u->clients < USER_CLIENTS)
		c = calloc(1, sizeof(*c));
	if (c == NULL) {
		drop_user_if_unused(l, u);
		return NULL;
	}
	c->id = *id;
	c->user = u;
	c->party.user_ranges = &u->ranges;
	c->next = l->clients;
	l->clients = c;
	u->clients++;
	return c;
}

/* The client that a session speaks for. CFS_ENOLCK; CFS_ESUPERSEDED: a newer session does. */
static int
bind_client(struct locks *l, const struct lock_session *from, const struct id128 *id,
	    struct lock_client **out)
{
	struct lock_client *c = find_client(l, from, id);

	if (c == NULL)
		c = make_client(l, from, id);
	if (c == NULL)
		return CFS_ENOLCK;
	if (from->serial < c->newest)
		return CFS_ESUPERSEDED;
	if (c->serial != from->serial)
		locktable_cancel_all(l->table, &c->party);
	c->serial = c->newest = from->serial;
	c->index = from->index;
	*out = c;
	return 0;
}

/* ---- answers */

static void
answer(const struct locks *l, uint32_t index, uint64_t serial, uint64_t ticket, int status)
{
	const struct hub_msg m = {.kind = HUB_LOCK_ANSWER,
				  .lock = {.ticket = ticket, .status = status}};

	l->conf.tell(l->conf.arg, index, serial, &m);
}

static void
end_of_wait(void *arg, struct lock_party *party, uint64_t ticket, int status)
{
	const struct lock_client *c = CONTAINER_OF(party, struct lock_client, party);

	if (c->serial != 0)
		answer(arg, c->index, c->serial, ticket, status);
}

static struct lock_ask
ask_of(const struct hub_lock *m)
{
	return (struct lock_ask){.ino = m->ino,
				 .owner = m->owner,
				 .kind = m->kind == LOCK_WHOLE ? LOCK_WHOLE : LOCK_BYTES,
				 .type = (enum range_type)(m->type % 3),
				 .start = m->start,
				 .end = max_u64(m->start, m->end),
				 .pid = m->pid};
}

/* ---- requests */

static void
set_lock(struct locks *l, struct lock_client *c, const struct hub_lock *m)
{
	const struct lock_ask ask = ask_of(m);
	int rc = ask.type != RANGE_NONE ? lock_flag_raise(&l->flag) : 0;

	if (rc == 0)
		rc = locktable_set(l->table, &c->party, &ask, m->wait != 0, m->ticket);
	if (rc != LOCK_WAITS)
		answer(l, c->index, c->serial, m->ticket, rc);
}

/* What it still has, or had before the hub began: then only as long as nobody else can have had it in between. */
static void
reclaim(struct locks *l, struct lock_client *c, const struct hub_lock *m)
{
	const struct lock_ask ask = ask_of(m);
	bool has = locktable_holds(l->table, &c->party, &ask);

	if (!has && l->grace_until != 0)
		has = locktable_set(l->table, &c->party, &ask, false, 0) == 0;
	answer(l, c->index, c->serial, m->ticket, has ? 0 : CFS_ELOCKLOST);
}

static void
test(const struct locks *l, const struct lock_client *c, const struct hub_lock *m)
{
	const struct lock_ask ask = ask_of(m);
	const struct lock_party *whose = NULL;
	struct hub_msg reply = {.kind = HUB_LOCK_ANSWER, .lock = {.ticket = m->ticket}};
	struct lock_ask found;

	if (locktable_test(l->table, &c->party, &ask, &found, &whose)) {
		reply.lock.type = (uint8_t)found.type;
		reply.lock.start = found.start;
		reply.lock.end = found.end;
		/* A number of another machine's process would be somebody else's here. */
		reply.lock.pid = whose == &c->party ? (uint32_t)found.pid : 0;
	}
	l->conf.tell(l->conf.arg, c->index, c->serial, &reply);
}

static void
run(struct locks *l, const struct lock_session *from, const struct hub_msg *m)
{
	struct lock_client *c = NULL;
	int rc = bind_client(l, from, &m->lock.client, &c);

	if (rc) {
		answer(l, from->index, from->serial, m->lock.ticket, rc);
		return;
	}
	if (m->kind == HUB_LOCK)
		set_lock(l, c, &m->lock);
	else if (m->kind == HUB_LOCK_TEST)
		test(l, c, &m->lock);
	else if (m->kind == HUB_LOCK_RECLAIM)
		reclaim(l, c, &m->lock);
	if (locktable_count(l->table) == 0)
		l->empty_ns = now_mono_ns();
}

/* ---- the time after a start */

static void
defer(struct locks *l, const struct lock_session *from, const struct hub_msg *m)
{
	struct deferred *d = l->deferred_count < DEFERRED_MAX ? calloc(1, sizeof(*d)) : NULL;

	if (d == NULL) {
		answer(l, from->index, from->serial, m->lock.ticket, CFS_ENOLCK);
		return;
	}
	d->index = from->index;
	d->serial = from->serial;
	d->m = *m;
	memcpy(d->user, from->user, strnlen(from->user, sizeof(d->user) - 1));
	*l->deferred_tail = d;
	l->deferred_tail = &d->next;
	l->deferred_count++;
}

static struct deferred *
take_deferred(struct locks *l, struct deferred **at)
{
	struct deferred *d = *at;

	*at = d->next;
	if (*at == NULL)
		l->deferred_tail = at;
	l->deferred_count--;
	return d;
}

static void
end_grace(struct locks *l)
{
	l->grace_until = 0;
	while (l->deferred != NULL) {
		struct deferred *d = take_deferred(l, &l->deferred);
		const struct lock_session from = {
		    .index = d->index, .serial = d->serial, .user = d->user};

		run(l, &from, &d->m);
		free(d);
	}
}

static bool
cancel_deferred(struct locks *l, uint64_t serial, uint64_t ticket)
{
	for (struct deferred **at = &l->deferred; *at != NULL; at = &(*at)->next) {
		if ((*at)->serial != serial || (*at)->m.lock.ticket != ticket)
			continue;
		free(take_deferred(l, at));
		return true;
	}
	return false;
}

/* ---- messages */

static void
cancel(struct locks *l, const struct lock_session *from, const struct hub_lock *m)
{
	struct lock_client *c = find_client(l, from, &m->client);

	if (cancel_deferred(l, from->serial, m->ticket) ||
	    (c != NULL && c->serial == from->serial &&
	     locktable_cancel(l->table, &c->party, m->ticket)))
		answer(l, from->index, from->serial, m->ticket, CFS_ECANCELED);
}

void
locks_message(struct locks *l, const struct lock_session *from, const struct hub_msg *m)
{
	struct lock_client *c;

	switch (m->kind) {
	case HUB_LOCK_CANCEL:
		cancel(l, from, &m->lock);
		break;
	case HUB_LOCK_LEAVE:
		c = find_client(l, from, &m->lock.client);
		if (c != NULL && c->serial == from->serial)
			drop_client(l, c);
		break;
	case HUB_LOCK:
	case HUB_LOCK_TEST:
		/* Giving back is what a client may always do. */
		if (l->grace_until != 0 && m->lock.type != RANGE_NONE)
			defer(l, from, m);
		else
			run(l, from, m);
		break;
	default:
		run(l, from, m);
		break;
	}
}

void
locks_ended(struct locks *l, uint64_t serial)
{
	struct deferred **at = &l->deferred;

	while (*at != NULL) {
		if ((*at)->serial == serial)
			free(take_deferred(l, at));
		else
			at = &(*at)->next;
	}
	for (struct lock_client *c = l->clients, *next; c != NULL; c = next) {
		next = c->next;
		if (c->serial != serial)
			continue;
		locktable_cancel_all(l->table, &c->party);
		c->serial = 0;
		c->gone_ns = now_mono_ns();
		if (c->party.ranges == 0)
			drop_client(l, c);
	}
}

/* ---- time */

static uint64_t
flag_due_ns(const struct locks *l)
{
	if (!l->flag.up || l->grace_until != 0 || locktable_count(l->table) > 0)
		return UINT64_MAX;
	return l->empty_ns + FLAG_REST_NS;
}

int
locks_timer(struct locks *l)
{
	uint64_t now = now_mono_ns(), next = UINT64_MAX;

	if (l->grace_until != 0 && now >= l->grace_until)
		end_grace(l);
	for (struct lock_client *c = l->clients, *after; c != NULL; c = after) {
		uint64_t due = c->gone_ns + l->conf.keep_ns;

		after = c->next;
		if (c->serial != 0)
			continue;
		if (now < due) {
			next = min_u64(next, due);
			continue;
		}
		log_info("%s: a client did not come back: its locks are free", c->user->name);
		drop_client(l, c);
		l->empty_ns = now;
	}
	if (now >= flag_due_ns(l))
		lock_flag_lower(&l->flag);
	next = min_u64(next, flag_due_ns(l));
	if (l->grace_until != 0)
		next = min_u64(next, l->grace_until);
	return next == UINT64_MAX ? -1 : (int)min_u64((next - now) / NS_PER_MS + 1, 60000);
}

/* ---- life */

void
locks_set_keep(struct locks *l, uint64_t keep_ns)
{
	l->conf.keep_ns = keep_ns;
}

int
locks_new(const struct locks_conf *conf, struct locks **out, struct cfs_err *err)
{
	struct locks *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (l == NULL)
		return err_code(err, CFS_ENOMEM);
	l->conf = *conf;
	l->deferred_tail = &l->deferred;
	l->table = locktable_new(&limits, end_of_wait, l);
	if (lock_flag_init(&l->flag, conf->flag, conf->flag_folder) || l->table == NULL) {
		l->flag.up = false;
		locks_free(l);
		return err_code(err, CFS_ENOMEM);
	}
	l->empty_ns = now_mono_ns();
	if (l->flag.up) {
		l->grace_until = l->empty_ns + conf->keep_ns;
		log_notice("locks may have been out: for %llu s only their owners get them back",
			   (unsigned long long)(conf->keep_ns / NS_PER_S));
	}
	*out = l;
	return 0;
}

void
locks_free(struct locks *l)
{
	if (l == NULL)
		return;
	if (l->flag.up && l->grace_until == 0 && locktable_count(l->table) == 0)
		lock_flag_lower(&l->flag);
	/* Without its answers: the sessions have ended. */
	while (l->deferred != NULL)
		free(take_deferred(l, &l->deferred));
	for (struct lock_client *c = l->clients, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	for (struct lock_user *u = l->users, *next; u != NULL; u = next) {
		next = u->next;
		free(u);
	}
	locktable_free(l->table);
	lock_flag_fini(&l->flag);
	free(l);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/promises.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "server/hublink.h"
#include "server/leases.h"
#include "server/promise_record.h"
#include "server/promise_table.h"

/* Inodes that one client holds promises on. */
#define ROWS_MAX   (256u * 1024)
#define ROWS_FIRST 256u

/*
 * Names of one directory are told of one by one for so long, counted in lives of a promise: by then whoever has left them to
 * an operating system, which forgets single names only, has stopped doing that. Then one more ends the promise of all.
 */
#define NAMES_ONE_BY_ONE 2u

/* A push that waits longer than this keeps promises from being renewed. */
#define OVERDUE_NS ((uint64_t)NS_PER_S)

/* The session looks at the store so often for an answer that it can promise. */
#define TRIES 3u

/* What the client was promised of an inode. */
struct promise_row {
	uint64_t ino; /* 0: free */
	uint32_t what;
	uint64_t
	    told_ns; /* when a name was told of first since names were promised last; 0: not yet */
};

/* A question that is answered when the client has acknowledged all its pushes. */
struct promise_question {
	uint64_t from, ticket, holder;
	unsigned left;
};

struct promise_push {
	struct promise_push *next;
	uint64_t number, sent_ns, ino;
	struct promise_question *question; /* NULL: nobody asked, everything is being taken back */
	bool recalls;                      /* leases end with it, too */
};

void
promises_init(struct session *s)
{
	struct promises *p = &s->promises;

	p->slot = -1;
	p->last_push = PROMISES_PUSH_FIRST;
	p->pushes_tail = &p->pushes;
}

static void
question_done(struct promise_question *q)
{
	if (q && --q->left == 0)
		free(q);
}

void
promises_fini(struct session *s)
{
	struct promises *p = &s->promises;

	while (p->pushes) {
		struct promise_push *push = p->pushes;

		p->pushes = push->next;
		question_done(push->question);
		free(push);
	}
	/* What the client may still trust is waited for by those whom it concerns. */
	if (p->slot >= 0)
		promise_slot_abandon(s->args->promises, (unsigned)p->slot);
	free(p->rows);
	free(p->bucket_rows);
}

void
promises_begin(struct session *s, const struct id128 *client)
{
	struct promises *p = &s->promises;

	if (!s->args->promises || id128_is_zero(client) || p->slot >= 0)
		return;
	p->bucket_rows = calloc(PROMISE_BUCKETS, sizeof(*p->bucket_rows));
	if (!p->bucket_rows)
		return;
	p->client = *client;
	p->slot = promise_slot_take(s->args->promises, client, s->me.id, s->args->hub_address);
	if (p->slot < 0)
		log_notice("%s: no read promises: too many clients have some",
			   s->args->peer.address);
}

void
promises_release(struct session *s)
{
	if (s->promises.slot >= 0)
		promise_void_client(s->args->promises, &s->promises.client, -1);
}

/* ---- rows */

/* Where the inode's row is, or would be; there are rows. */
static struct promise_row *
row_at(const struct promises *p, uint64_t ino)
{
	size_t at = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 16) & (p->row_cap - 1);

	while (p->rows[at].ino != 0 && p->rows[at].ino != ino)
		at = (at + 1) & (p->row_cap - 1);
	return &p->rows[at];
}

static struct promise_row *
find_row(const struct promises *p, uint64_t ino)
{
	return p->row_cap > 0 ? row_at(p, ino) : NULL;
}

/* Makes room; rows that promise nothing any more are left out. */
static bool
grow(struct promises *p)
{
	struct promises old = *p;
	size_t live = 0;

	for (size_t i = 0; i < old.row_cap; i++)
		live += old.rows[i].what != 0;
	p->row_cap = ROWS_FIRST;
	while (p->row_cap < live * 3)
		p->row_cap *= 2;
	p->rows = calloc(p->row_cap, sizeof(*p->rows));
	if (!p->rows) {
		*p = old;
		return false;
	}
	p->row_count = live;
	for (size_t i = 0; i < old.row_cap; i++) {
		if (old.rows[i].what != 0)
			*row_at(p, old.rows[i].ino) = old.rows[i];
	}
	free(old.rows);
	return true;
}

static void
forget_all(struct promises *p)
{
	free(p->rows);
	p->rows = NULL;
	p->row_cap = p->row_count = 0;
	if (p->bucket_rows)
		memset(p->bucket_rows, 0, PROMISE_BUCKETS * sizeof(*p->bucket_rows));
}

static void
end_promise(struct session *s, struct promise_row *row, unsigned what)
{
	struct promises *p = &s->promises;

	row->what &= ~what;
	if (row->what == 0)
		p->bucket_rows[promise_bucket(row->ino)]--;
}

/* ---- pushes */

/* The number (0: a new one) of a push that is to be acknowledged; 0 without memory. */
static uint64_t
await_push(struct session *s, uint64_t number, uint64_t ino, struct promise_question *q,
	   bool recalls)
{
	struct promises *p = &s->promises;
	struct promise_push *e = calloc(1, sizeof(*e));

	if (!e) {
		session_end(s, CFS_ENOMEM);
		return 0;
	}
	e->number = number != 0 ? number : ++p->last_push;
	e->sent_ns = now_mono_ns();
	e->ino = ino;
	e->question = q;
	e->recalls = recalls;
	if (q)
		q->left++;
	*p->pushes_tail = e;
	p->pushes_tail = &e->next;
	return e->number;
}

/* Tells the client; with a question (or to take back all) an acknowledgement is awaited. */
static void
push(struct session *s, const struct m_invalidate_push *what, struct promise_question *q, bool wait)
{
	struct m_invalidate_push m = *what;

	if (wait && (m.push = await_push(s, 0, m.ino, q, m.ino == 0)) == 0)
		return;
	if (frame_write(s->writer, OP_INVALIDATE, 0, 0, &msg_invalidate_push, &m, NULL))
		session_end(s, CFS_ENOMEM);
}

static const struct m_invalidate_push everything = {
    .what = PROMISE_ATTR | PROMISE_NAMES | 4,
};

static void
recall_leases(struct session *s, struct promise_question *q)
{
	struct m_recall_push m = {0};

	if (s->leases.count == 0)
		return;
	m.push = await_push(s, s->leases.recall, 0, q, true);
	/* One that is under way does for all who ask. */
	if (m.push == 0 || m.push == s->leases.recall)
		return;
	s->leases.recall = m.push;
	if (frame_write(s->writer, OP_RECALL, 0, 0, &msg_recall_push, &m, NULL))
		session_end(s, CFS_ENOMEM);
}

/* Everything is taken back; until the client has acknowledged it is promised nothing new. */
static void
recall_all(struct session *s, struct promise_question *q)
{
	push(s, &everything, q, true);
	s->promises.recall = s->promises.last_push;
}

static void
answer(struct session *s, uint64_t to, uint64_t ticket, uint64_t holder)
{
	struct hub_msg m = {.kind = HUB_PROMISE_DONE, .pid = to};

	m.promise.ticket = ticket;
	m.promise.holder = holder;
	if (to != 0)
		hublink_promise(s, &m);
}

/*
 * Bits of the table that mean nothing any more cost each changer a message. While the client is still at forgetting
 * something of the bucket they do mean something.
 */
static void
clear_bit(struct session *s, uint64_t ino)
{
	const struct promises *p = &s->promises;
	const struct promise_push *e = p->pushes;
	unsigned bucket = promise_bucket(ino);

	while (e && e->ino != 0 && promise_bucket(e->ino) != bucket)
		e = e->next;
	if (!e && p->bucket_rows[bucket] == 0)
		promise_unnote(s->args->promises, (unsigned)p->slot, ino);
}

/* One of those that wait for the push; false: none does any more. */
static bool
acknowledge_one(struct session *s, uint64_t number)
{
	struct promises *p = &s->promises;
	struct promise_push **at = &p->pushes, *e;

	while (*at && (*at)->number != number)
		at = &(*at)->next;
	e = *at;
	if (!e)
		return false;
	*at = e->next;
	if (!*at)
		p->pushes_tail = at;
	if (e->recalls)
		leases_forget(s);
	if (number == s->leases.recall)
		s->leases.recall = 0;
	if (e->question && e->question->left == 1)
		answer(s, e->question->from, e->question->ticket, e->question->holder);
	question_done(e->question);
	clear_bit(s, e->ino);
	free(e);
	if (number == p->recall) {
		p->recall = 0;
		forget_all(p);
	}
	return true;
}

void
promises_acknowledged(struct session *s, uint64_t number)
{
	while (acknowledge_one(s, number))
		continue;
}

/* ---- giving */

uint32_t
promises_renew(struct session *s)
{
	struct promises *p = &s->promises;
	uint64_t now = now_mono_ns();
	uint64_t ms = s->conf->promise_ms, until = now + (ms + ms / 5) * (uint64_t)NS_PER_MS;

	if (p->slot < 0 || s->ending || (p->pushes && now - p->pushes->sent_ns > OVERDUE_NS))
		return 0;
	if (!promise_renew(s->args->promises, (unsigned)p->slot, until)) {
		/* Its time was over, or it said so itself: all that it holds is void, which needs no acknowledgement. */
		if (p->row_count > 0)
			push(s, &everything, NULL, false);
		forget_all(p);
		leases_forget(s);
		promise_revive(s->args->promises, (unsigned)p->slot, until);
	}
	return (uint32_t)ms;
}

bool
promises_add(struct session *s, uint64_t ino, unsigned what)
{
	struct promises *p = &s->promises;
	struct promise_row *row;

	if (p->slot < 0 || p->recall != 0 || ino == 0)
		return false;
	if ((p->row_count + 1) * 3 > p->row_cap * 2 && !grow(p))
		return false;
	row = row_at(p, ino);
	if (row->ino == 0 && p->row_count >= ROWS_MAX) {
		recall_all(s, NULL);
		return false;
	}
	p->row_count += row->ino == 0;
	row->ino = ino;
	if (row->what == 0)
		p->bucket_rows[promise_bucket(ino)]++;
	row->what |= what;
	if (what & PROMISE_NAMES)
		row->told_ns = 0;
	promise_note(s->args->promises, (unsigned)p->slot, ino);
	return true;
}

void
promises_try(struct session *s, struct promises_try *t)
{
	*t = (struct promises_try){.left = TRIES};
	if (s->promises.slot < 0 || s->promises.recall != 0)
		return;
	t->ms = promises_renew(s);
	t->commit = store_last_commit(s->store);
}

/* Somebody took a lease since the request was let in: what was read may be old soon. */
static bool
is_leased(struct session *s, uint64_t ino)
{
	struct promise_table *t = s->args->promises;
	struct promise_set set = {{0}};

	if (!promise_leases_others(t, s->promises.slot))
		return false;
	promise_lease_holders(t, ino, &set);
	return promise_next_other(t, &set, 0, s->promises.slot, &s->promises.client) >= 0;
}

void
promises_try_add(struct session *s, struct promises_try *t, uint64_t ino, unsigned what)
{
	if (t->ms != 0 && (!promises_add(s, ino, what) || is_leased(s, ino)))
		t->ms = 0;
}

bool
promises_try_again(struct session *s, struct promises_try *t)
{
	uint64_t commit = t->ms != 0 ? store_last_commit(s->store) : 0;

	if (t->ms == 0 || commit == t->commit)
		return false;
	t->commit = commit;
	if (--t->left > 0)
		return true;
	t->ms = 0;
	return false;
}

/* ---- taking back */

/* Whether the client may still be at forgetting it. */
static bool
is_being_ended(const struct promises *p, uint64_t ino)
{
	const struct promise_push *e = p->pushes;

	while (e && e->ino != ino && e->ino != 0)
		e = e->next;
	return e != NULL;
}

/* One thing that was changed; pushes what the client was promised of it. */
static void
end_one(struct session *s, const struct promise_record *r, struct promise_question *q)
{
	struct promise_row *row = find_row(&s->promises, r->ino);
	struct m_invalidate_push m = {.ino = r->ino, .name = r->name};
	unsigned hit = row ? row->what & r->what : 0;
	uint64_t now = now_mono_ns();

	if (hit & PROMISE_NAMES) {
		m.what |= PROMISE_NAMES | 4;
		row->told_ns = row->told_ns ? row->told_ns : now;
		if (r->name.len > 0 && now - row->told_ns < NAMES_ONE_BY_ONE * s->conf->promise_ms *
								(uint64_t)NS_PER_MS)
			hit &= ~(unsigned)PROMISE_NAMES; /* of the other names it stays */
		else
			m.name.len = 0;
	}
	m.what |= hit & PROMISE_ATTR;
	/* It is not promised any more, and yet perhaps still trusted: that the client is told again orders it. */
	if (m.what == 0 && is_being_ended(&s->promises, r->ino))
		m.what = r->what & PROMISE_NAMES ? r->what | 4u : r->what;
	if (m.what == 0)
		return;
	if (hit != 0)
		end_promise(s, row, hit);
	push(s, &m, q, true);
}

void
promises_asked(struct session *s, const struct hub_msg *m)
{
	struct promises *p = &s->promises;
	struct str rest = {.p = (const char *)m->promise.changed, .len = m->promise.len};
	struct promise_question *q;
	struct promise_record r;

	if (p->slot < 0 || m->promise.len > HUB_PROMISE_MAX)
		return;
	/* Who was there before under this address is not this session's to answer for. */
	if (m->pid != 0 &&
	    promise_look(s->args->promises, (unsigned)p->slot).owner != m->promise.holder)
		return;
	q = calloc(1, sizeof(*q));
	if (!q) {
		session_end(s, CFS_ENOMEM);
		return;
	}
	*q = (struct promise_question){
	    .from = m->pid, .ticket = m->promise.ticket, .holder = m->promise.holder, .left = 1};
	while (promise_record_next(&rest, &r)) {
		if (r.what == PROMISE_LEASE) {
			recall_leases(s, q);
		} else if (r.ino == 0) {
			recall_all(s, q);
		} else {
			end_one(s, &r, q);
			clear_bit(s, r.ino);
		}
	}
	if (q->left == 1)
		answer(s, q->from, q->ticket, q->holder);
	question_done(q);
}

void
promises_end_own(struct session *s, uint64_t ino, bool tell)
{
	struct m_invalidate_push m = {.ino = ino, .what = PROMISE_ATTR};
	struct promise_row *row = find_row(&s->promises, ino);

	if (!row || !(row->what & PROMISE_ATTR))
		return;
	end_promise(s, row, PROMISE_ATTR);
	if (tell)
		push(s, &m, NULL, false);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* After the commit: who is asked, and the answers that wait. What a change changes is in promise_keys.c. */

#include "server/promise_changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "server/durable.h"
#include "server/hublink.h"
#include "server/promise_key.h"
#include "server/promise_table.h"
#include "server/reply.h"

/* A question may be lost where a process is too busy to take messages; it is asked again. */
#define ASK_AGAIN_NS (500 * (uint64_t)NS_PER_MS)

/* One question to one holder. */
struct promise_ask {
	struct promise_ask *next;
	unsigned slot;
	struct promise_holder holder;
	uint64_t asked_ns;
	struct hub_msg msg;
};

/* Answers of one transaction. */
struct promise_wait {
	struct promise_wait *next;
	struct promise_ask *asks; /* not answered */
	struct buf now, durable;
	unsigned now_count, durable_count;
	uint64_t since_ns;
};

static void
free_wait(struct promise_wait *w)
{
	while (w->asks) {
		struct promise_ask *a = w->asks;

		w->asks = a->next;
		free(a);
	}
	buf_fini(&w->now);
	buf_fini(&w->durable);
	free(w);
}

void
promise_changes_fini(struct session *s)
{
	struct promise_changes *c = &s->changed;

	while (c->waits) {
		struct promise_wait *w = c->waits;

		c->waits = w->next;
		free_wait(w);
	}
	buf_fini(&c->keys);
	buf_fini(&c->names);
}

/* ---- asking */

static void
send_ask(struct session *s, struct promise_ask *a)
{
	a->asked_ns = now_mono_ns();
	a->msg.pid = a->holder.address;
	hublink_promise(s, &a->msg);
}

static struct promise_ask *
add_ask(struct session *s, struct promise_wait *w, unsigned slot,
	const struct promise_holder *holder)
{
	struct promise_ask *a = calloc(1, sizeof(*a));

	if (!a) {
		session_end(s, CFS_ENOMEM);
		return NULL;
	}
	a->slot = slot;
	a->holder = *holder;
	a->msg.kind = HUB_PROMISE_ASK;
	a->msg.promise.ticket = ++s->changed.last_ticket;
	a->msg.promise.holder = holder->owner;
	a->next = w->asks;
	w->asks = a;
	return a;
}

/* Puts one record into the holder's last question, or the next. */
static struct promise_ask *
add_record(struct session *s, struct promise_wait *w, struct promise_ask *a,
	   const struct promise_record *r, unsigned slot, const struct promise_holder *holder)
{
	if (!a || a->msg.promise.len + promise_record_size(r) > HUB_PROMISE_MAX)
		a = add_ask(s, w, slot, holder);
	if (!a)
		return NULL;
	promise_record_put(a->msg.promise.changed + a->msg.promise.len, r);
	a->msg.promise.len += (uint32_t)promise_record_size(r);
	return a;
}

/* All that concerns one slot. */
static void
ask_slot(struct session *s, struct promise_wait *w, unsigned slot)
{
	const struct promise_table *t = s->args->promises;
	struct promise_holder holder = promise_look(t, slot);
	struct promise_ask *a = NULL;
	struct promise_record r = {0};

	if (holder.owner == 0 || holder.until_ns == 0)
		return;
	/* An earlier connection of the same client: it knows what it does itself. */
	if (s->promises.slot >= 0 && id128_equal(&holder.client, &s->promises.client))
		return;
	if (s->changed.everything) {
		(void)add_record(s, w, NULL, &r, slot, &holder);
		return;
	}
	for (unsigned i = 0; i < s->changed.count; i++) {
		struct promise_set set = {{0}};

		r = promise_key_record(&s->changed, i);
		promise_holders(t, r.ino, &set);
		if (set.bits[slot / 64] >> slot % 64 & 1)
			a = add_record(s, w, a, &r, slot, &holder);
	}
}

static void
ask_all(struct session *s, struct promise_wait *w)
{
	const struct promise_table *t = s->args->promises;
	struct promise_set set = {{0}};

	if (s->changed.everything)
		promise_everybody(t, &set);
	for (unsigned i = 0; i < s->changed.count; i++)
		promise_holders(t, promise_key_record(&s->changed, i).ino, &set);
	for (unsigned slot = 0; slot < PROMISE_SLOTS; slot++) {
		if (slot % 64 == 0 && set.bits[slot / 64] == 0)
			slot += 63;
		else if ((int)slot != s->promises.slot && set.bits[slot / 64] >> slot % 64 & 1)
			ask_slot(s, w, slot);
	}
	for (struct promise_ask *a = w->asks; a; a = a->next)
		send_ask(s, a);
}

/*
 * The client's own promises on what it does not know that it changed. What its answer says needs no push, unless the answer is yet
 * to wait: until then others may change the inode too, and would not ask whom nothing is promised.
 */
static void
tell_own(struct session *s, bool answers_wait)
{
	for (unsigned i = 0; i < s->changed.count && s->promises.slot >= 0; i++) {
		const struct promise_key *k = promise_key_at(&s->changed, i);

		if (k->own != OWN_KNOWS)
			promises_end_own(s, k->ino, k->own == OWN_TOLD || answers_wait);
	}
}

bool
promise_changes_settle(struct session *s, struct buf *now, unsigned now_count, struct buf *durable,
		       unsigned durable_count)
{
	struct promise_changes *c = &s->changed;
	struct promise_wait *w = NULL;

	if (!s->args->promises)
		return false;
	if (promise_others(s->args->promises, s->promises.slot)) {
		/* Who came while something went unnoted cannot be told what. */
		c->everything = c->everything || c->missed;
		w = c->count > 0 || c->everything ? calloc(1, sizeof(*w)) : NULL;
	}
	if (w)
		ask_all(s, w);
	tell_own(s, durable_count > 0 || (w && w->asks));
	promise_changes_forget(s);
	if (!w || !w->asks) {
		free(w);
		return false;
	}
	w->since_ns = now_mono_ns();
	w->now = *now;
	w->durable = *durable;
	w->now_count = now_count;
	w->durable_count = durable_count;
	buf_init(now);
	buf_init(durable);
	w->next = c->waits;
	c->waits = w;
	c->waiting += now_count + durable_count;
	return true;
}

/* ---- waiting */

/* Lets the answers out that nobody is waited for any more. */
static void
finish_waits(struct session *s)
{
	struct promise_wait **at = &s->changed.waits;

	while (*at) {
		struct promise_wait *w = *at;

		if (w->asks) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		s->changed.waiting -= w->now_count + w->durable_count;
		reply_frames(s, &w->now);
		if (w->durable_count > 0)
			durable_add(s, &w->durable, w->durable_count);
		free_wait(w);
	}
}

void
promise_changes_answered(struct session *s, const struct hub_msg *m)
{
	for (struct promise_wait *w = s->changed.waits; w; w = w->next) {
		struct promise_ask **at = &w->asks, *a;

		while (*at && ((*at)->msg.promise.ticket != m->promise.ticket ||
			       (*at)->holder.owner != m->promise.holder))
			at = &(*at)->next;
		a = *at;
		if (!a)
			continue;
		*at = a->next;
		free(a);
		break;
	}
	finish_waits(s);
}

uint64_t
promise_changes_timer(const struct session *s)
{
	uint64_t t = UINT64_MAX;

	for (const struct promise_wait *w = s->changed.waits; w; w = w->next) {
		for (const struct promise_ask *a = w->asks; a; a = a->next)
			t = min_u64(t, min_u64(a->asked_ns + ASK_AGAIN_NS, a->holder.until_ns));
	}
	return t;
}

/* One question; true when nothing is to be waited for. */
static bool
look_again(struct session *s, struct promise_ask *a, uint64_t now)
{
	if (promise_is_over(s->args->promises, a->slot, &a->holder, now)) {
		log_info("%s: gave up waiting for a client with read promises",
			 s->args->peer.address);
		return true;
	}
	/* It may have been renewed since. */
	a->holder.until_ns = promise_look(s->args->promises, a->slot).until_ns;
	if (now >= a->asked_ns + ASK_AGAIN_NS)
		send_ask(s, a);
	return false;
}

void
promise_changes_run(struct session *s)
{
	uint64_t now = now_mono_ns();

	if (!s->changed.waits || now < promise_changes_timer(s))
		return;
	for (struct promise_wait *w = s->changed.waits; w; w = w->next) {
		for (struct promise_ask **at = &w->asks; *at;) {
			struct promise_ask *a = *at;

			if (!look_again(s, a, now)) {
				at = &a->next;
				continue;
			}
			*at = a->next;
			free(a);
		}
	}
	finish_waits(s);
}

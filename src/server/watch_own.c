/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Which events a connection's own changes made. Nothing in the table says so, and need not: the session that commits them
 * is the one that pushes them. A run ends where somebody else's event comes between, so one who works alone has one run.
 */

#include "server/watch.h"

#include "base/bytes.h"

/* Asked for with this bit of the filter. */
#define FILTER_OTHERS 8u

static bool
wants_others_only(const struct session *s)
{
	return s->watch.on && (s->watch.filter & FILTER_OTHERS) != 0;
}

void
watch_own_added(struct session *s, uint64_t id)
{
	struct watch_own *o = &s->watch.own;

	if (!wants_others_only(s) || id == 0)
		return;
	/* What lies between two of them is of this transaction too, which nobody else writes in. */
	if (o->added_first == 0)
		o->added_first = id;
	o->added_last = id;
}

void
watch_own_undone(struct session *s)
{
	s->watch.own.added_first = s->watch.own.added_last = 0;
}

void
watch_own_committed(struct session *s)
{
	struct watch_own *o = &s->watch.own;
	unsigned newest;

	if (o->added_first == 0)
		return;
	newest = (o->head + o->count + ARRAY_SIZE(o->runs) - 1) % ARRAY_SIZE(o->runs);
	if (o->count > 0 && o->runs[newest].last + 1 == o->added_first) {
		o->runs[newest].last = o->added_last;
	} else {
		/* A reader that is so far behind is told of the oldest as if it were another's. */
		if (o->count == ARRAY_SIZE(o->runs)) {
			o->head = (o->head + 1) % ARRAY_SIZE(o->runs);
			o->count--;
		}
		newest = (o->head + o->count++) % ARRAY_SIZE(o->runs);
		o->runs[newest].first = o->added_first;
		o->runs[newest].last = o->added_last;
	}
	watch_own_undone(s);
	/* What rings for others rings here too; watch_run() is next anyway. */
	watch_rung(s);
}

bool
watch_is_own(const struct session *s, uint64_t id)
{
	const struct watch_own *o = &s->watch.own;

	for (unsigned i = 0; i < o->count; i++) {
		unsigned at = (o->head + i) % ARRAY_SIZE(o->runs);

		if (id <= o->runs[at].last)
			return id >= o->runs[at].first;
	}
	return false;
}

uint64_t
watch_skip_own(struct session *s, uint64_t cursor)
{
	struct watch_own *o = &s->watch.own;

	while (o->count > 0 && o->runs[o->head].first <= cursor + 1) {
		cursor = max_u64(cursor, o->runs[o->head].last);
		o->head = (o->head + 1) % ARRAY_SIZE(o->runs);
		o->count--;
	}
	return cursor;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/locktable.h"

#include <stdlib.h>

#include "base/err.h"

#define BUCKETS       4096u
/* Owners that are looked at for a circle of waits. */
#define CIRCLE_OWNERS 64u

struct holder {
	struct holder *next;
	struct lock_party *party;
	uint64_t owner, pid;
	enum lock_kind kind;
	struct ranges ranges;
};

/* An inode that somebody holds or waits for. */
struct locked {
	struct locked *next; /* in its bucket */
	uint64_t ino;
	struct holder *holders;
	size_t waits;
};

struct waiting {
	struct waiting *next, **prev;
	struct locked *file;
	struct lock_party *party;
	struct lock_ask ask;
	uint64_t ticket;
};

struct locktable {
	struct lock_limits limits;
	lock_end_fn *end;
	void *arg;
	size_t ranges, waits;
	struct waiting *first, **last; /* of all inodes, in the order of coming */
	struct locked *buckets[BUCKETS];
};

struct locktable *
locktable_new(const struct lock_limits *limits, lock_end_fn *end, void *arg)
{
	struct locktable *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->limits = *limits;
	t->end = end;
	t->arg = arg;
	t->last = &t->first;
	return t;
}

void
locktable_free(struct locktable *t)
{
	if (t == NULL)
		return;
	for (size_t b = 0; b < BUCKETS; b++) {
		for (struct locked *f = t->buckets[b], *next; f != NULL; f = next) {
			next = f->next;
			for (struct holder *h = f->holders, *after; h != NULL; h = after) {
				after = h->next;
				ranges_fini(&h->ranges);
				free(h);
			}
			free(f);
		}
	}
	for (struct waiting *w = t->first, *next; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	free(t);
}

size_t
locktable_count(const struct locktable *t)
{
	return t->ranges;
}

/* ---- inodes and holders */

static size_t
bucket_of(uint64_t ino)
{
	return (size_t)((ino ^ ino >> 20) % BUCKETS);
}

static struct locked *
find_file(const struct locktable *t, uint64_t ino)
{
	struct locked *f = t->buckets[bucket_of(ino)];

	while (f != NULL && f->ino != ino)
		f = f->next;
	return f;
}

static struct locked *
make_file(struct locktable *t, uint64_t ino)
{
	struct locked *f = find_file(t, ino);
	struct locked **bucket = &t->buckets[bucket_of(ino)];

	if (f != NULL)
		return f;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->ino = ino;
	f->next = *bucket;
	*bucket = f;
	return f;
}

static void
drop_file_if_unused(struct locktable *t, struct locked *f)
{
	struct locked **at = &t->buckets[bucket_of(f->ino)];

	if (f->holders != NULL || f->waits > 0)
		return;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f);
}

static bool
is_of(const struct holder *h, const struct lock_party *party, const struct lock_ask *ask)
{
	return h->party == party && h->owner == ask->owner && h->kind == ask->kind;
}

static struct holder **
find_holder(struct locked *f, const struct lock_party *party, const struct lock_ask *ask)
{
	struct holder **at = &f->holders;

	while (*at != NULL && !is_of(*at, party, ask))
		at = &(*at)->next;
	return at;
}

/* What of a holder's is in the way, or NULL. */
static const struct range *
in_the_way(const struct holder *h, const struct lock_party *party, const struct lock_ask *ask)
{
	if (ask->type == RANGE_NONE || h->kind != ask->kind || is_of(h, party, ask))
		return NULL;
	return ranges_find(&h->ranges, ask->start, ask->end,
			   ask->type == RANGE_WRITE ? RANGE_READ : RANGE_WRITE);
}

static bool
is_blocked(const struct locked *f, const struct lock_party *party, const struct lock_ask *ask)
{
	const struct holder *h = f->holders;

	while (h != NULL && in_the_way(h, party, ask) == NULL)
		h = h->next;
	return h != NULL;
}

/* ---- setting */

/* By how many ranges a change makes the list longer at most. */
static size_t
growth(const struct ranges *r, const struct lock_ask *ask)
{
	const struct range *at = ranges_find(r, ask->start, ask->end, RANGE_READ);
	bool splits = at != NULL && at->start < ask->start && at->end > ask->end;

	if (ask->type == RANGE_NONE)
		return splits;
	return 1 + splits;
}

static bool
has_room(const struct locktable *t, const struct lock_party *party, size_t more)
{
	return more == 0 || (party->ranges + more <= t->limits.party_ranges &&
			     *party->user_ranges + more <= t->limits.user_ranges &&
			     t->ranges + more <= t->limits.all_ranges);
}

static void
count(struct locktable *t, struct lock_party *party, size_t before, size_t after)
{
	t->ranges += after - before;
	party->ranges += after - before;
	*party->user_ranges += after - before;
}

static void
drop_holder(struct locktable *t, struct holder **at)
{
	struct holder *h = *at;

	count(t, h->party, h->ranges.count, 0);
	*at = h->next;
	ranges_fini(&h->ranges);
	free(h);
}

/* Nobody is in the way. */
static int
apply(struct locktable *t, struct locked *f, struct lock_party *party, const struct lock_ask *ask)
{
	static const struct ranges none;
	struct holder **at = find_holder(f, party, ask), *h = *at;
	size_t before = h != NULL ? h->ranges.count : 0;

	if (h == NULL && ask->type == RANGE_NONE)
		return 0;
	if (!has_room(t, party, growth(h != NULL ? &h->ranges : &none, ask)))
		return CFS_ENOLCK;
	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			return CFS_ENOLCK;
		h->party = party;
		h->owner = ask->owner;
		h->kind = ask->kind;
		*at = h;
	}
	h->pid = ask->pid;
	if (ranges_set(&h->ranges, ask->start, ask->end, ask->type)) {
		if (h->ranges.count == 0)
			drop_holder(t, at);
		return CFS_ENOLCK;
	}
	count(t, party, before, h->ranges.count);
	if (h->ranges.count == 0)
		drop_holder(t, at);
	return 0;
}

static void
remove_waiting(struct locktable *t, struct waiting *w)
{
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	else
		t->last = w->prev;
	t->waits--;
	w->party->waits--;
	w->file->waits--;
	free(w);
}

/* Gives those what they wait for who can have it now. Whoever gets something may thereby let go of something else. */
static void
serve_waiting(struct locktable *t, struct locked *f)
{
	struct waiting *w = t->first;

	/* remove_waiting() takes it off the list: NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (w != NULL && f->waits > 0) {
		struct lock_party *party = w->party;
		uint64_t ticket = w->ticket;
		int status;

		if (w->file != f || is_blocked(f, party, &w->ask)) {
			w = w->next;
			continue;
		}
		status = apply(t, f, party, &w->ask);
		remove_waiting(t, w);
		t->end(t->arg, party, ticket, status);
		w = t->first;
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

/* ---- circles of waits */

struct circle {
	struct {
		const struct lock_party *party;
		uint64_t owner;
	} seen[CIRCLE_OWNERS];
	size_t count;
};

static void
see(struct circle *c, const struct locked *f, const struct lock_party *party,
    const struct lock_ask *ask)
{
	for (const struct holder *h = f->holders; h != NULL && c->count < CIRCLE_OWNERS;
	     h = h->next) {
		size_t i = 0;

		if (in_the_way(h, party, ask) == NULL)
			continue;
		while (i < c->count &&
		       (c->seen[i].party != h->party || c->seen[i].owner != h->owner))
			i++;
		if (i < c->count)
			continue;
		c->seen[i].party = h->party;
		c->seen[i].owner = h->owner;
		c->count++;
	}
}

/* Whether one of those in the way waits, over however many others, for the one who asks. */
static bool
closes_circle(const struct locktable *t, const struct locked *f, const struct lock_party *party,
	      const struct lock_ask *ask)
{
	struct circle c = {.count = 0};

	see(&c, f, party, ask);
	for (size_t i = 0; i < c.count; i++) {
		if (c.seen[i].party == party && c.seen[i].owner == ask->owner)
			return true;
		for (const struct waiting *w = t->first; w != NULL; w = w->next) {
			if (w->ask.kind == LOCK_BYTES && w->party == c.seen[i].party &&
			    w->ask.owner == c.seen[i].owner)
				see(&c, w->file, w->party, &w->ask);
		}
	}
	return false;
}

static int
begin_waiting(struct locktable *t, struct locked *f, struct lock_party *party,
	      const struct lock_ask *ask, uint64_t ticket)
{
	struct waiting *w;

	if (ask->kind == LOCK_BYTES && closes_circle(t, f, party, ask))
		return CFS_EDEADLK;
	if (party->waits >= t->limits.party_waits || t->waits >= t->limits.all_waits)
		return CFS_ENOLCK;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return CFS_ENOLCK;
	*w = (struct waiting){
	    .prev = t->last, .file = f, .party = party, .ask = *ask, .ticket = ticket};
	*t->last = w;
	t->last = &w->next;
	t->waits++;
	party->waits++;
	f->waits++;
	return LOCK_WAITS;
}

/* flock(2): to write, what was held to read is given back first, or two who both want more would wait for each other. */
static void
give_back_whole(struct locktable *t, struct locked *f, const struct lock_party *party,
		const struct lock_ask *ask)
{
	struct holder **at = find_holder(f, party, ask);

	if (*at == NULL || (*at)->ranges.at[0].type >= ask->type)
		return;
	drop_holder(t, at);
	serve_waiting(t, f);
}

int
locktable_set(struct locktable *t, struct lock_party *party, const struct lock_ask *ask, bool wait,
	      uint64_t ticket)
{
	struct locked *f =
	    ask->type == RANGE_NONE ? find_file(t, ask->ino) : make_file(t, ask->ino);
	int rc;

	if (f == NULL)
		return ask->type == RANGE_NONE ? 0 : CFS_ENOLCK;
	if (ask->kind == LOCK_WHOLE)
		give_back_whole(t, f, party, ask);
	if (!is_blocked(f, party, ask))
		rc = apply(t, f, party, ask);
	else
		rc = wait ? begin_waiting(t, f, party, ask, ticket) : CFS_EHELD;
	if (rc == 0)
		serve_waiting(t, f);
	drop_file_if_unused(t, f);
	return rc;
}

/* ---- looking */

bool
locktable_test(const struct locktable *t, const struct lock_party *party,
	       const struct lock_ask *ask, struct lock_ask *found, const struct lock_party **whose)
{
	const struct locked *f = find_file(t, ask->ino);

	for (const struct holder *h = f != NULL ? f->holders : NULL; h != NULL; h = h->next) {
		const struct range *r = in_the_way(h, party, ask);

		if (r == NULL)
			continue;
		*found = (struct lock_ask){.ino = ask->ino,
					   .owner = h->owner,
					   .kind = h->kind,
					   .type = r->type,
					   .start = r->start,
					   .end = r->end,
					   .pid = h->pid};
		*whose = h->party;
		return true;
	}
	return false;
}

bool
locktable_holds(const struct locktable *t, const struct lock_party *party,
		const struct lock_ask *ask)
{
	struct locked *f = find_file(t, ask->ino);
	const struct holder *h = f != NULL ? *find_holder(f, party, ask) : NULL;

	return h != NULL && ranges_cover(&h->ranges, ask->start, ask->end, ask->type);
}

/* ---- going */

bool
locktable_cancel(struct locktable *t, struct lock_party *party, uint64_t ticket)
{
	for (struct waiting *w = t->first; w != NULL; w = w->next) {
		struct locked *f = w->file;

		if (w->party != party || w->ticket != ticket)
			continue;
		remove_waiting(t, w);
		drop_file_if_unused(t, f);
		return true;
	}
	return false;
}

void
locktable_cancel_all(struct locktable *t, struct lock_party *party)
{
	for (struct waiting *w = t->first, *next; w != NULL && party->waits > 0; w = next) {
		struct locked *f = w->file;

		next = w->next;
		if (w->party != party)
			continue;
		remove_waiting(t, w);
		drop_file_if_unused(t, f);
	}
}

static void
drop_from_file(struct locktable *t, struct locked *f, const struct lock_party *party)
{
	struct holder **at = &f->holders;

	while (*at != NULL) {
		if ((*at)->party == party)
			drop_holder(t, at);
		else
			at = &(*at)->next;
	}
	serve_waiting(t, f);
	drop_file_if_unused(t, f);
}

void
locktable_drop(struct locktable *t, struct lock_party *party)
{
	locktable_cancel_all(t, party);
	for (size_t b = 0; b < BUCKETS && party->ranges > 0; b++) {
		for (struct locked *f = t->buckets[b], *next; f != NULL; f = next) {
			next = f->next;
			drop_from_file(t, f, party);
		}
	}
}

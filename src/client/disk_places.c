/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/disk_places.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

int
places_init(struct places *p, uint32_t count)
{
	uint32_t buckets = 256;

	while (buckets < count && buckets < UINT32_C(1) << 30)
		buckets *= 2;
	*p = (struct places){.count = count, .mask = buckets - 1};
	p->all = calloc(count, sizeof(*p->all));
	p->buckets = malloc(buckets * sizeof(*p->buckets));
	p->hints = malloc(PLACE_HINTS * sizeof(*p->hints));
	if (p->all == NULL || p->buckets == NULL || p->hints == NULL) {
		places_fini(p);
		return CFS_ENOMEM;
	}
	places_clear(p);
	return 0;
}

void
places_fini(struct places *p)
{
	free(p->all);
	free(p->buckets);
	free(p->hints);
	*p = (struct places){0};
}

void
places_clear(struct places *p)
{
	uint32_t *end = &p->free;

	for (uint32_t i = 0; i <= p->mask; i++)
		p->buckets[i] = PLACE_NONE;
	memset(p->hints, 0, PLACE_HINTS * sizeof(*p->hints));
	p->oldest = p->newest = PLACE_NONE;
	for (uint32_t i = 0; i < p->count; i++) {
		struct place *a = &p->all[i];

		a->turn++;
		if (a->state == PLACE_TAKEN)
			continue;
		a->state = PLACE_FREE;
		*end = i;
		end = &a->next;
	}
	*end = PLACE_NONE;
}

/* ---- by key */

/* Ids are random. */
static uint32_t *
bucket_of(const struct places *p, const struct id128 *blob, uint32_t part)
{
	uint32_t h = load_le32(blob->b) ^ part * UINT32_C(0x9e3779b1);

	return &p->buckets[(h ^ h >> 15) & p->mask];
}

static uint32_t *
hint_of(const struct places *p, uint64_t ino)
{
	return &p->hints[(ino * UINT64_C(0x9e3779b97f4a7c15) >> 32) % PLACE_HINTS];
}

uint32_t
places_find(const struct places *p, uint64_t scope, const struct id128 *blob, uint32_t part)
{
	uint32_t at = *bucket_of(p, blob, part);

	while (at != PLACE_NONE) {
		const struct disk_record *r = &p->all[at].r;

		if (r->part == part && r->scope == scope && id128_equal(&r->blob, blob))
			break;
		at = p->all[at].next;
	}
	return at;
}

static void
add_key(struct places *p, uint32_t at)
{
	struct place *a = &p->all[at];
	uint32_t *bucket = bucket_of(p, &a->r.blob, a->r.part);

	a->next = *bucket;
	*bucket = at;
	++*hint_of(p, a->r.ino);
}

static void
remove_key(struct places *p, uint32_t at)
{
	const struct place *a = &p->all[at];
	uint32_t *next = bucket_of(p, &a->r.blob, a->r.part);

	while (*next != at)
		next = &p->all[*next].next;
	*next = a->next;
	--*hint_of(p, a->r.ino);
}

bool
places_know(const struct places *p, uint64_t ino)
{
	return *hint_of(p, ino) > 0;
}

/* ---- by use */

static void
add_newest(struct places *p, uint32_t at)
{
	struct place *a = &p->all[at];

	a->newer = PLACE_NONE;
	a->older = p->newest;
	*(p->newest != PLACE_NONE ? &p->all[p->newest].newer : &p->oldest) = at;
	p->newest = at;
}

static void
remove_use(struct places *p, uint32_t at)
{
	const struct place *a = &p->all[at];

	*(a->older != PLACE_NONE ? &p->all[a->older].newer : &p->oldest) = a->newer;
	*(a->newer != PLACE_NONE ? &p->all[a->newer].older : &p->newest) = a->older;
}

void
places_use(struct places *p, uint32_t at)
{
	struct place *a = &p->all[at];

	a->r.used = ++p->clock;
	a->touched = true;
	remove_use(p, at);
	add_newest(p, at);
}

/* ---- changes */

static void
let_go(struct places *p, uint32_t at)
{
	remove_key(p, at);
	remove_use(p, at);
	p->all[at].turn++;
}

uint32_t
places_take(struct places *p)
{
	uint32_t at = p->free != PLACE_NONE ? p->free : p->oldest;

	if (at == PLACE_NONE)
		return at;
	if (at == p->free)
		p->free = p->all[at].next;
	else
		let_go(p, at);
	p->all[at].state = PLACE_TAKEN;
	return at;
}

void
places_hold(struct places *p, uint32_t at, const struct disk_record *r)
{
	struct place *a = &p->all[at];

	a->r = *r;
	a->state = PLACE_HELD;
	a->touched = false;
	add_key(p, at);
	add_newest(p, at);
}

void
places_free(struct places *p, uint32_t at)
{
	struct place *a = &p->all[at];

	if (a->state == PLACE_HELD)
		let_go(p, at);
	a->state = PLACE_FREE;
	a->next = p->free;
	p->free = at;
}

/* ---- from the file */

void
places_note(struct places *p, uint32_t at, const struct disk_record *r)
{
	struct place *a = &p->all[at];

	if (a->state != PLACE_FREE || places_find(p, r->scope, &r->blob, r->part) != PLACE_NONE)
		return;
	a->r = *r;
	a->state = PLACE_HELD;
	add_key(p, at);
	if (r->used > p->clock)
		p->clock = r->used;
}

/* qsort() has no argument for its comparison. */
struct by_use {
	uint64_t used;
	uint32_t at;
};

static int
compare_use(const void *a, const void *b)
{
	const struct by_use *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used;
}

int
places_settle(struct places *p)
{
	struct by_use *list = malloc(p->count * sizeof(*list));
	uint32_t n = 0, *end = &p->free;

	if (list == NULL)
		return CFS_ENOMEM;
	for (uint32_t i = 0; i < p->count; i++) {
		struct place *a = &p->all[i];

		if (a->state == PLACE_HELD) {
			list[n++] = (struct by_use){.used = a->r.used, .at = i};
		} else if (a->state == PLACE_FREE) {
			*end = i;
			end = &a->next;
		}
	}
	*end = PLACE_NONE;
	qsort(list, n, sizeof(*list), compare_use);
	for (uint32_t i = 0; i < n; i++)
		add_newest(p, list[i].at);
	free(list);
	return 0;
}

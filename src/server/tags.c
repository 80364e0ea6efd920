/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/tags.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/rand.h"

#define BUCKET_BITS 8u
#define BUCKETS     (1u << BUCKET_BITS)
#define TAGS_MAX    4096u /* finished ones remembered: 16 GiB of whole blobs */

struct tags {
	uint64_t secret; /* the client chooses the numbers, but not which of them share a bucket */
	struct tag *buckets[BUCKETS];
	struct tag *oldest, **newest;
	size_t count;
};

static size_t
bucket_of(const struct tags *t, uint64_t number)
{
	return (size_t)((number ^ t->secret) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BUCKET_BITS));
}

static struct tag **
bucket(struct tags *t, uint64_t number)
{
	return &t->buckets[bucket_of(t, number)];
}

struct tags *
tags_new(void)
{
	struct tags *t = calloc(1, sizeof(*t));

	if (t) {
		t->newest = &t->oldest;
		t->secret = rand_u64();
	}
	return t;
}

void
tags_free(struct tags *t)
{
	if (!t)
		return;
	while (t->oldest) {
		struct tag *tag = t->oldest;

		t->oldest = tag->next_older;
		free(tag);
	}
	free(t);
}

struct tag *
tags_find(const struct tags *t, uint64_t number)
{
	struct tag *tag = t->buckets[bucket_of(t, number)];

	while (tag && tag->number != number)
		tag = tag->next_same;
	return tag;
}

/* Forgets the oldest one, unless it is still under way. */
static void
drop_oldest(struct tags *t)
{
	struct tag *tag = t->oldest;
	struct tag **at;

	if (!tag || tag->status == CFS_EBUSY)
		return;
	at = bucket(t, tag->number);
	while (*at != tag)
		at = &(*at)->next_same;
	*at = tag->next_same;
	t->oldest = tag->next_older;
	if (!t->oldest)
		t->newest = &t->oldest;
	t->count--;
	free(tag);
}

int
tags_add(struct tags *t, uint64_t number, struct tag **out)
{
	struct tag *tag;

	if (number == 0 || tags_find(t, number))
		return CFS_EINVAL;
	tag = calloc(1, sizeof(*tag));
	if (!tag)
		return CFS_ENOMEM;
	if (t->count >= TAGS_MAX)
		drop_oldest(t);
	tag->number = number;
	tag->status = CFS_EBUSY;
	tag->next_same = *bucket(t, number);
	*bucket(t, number) = tag;
	*t->newest = tag;
	t->newest = &tag->next_older;
	t->count++;
	*out = tag;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/ranges.h"

#include <stdlib.h>

#include "base/err.h"

void
ranges_fini(struct ranges *r)
{
	free(r->at);
	*r = (struct ranges){0};
}

/* Appends to what is being made, as part of the range before if it goes on there. */
static void
add(struct ranges *out, uint64_t start, uint64_t end, enum range_type type)
{
	struct range *last = out->count > 0 ? &out->at[out->count - 1] : NULL;

	if (type == RANGE_NONE)
		return;
	if (last != NULL && last->type == type && last->end + 1 == start)
		last->end = end;
	else
		out->at[out->count++] = (struct range){start, end, type};
}

int
ranges_set(struct ranges *r, uint64_t start, uint64_t end, enum range_type type)
{
	struct ranges out = {.at = malloc((r->count + 2) * sizeof(struct range))};
	size_t i = 0;

	if (out.at == NULL)
		return CFS_ENOMEM;
	for (; i < r->count && r->at[i].end < start; i++)
		add(&out, r->at[i].start, r->at[i].end, r->at[i].type);
	if (i < r->count && r->at[i].start < start)
		add(&out, r->at[i].start, start - 1, r->at[i].type);
	add(&out, start, end, type);
	while (i < r->count && r->at[i].end <= end)
		i++;
	if (i < r->count && r->at[i].start <= end) {
		add(&out, end + 1, r->at[i].end, r->at[i].type);
		i++;
	}
	for (; i < r->count; i++)
		add(&out, r->at[i].start, r->at[i].end, r->at[i].type);
	ranges_fini(r);
	*r = out;
	if (r->count == 0)
		ranges_fini(r);
	return 0;
}

/* Where the first range is that ends at or behind an offset. */
static size_t
first_at(const struct ranges *r, uint64_t offset)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->at[middle].end < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct range *
ranges_find(const struct ranges *r, uint64_t start, uint64_t end, enum range_type type)
{
	for (size_t i = first_at(r, start); i < r->count && r->at[i].start <= end; i++) {
		if (r->at[i].type >= type)
			return &r->at[i];
	}
	return NULL;
}

bool
ranges_cover(const struct ranges *r, uint64_t start, uint64_t end, enum range_type type)
{
	for (size_t i = first_at(r, start); i < r->count && r->at[i].start <= start; i++) {
		if (r->at[i].type < type)
			return false;
		if (r->at[i].end >= end)
			return true;
		start = r->at[i].end + 1;
	}
	return false;
}

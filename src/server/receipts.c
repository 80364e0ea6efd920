/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/receipts.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define FILES_MAX  256 /* versions counted at a time */
#define RANGES_MAX 128 /* separate ranges of one version */

struct entry {
	struct receipt receipt;
	struct receipt_range *ranges; /* sorted, apart from each other */
	size_t count, cap;
};

struct receipts {
	struct entry entries[FILES_MAX];
	size_t count;
};

struct receipts *
receipts_new(void)
{
	return calloc(1, sizeof(struct receipts));
}

void
receipts_free(struct receipts *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++)
		free(r->entries[i].ranges);
	free(r);
}

bool
receipts_empty(const struct receipts *r)
{
	return r->count == 0;
}

void
receipt_fini(struct receipt *r)
{
	free(r->ranges);
	r->ranges = NULL;
	r->range_count = 0;
}

/* Takes an entry out with what is known of it. */
static struct receipt
take_entry(struct receipts *r, struct entry *e)
{
	struct receipt out = e->receipt;

	out.ranges = e->ranges;
	out.range_count = e->count;
	*e = r->entries[r->count - 1];
	r->count--;
	return out;
}

static size_t
oldest(const struct receipts *r)
{
	size_t found = 0;

	for (size_t i = 1; i < r->count; i++) {
		if (r->entries[i].receipt.last_ns < r->entries[found].receipt.last_ns)
			found = i;
	}
	return found;
}

uint64_t
receipts_oldest(const struct receipts *r)
{
	return r->entries[oldest(r)].receipt.last_ns;
}

static const struct entry *
find_const(const struct receipts *r, uint64_t ino, uint64_t version)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->entries[i].receipt.ino == ino && r->entries[i].receipt.version == version)
			return &r->entries[i];
	}
	return NULL;
}

bool
receipts_has(const struct receipts *r, uint64_t ino, uint64_t version)
{
	return find_const(r, ino, version) != NULL;
}

static struct entry *
find(struct receipts *r, uint64_t ino, uint64_t version)
{
	const struct entry *e = find_const(r, ino, version);

	return e ? &r->entries[e - r->entries] : NULL;
}

/* Adds [from, to), joining the ranges that it meets. false: too scattered, or no memory; nothing was changed then. */
static bool
add_range(struct entry *e, uint64_t from, uint64_t to)
{
	size_t first = 0, last;

	while (first < e->count && e->ranges[first].to < from)
		first++;
	last = first;
	while (last < e->count && e->ranges[last].from <= to) {
		from = min_u64(from, e->ranges[last].from);
		to = max_u64(to, e->ranges[last].to);
		last++;
	}
	if (first == last && e->count == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 4;
		struct receipt_range *grown;

		if (cap > RANGES_MAX)
			return false;
		grown = realloc(e->ranges, cap * sizeof(*grown));
		if (!grown)
			return false;
		e->ranges = grown;
		e->cap = cap;
	}
	memmove(&e->ranges[first + 1], &e->ranges[last],
		(e->count - last) * sizeof(struct receipt_range));
	e->ranges[first] = (struct receipt_range){.from = from, .to = to};
	e->count = e->count - (last - first) + 1;
	return true;
}

static uint64_t
covered(const struct entry *e)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->count; i++)
		sum += e->ranges[i].to - e->ranges[i].from;
	return sum;
}

bool
receipts_note(struct receipts *r, uint64_t ino, uint64_t version, uint64_t owner, uint64_t size,
	      uint64_t offset, uint64_t length, uint64_t now_ns, struct receipt *done_out,
	      struct receipt *evicted_out)
{
	struct entry *e = find(r, ino, version);

	*evicted_out = (struct receipt){0};
	if (!e) {
		if (r->count == FILES_MAX) {
			struct entry *old = &r->entries[oldest(r)];

			*evicted_out = take_entry(r, old);
		}
		e = &r->entries[r->count++];
		*e = (struct entry){.receipt = {.ino = ino,
						.version = version,
						.owner = owner,
						.size = size,
						.began_ns = now_ns}};
	}
	e->receipt.last_ns = now_ns;
	if (length > 0)
		(void)add_range(e, offset, offset + length);
	e->receipt.bytes = covered(e);
	if (e->receipt.bytes < e->receipt.size)
		return false;
	e->receipt.complete = true;
	*done_out = take_entry(r, e);
	receipt_fini(done_out);
	return true;
}

bool
receipts_take_idle(struct receipts *r, uint64_t before_ns, struct receipt *out)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->entries[i].receipt.last_ns <= before_ns) {
			*out = take_entry(r, &r->entries[i]);
			return true;
		}
	}
	return false;
}

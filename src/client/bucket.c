/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/bucket.h"

#include "base/time.h"

void
bucket_init(struct bucket *b, uint64_t rate)
{
	*b = (struct bucket){.rate = rate < INT64_MAX / 8 ? rate : 0, .last_ns = now_mono_ns()};
	b->tokens = (int64_t)(b->rate / 4);
}

bool
bucket_open(struct bucket *b, uint64_t now_ns)
{
	uint64_t past = now_ns > b->last_ns ? now_ns - b->last_ns : 0;

	if (b->rate == 0)
		return true;
	if (past > NS_PER_S)
		past = (uint64_t)NS_PER_S;
	/* In double, since rate * ns does not fit 64 bits for fast lines; a lost fraction of a byte is no matter. */
	int64_t more = (int64_t)((double)b->rate * (double)past / 1e9);
	if (more > 0) {
		b->tokens += more;
		b->last_ns = now_ns;
	}
	if (b->tokens > (int64_t)(b->rate / 4) + 1)
		b->tokens = (int64_t)(b->rate / 4) + 1;
	return b->tokens > 0;
}

void
bucket_take(struct bucket *b, size_t bytes)
{
	if (b->rate != 0)
		b->tokens -= (int64_t)bytes;
}

int
bucket_wait_ms(const struct bucket *b)
{
	if (b->rate == 0 || b->tokens > 0)
		return 0;

	double ms = (double)(1 - b->tokens) * 1000.0 / (double)b->rate;

	return ms > 1000.0 ? 1000 : (int)ms + 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/census.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"

#define KEEP_NS     (2 * (uint64_t)NS_PER_S)
#define KEEP_FACTOR 50

int
census_look(struct census *c, struct store *s, struct cfs_err *err)
{
	struct store_stats fresh;
	uint64_t before = now_mono_ns(), took;
	int rc;

	if (before < c->due_ns)
		return 0;
	rc = store_stats(s, &fresh, err);
	if (rc && !c->known)
		return rc;
	if (rc)
		log_warn("what is in the store: %s", err->text);
	else
		c->store = fresh;
	took = now_mono_ns() - before;
	c->known = true;
	c->due_ns = before + took + max_u64(KEEP_NS, took * KEEP_FACTOR);
	return 0;
}

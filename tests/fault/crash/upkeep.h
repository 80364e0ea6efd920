/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_UPKEEP_H
#define CFS_TESTS_FAULT_UPKEEP_H

/*
 * What goes on beside the model's changes: old versions are restored and pruned, content is read again, backups are made.
 * It touches no name that the model knows; the rules of the store hold for it all the same.
 */

#include "base/err.h"
#include "rng.h"
#include "store/types.h"

struct store;

struct upkeep {
	struct store *s;
	struct cred cred;
	struct id128 stream;
	uint64_t *next_ino;
	const char *path; /* of the store; a backup is made beside it */
};

/* Now and then one of these. Returns 0, or a code with err set; damage that a scrub finds is one. */
int upkeep_step(const struct upkeep *u, struct rng *rng, struct cfs_err *err);

#endif

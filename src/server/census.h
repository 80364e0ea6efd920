/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CENSUS_H
#define CFS_SERVER_CENSUS_H

/*
 * What is in the store, for whoever looks often. Adding it up reads much of the store, so an answer is kept for two seconds,
 * and for fifty times as long as it took.
 */

#include "store/store.h"

struct census {
	bool known;
	struct store_stats store;
	uint64_t due_ns;
};

/* Brings c up to date where it is due. Returns 0, also with what was known before, or a code when nothing is known. */
int census_look(struct census *c, struct store *s, struct cfs_err *err);

#endif

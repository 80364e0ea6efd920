/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_REPAIR_H
#define CFS_STORE_REPAIR_H

#include "base/err.h"

struct store;

typedef void repair_fn(void *arg, const char *done);

/*
 * Puts right what store_check() finds and what needs no guess, in one transaction (none may be open): others who want to
 * change something wait. report() for each kind of thing that was done. Returns the number of rows that were wrong, or a code.
 */
int store_repair(struct store *s, repair_fn *report, void *arg, struct cfs_err *err);

#endif

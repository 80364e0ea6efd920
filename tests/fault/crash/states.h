/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_STATES_H
#define CFS_TESTS_FAULT_STATES_H

/* Tries many crash states of one log, in several processes. */

#include "reel.h"

struct states {
	const struct reel *reel;
	enum disk_lie lie;
	uint64_t seed;         /* state number i is the same for the same log and seed */
	unsigned first, count; /* numbers of the states */
	unsigned jobs;
	const char *folder; /* for the states; theirs are made and removed below it */
	bool keep;          /* leave bad ones there */
};

/* Prints a line for each bad state. Returns how many there were, or -1 when it could not be done (said on stderr). */
int states_run(const struct states *s);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_CHECK_H
#define CFS_TESTS_FAULT_CHECK_H

/* Looks at a store that a crash left behind. */

#include "model.h"

/* Snapshots of what the store held after each step; [0] before the first. */
struct history {
	struct snapshot *steps;
	unsigned count;
};

#define CHECK_TEXT_MAX 512

/*
 * Opens the store at path as it is, and sees to it that
 *   - store_check() finds no fault;
 *   - it holds what it held after one of the steps first…last, in every byte of every file, with no name more or less;
 *   - the stream has counted exactly that step's changes;
 *   - with thorough: it takes a new change and the keeper's work, and is in order and the same after that.
 * Returns 0, or -1 and what is wrong in text.
 */
int check_store(const char *path, const struct history *h, unsigned first, unsigned last,
		bool thorough, char text[CHECK_TEXT_MAX]);

#endif

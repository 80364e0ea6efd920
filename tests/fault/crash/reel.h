/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_REEL_H
#define CFS_TESTS_FAULT_REEL_H

/* A recorded log in memory, and what its marks say. */

#include <stddef.h>

#include "check.h"
#include "disk.h"

struct reel {
	unsigned char *map;
	size_t size;
	size_t *at; /* where each record begins */
	size_t count;
	size_t start;           /* the record behind the mark "start" */
	struct history history; /* [n] after step n */
	struct moment {         /* after the record: steps begun and promised by then */
		unsigned begun, promised;
	} * moments;
};

/* Maps and reads a log. NULL, or what is wrong with it. */
const char *reel_open(const char *path, struct reel *out);
void reel_close(struct reel *r);

enum record_type reel_type(const struct reel *r, size_t i);

/* Plays record i into a disk. NULL, or what is wrong. */
const char *reel_play(const struct reel *r, size_t i, struct disk *d);

#endif

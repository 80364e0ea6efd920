/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PROMISE_TABLE_STATE_H
#define CFS_SERVER_PROMISE_TABLE_STATE_H

/* What promise_table.c, which makes the table, and promise_slots.c, which uses it, share. */

#include <stdatomic.h>

#include "server/promise_table.h"

struct slot {
	_Atomic uint64_t owner; /* a serial number and the address; 0: free */
	_Atomic uint64_t until_ns;
	struct id128 client; /* written before until_ns is first set */
	_Atomic uint32_t dead;
	_Atomic uint32_t any;  /* a ghost of an earlier daemon, whose bits are lost */
	_Atomic uint64_t user; /* whose client it is */
	uint64_t spare[2];     /* to a cache line */
};

/* Users who share a place here are blamed for each other, which costs them speed and nothing else. */
#define PROMISE_BLAMED 256u

/* The file. */
struct slots {
	uint64_t magic;
	char boot[40]; /* that the times belong to */
	_Atomic uint64_t serial;
	_Atomic uint32_t used, ghosts;
	struct slot slot[PROMISE_SLOTS];
	_Atomic uint64_t leased[PROMISE_WORDS]; /* a bit for each slot whose client has leases */
	_Atomic uint64_t blamed_ns[PROMISE_BLAMED]; /* when a user's lease was waited for in vain */
};

struct bucket {
	_Atomic uint64_t word[PROMISE_WORDS];
};

struct promise_table {
	struct slots *s;
	struct bucket *b;      /* of promises */
	struct bucket *leases; /* behind them, in the same file */
	int slots_fd, bits_fd; /* -1 in a process that joined */
};

#endif

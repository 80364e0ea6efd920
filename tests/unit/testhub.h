/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_TESTHUB_H
#define CFS_TESTS_TESTHUB_H

/*
 * A thread that is to sessions of a test what the hub is: it has one end of a socket for each and reads what they send. What it does with
 * that is its owner's (minihub.h, lockhub.h). Helpers assert.
 */

#include <pthread.h>
#include <stdbool.h>

#define TESTHUB_SESSIONS_MAX 64u

struct testhub {
	pthread_mutex_t lock; /* held in both functions below */
	/* A session has sent something, or ended. */
	void (*readable)(struct testhub *h, unsigned session);
	/* When the thread looks again by itself, ms; -1 never. May be NULL. Told after each round. */
	int (*timer)(struct testhub *h);
	int fds[TESTHUB_SESSIONS_MAX + 1]; /* by number, from 1; -1: it ended */
	unsigned count;                    /* of sessions so far */
	pthread_t thread;
	bool ending;
};

/* Starts the thread; readable and timer are set. */
void testhub_start(struct testhub *h);
/* Ends it and closes everything. */
void testhub_end(struct testhub *h);

/* Locked: one more session; returns its end, the caller's. Its number is h->count. */
int testhub_add(struct testhub *h);
/* The thread looks anew at what there is. */
void testhub_kick(const struct testhub *h);

#endif

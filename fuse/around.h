/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_AROUND_H
#define CFS_FUSE_AROUND_H

/*
 * Reads here and there: a database, a binary search, an archive's index. Each is a request of the kernel's and one of the server's, and
 * the bytes around it would cost little more. Whether they are wanted nobody knows, so it is a matter of what was paid: when the reads
 * in one piece of a file have taken as long as fetching all of the piece would, the piece is fetched, into the kernel's pages, where
 * the reads that follow find it without asking anybody. So a program waits at most about twice as long as it had to, and usually far
 * less; who reads a block here and there in a huge file has nothing fetched. What a piece costs is measured on this very line, each time,
 * so the same rule holds on a slow one.
 *
 * Reads count that do not go on where the one before ended and are small; the kernel reads ahead of the others itself. Files of
 * others are left alone: their owners are told what was read of them, and that is what a program did read. So is what is open to
 * be written here, what is not promised, and a mount that remembers nothing. How the bytes come to the kernel's pages without ever
 * being older than what is there: pages.h.
 *
 * Memory: the table of pieces, made by the first need for it, and a buffer of a piece for each thread, while there is work.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cfs.h"
#include "pages.h"

struct mount;
struct inode;
struct around_piece;

#define AROUND_PIECE   PAGES_STORE_MAX
#define AROUND_THREADS 2u
#define AROUND_QUEUE   64u

/* A piece that is to be fetched. */
struct around_job {
	struct inode *i; /* held */
	uint64_t piece;
};

struct around {
	struct mount *m;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct around_piece *pieces; /* that reads were seen in */
	uint64_t piece_ns;           /* what it takes to fetch one; 0: not known yet */
	struct around_job queue[AROUND_QUEUE];
	size_t first, count;
	pthread_t threads[AROUND_THREADS];
	unsigned running, idle;
	bool ending;
};

void around_init(struct around *a, struct mount *m);
/* Behind pages_stop(), before the session is destroyed: what is under way is interrupted. */
void around_stop(struct around *a);
void around_fini(struct around *a);

/*
 * A READ of the inode was answered, and took so long. Never waits. counts: whether that can be of use (the file is of the own tree, and the
 * handle goes through the kernel's pages).
 */
void around_read(struct around *a, struct inode *i, uint64_t offset, size_t size, uint64_t took_ns,
		 bool counts);

#endif

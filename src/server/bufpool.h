/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_BUFPOOL_H
#define CFS_SERVER_BUFPOOL_H

/*
 * Big buffers for bulk bytes: mapped once, used again while they are warm, given back to the system when a session is
 * idle. The bytes handed out are bounded, and that bound is the session's backpressure: who gets CFS_EBUSY stops
 * reading requests until a buffer comes back. One thread.
 */

#include <stddef.h>

#include "base/err.h"

struct bufpool;

/* A buffer. data, size are constant; len is the user's. */
struct poolbuf {
	unsigned char *data;
	size_t size; /* bytes at data, at least as many as asked for */
	size_t len;  /* bytes in use, set to 0 when handed out */
	struct poolbuf *next;
	struct bufpool *pool;
	unsigned kind; /* the pool's */
};

/* The largest buffer: a whole frame of the protocol fits. */
#define BUFPOOL_MAX ((size_t)4 * 1024 * 1024 + 64 * 1024)

/* Makes a pool that hands out at most limit bytes at a time (one buffer always). NULL when memory is out. */
struct bufpool *bufpool_new(size_t limit);

/* Frees the pool and its unused buffers; every buffer was put back before. NULL is fine. */
void bufpool_free(struct bufpool *pool);

/*
 * Hands out a buffer of at least size bytes (at most BUFPOOL_MAX), contents undefined. CFS_EBUSY when the limit is
 * reached, CFS_ENOMEM, CFS_ETOOBIG.
 */
int bufpool_get(struct bufpool *pool, size_t size, struct poolbuf **out);

/* Takes a buffer back; NULL is fine. */
void bufpool_put(struct poolbuf *buf);

/* Gives every unused buffer back to the system. */
void bufpool_trim(struct bufpool *pool);

/* Bytes handed out at this moment. */
size_t bufpool_used(const struct bufpool *pool);

#endif

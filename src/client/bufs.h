/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_BUFS_H
#define CFS_CLIENT_BUFS_H

/*
 * Large buffers of open files, kept for reuse: memory fresh from the system costs as much as copying into it. What is
 * kept is given back when nothing happens. The owner locks.
 */

#include <stddef.h>

#define BUFS_KEPT 8u

/* Buffers of one size. */
struct bufs {
	size_t size;
	unsigned count;
	void *kept[BUFS_KEPT];
};

/* A buffer of b->size bytes, to be given back with bufs_put() or free(). NULL when memory is out. */
void *bufs_get(struct bufs *b);
void bufs_put(struct bufs *b, void *p);
/* Frees what is kept. */
void bufs_trim(struct bufs *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_UNFORKED_H
#define CFS_SERVER_UNFORKED_H

/*
 * Memory that a fork leaves out (MADV_DONTFORK, madvise(2)): what the hub knows of all its processes is none of theirs, and a page that
 * is shared costs a copy as soon as the hub goes on writing. In a forked process these addresses are not there. One thread.
 */

#include <stddef.h>

/* Pieces of one size. Zeros and the size make an empty one. */
struct unforked {
	size_t size;
	void *free;   /* the first piece that nobody has */
	void *chunks; /* the newest mapping */
};

/* A piece, its content undefined; NULL when memory is out. */
void *unforked_take(struct unforked *u);

/* Gives a piece back; NULL is fine. */
void unforked_give(struct unforked *u, void *piece);

/* Ends every piece. */
void unforked_clear(struct unforked *u);

/*
 * An array that grows: from old_bytes (0: old is NULL) to bytes, both multiples of the page size, the new part zeros. May move it.
 * NULL when memory is out: the old one stays.
 */
void *unforked_grow(void *old, size_t old_bytes, size_t bytes);

/* Ends an array. */
void unforked_end(void *array, size_t bytes);

#endif

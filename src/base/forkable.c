/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/forkable.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* malloc(3) of the GNU C library keeps pieces up to the first size apart by their sizes; larger ones are found by halves. */
#define SMALL_MAX ((size_t)1040)
#define STEP      ((size_t)16)
#define LARGE_MAX ((size_t)64 * 1024)

/* The sanitizers' own allocators do not keep pieces in this way. */
#if defined(CFS_SAN_ADDRESS) || defined(CFS_SAN_THREAD)
#define KEEPS_PIECES 0
#else
#define KEEPS_PIECES 1
#endif

#if KEEPS_PIECES
/* Takes pieces of a size until one comes from behind all that was in use, which goes back. */
static void
take_all(size_t size, uintptr_t end)
{
	void *p;

	while ((p = malloc(size)) && (uintptr_t)p < end)
		;
	free(p);
}
#endif

void
forkable_heap(void)
{
#if KEEPS_PIECES
	uintptr_t end = (uintptr_t)sbrk(0) - mallinfo2().keepcost;

	for (size_t size = LARGE_MAX; size > SMALL_MAX; size /= 2)
		take_all(size, end);
	for (size_t size = SMALL_MAX; size >= STEP; size -= STEP)
		take_all(size, end);
#endif
}

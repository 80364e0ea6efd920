/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "heap.h"

#include <malloc.h>

#define MIB (1024 * 1024)

/*
 * OpenSSL takes 128 KiB for each answer and gives them back, and glibc gave those back to the kernel each time: three
 * system calls under the lock of all threads' memory. Few heaps, of which a little is kept.
 */
void
heap_tune(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 4 * MIB);
	mallopt(M_TRIM_THRESHOLD, 2 * MIB);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_FORKABLE_H
#define CFS_BASE_FORKABLE_H

/*
 * For a process that forks many, each to do much the same, once it has what they inherit: takes all that is free in its heap, for
 * good. Children get fresh memory that lies together then, and not pieces of pages that are copied for each of them.
 */
void forkable_heap(void);

#endif

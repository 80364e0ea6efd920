/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_HEAP_H
#define CFS_FUSE_HEAP_H

/* Makes malloc() suit a program of many threads that take and give back the same large buffers. Before the first thread. */
void heap_tune(void);

#endif

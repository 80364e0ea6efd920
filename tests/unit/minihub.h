/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_MINIHUB_H
#define CFS_TESTS_MINIHUB_H

/* What the hub does for sessions that have read promises: it passes their messages on. A thread. Helpers assert. */

#include <stdint.h>

struct minihub;

struct minihub *minihub_new(void);
/* NULL accepted. Sessions must have ended. */
void minihub_free(struct minihub *h);
/* One more session: its address, and its end of the socket, which is the caller's. */
uint64_t minihub_add(struct minihub *h, int *fd_out);

#endif

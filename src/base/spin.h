/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_SPIN_H
#define CFS_BASE_SPIN_H

/*
 * Waiting for what usually comes at once. Of a call that the other side answers in microseconds most of the time goes by until a
 * processor that was halted is awake again, on a virtual machine above all; who looks a few times before it sleeps spares
 * that. It is done only where the wait before was a short one, and not where somebody else wants the processor.
 */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct spin {
	bool worth;             /* the wait before was short */
	uint64_t not_before_ns; /* others wanted the processor */
};

#define SPIN_INIT ((struct spin){0})

/* poll(2), in one thread at a time for each struct spin. */
int spin_poll(struct spin *s, struct pollfd *fds, nfds_t count, int timeout_ms);

#endif

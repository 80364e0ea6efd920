/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_MAKER_H
#define CFS_SERVER_MAKER_H

/*
 * The maker: the one process that makes those of connections over the network. A fork copies what a process has open and mapped, and
 * the hub has a descriptor for everybody who is connected; the maker has none, and is in the sandbox already. It gets a connection
 * and its lines from the hub, forks, and says which process it is. That one is the hub's own child (sibling.h).
 */

#include <stdint.h>

#include "server/sibling.h"

/* From the hub, with the descriptors below. Answered by HUB_MADE. */
struct maker_order {
	uint32_t index; /* both of the hub's child */
	uint64_t serial;
	int32_t slot; /* of the counters */
	char peer[64];
};

enum maker_fd {
	MAKER_FD_CONNECTION,
	MAKER_FD_HUB, /* the session's ends of its lines */
	MAKER_FD_SIGNER,
	MAKER_FD_DOOR,
	MAKER_FDS
};

/*
 * The maker's life, which ends with the hub or when that has no more orders. Returns 1 in each new process, with its order and its
 * descriptors (the caller's), or 0 at the end. sibling: of this process, from before it was locked down.
 */
int maker_run(int hub_fd, const struct sibling *sibling, struct maker_order *order_out,
	      int fds[MAKER_FDS]);

#endif

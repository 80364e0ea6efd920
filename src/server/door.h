/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_DOOR_H
#define CFS_SERVER_DOOR_H

/*
 * The door: the one process that says who may come in. A session that is not signed in has no store; it asks the door, once, over
 * a socket that the hub gave to both, and when the door agrees the hub hands the session the store's directory.
 *
 * What is bounded in all is bounded here: passwords are hashed by as many threads as there are processors, addresses
 * take turns, and over a short queue the answer is busy; failures are counted by address and by user, and whoever
 * keeps failing is answered later and later.
 */

#include <stdint.h>

#include "server/hubmsg.h"
#include "server/refusals.h"
#include "server/signin.h"
#include "server/stats.h"

enum door_kind {
	DOOR_ATTACH = 1, /* with the socket of a new connection */
	DOOR_LOG = 2,    /* log, with a descriptor or none */
};

/* From the hub. */
struct door_attach {
	uint32_t kind;
	struct log_state log;
	uint32_t index; /* both of the hub's child */
	uint64_t serial;
	struct addr_key address;
	char peer[64];
};

/* What a session asks. Fixed, in the machine's own byte order, trusted in nothing. */
struct door_request {
	struct signin_request signin;
};

struct door_reply {
	int32_t status;
	uint32_t hold_ms; /* refused: the client is told after this */
	struct signin_result who;
	char text[512];
};

/* The door's life; ends with the hub. Its working directory is the store; stats (NULL: none) is where refusals are counted. Returns the exit status. */
int door_run(const struct store_conf *conf, struct store_shared *shared, struct stats *stats,
	     int hub_fd);

/* A session's question; waits for the answer until the deadline. Returns 0, or a code with the text for the client. */
int door_ask(int door_fd, const struct signin_request *req, uint64_t deadline,
	     struct door_reply *out, struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CHILDREN_H
#define CFS_SERVER_CHILDREN_H

/* The hub's list of its processes, and the counts that limits are checked against. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/hubmsg.h"
#include "server/refusals.h"

/* From CHILD_KEEPER on they are services: one process of each that is wanted, as long as the hub lives. */
enum child_role { CHILD_SESSION, CHILD_ADMIN, CHILD_KEEPER, CHILD_METRICS };
#define CHILD_ROLES (CHILD_METRICS + 1)

static inline bool
child_is_service(enum child_role role)
{
	return role >= CHILD_KEEPER;
}

struct child {
	pid_t pid;
	int fd; /* the hub's end of the socketpair; -1 when it has ended */
	enum child_role role;
	uint32_t index; /* place in the list, while it lives */
	int slot;       /* of the counters; -1 none */
	bool signed_in;
	struct addr_key key;
	int64_t since_ns;
	char user[72], device[136], peer[64];
};

struct children {
	struct child **slots;
	uint32_t cap, count;      /* count: of all */
	uint32_t sessions;        /* over the network */
	uint32_t unauthenticated; /* of those */
};

void children_clear(struct children *c);

/* Adds a copy; borrowed. NULL when memory is out. */
struct child *children_add(struct children *c, const struct child *child);

/* Closes its socket, takes it out and frees it. */
void children_remove(struct children *c, struct child *child);

void children_signed_in(struct children *c, struct child *child);

/* The one with this process, or NULL. */
struct child *children_find(const struct children *c, pid_t pid);

/* The first one at or behind an index, or NULL. */
struct child *children_from(const struct children *c, uint32_t index);

/* Sessions from one address; *unauthenticated_out (may be NULL) of them are not signed in. */
uint32_t children_from_address(const struct children *c, const struct addr_key *key,
			       uint32_t *unauthenticated_out);

#endif

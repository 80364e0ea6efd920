/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CHILDREN_H
#define CFS_SERVER_CHILDREN_H

/*
 * The hub's list of its processes, and the counts that limits are checked against. A process that it forks does not have the list
 * (unforked.h), only the numbers of the descriptors that it has to close.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/hubmsg.h"
#include "server/refusals.h"
#include "server/unforked.h"

/* From CHILD_KEEPER on they are services: one process of each that is wanted, as long as the hub lives. */
enum child_role {
	CHILD_SESSION,
	CHILD_ADMIN,
	CHILD_KEEPER,
	CHILD_METRICS,
	CHILD_AUDIT,
	CHILD_SIGNER,
	CHILD_DOOR,
	CHILD_MAKER
};
#define CHILD_ROLES (CHILD_MAKER + 1)

static inline bool
child_is_service(enum child_role role)
{
	return role >= CHILD_KEEPER;
}

struct child {
	pid_t pid; /* 0: the maker has not told it yet */
	int fd;    /* the hub's end of the socketpair; -1 when it has ended */
	enum child_role role;
	uint32_t index;  /* place in the list, while it lives */
	uint64_t serial; /* never given twice */
	int slot;        /* of the counters; -1 none */
	bool signed_in;
	struct addr_key key;
	int64_t since_ns;
	char user[72], device[136], peer[64];
	struct sha256 device_key; /* zeros: signed in without one */
	struct child *next;       /* the list's */
};

/* How many connections an address has. */
struct address;

#define CHILDREN_BUCKETS 1024u

struct children {
	struct child **slots;
	uint32_t cap, count;      /* count: of all */
	uint32_t sessions;        /* over the network */
	uint32_t unauthenticated; /* of those */
	uint32_t free_from;       /* no slot before it is free */
	uint64_t serials;         /* given so far */
	struct child *services[CHILD_ROLES];
	struct child *by_pid[CHILDREN_BUCKETS];
	struct address *by_address[CHILDREN_BUCKETS];
	struct unforked places, addresses; /* where those are kept */
	unsigned char *ends; /* a bit for each descriptor: whether it is a child's, or waits */
	size_t ends_bytes;
};

void children_clear(struct children *c);

/* Adds a copy, and gives it index and serial; borrowed. NULL when memory is out. */
struct child *children_add(struct children *c, const struct child *child);

/* Closes its socket, takes it out and frees it. */
void children_remove(struct children *c, struct child *child);

/* Closes its socket, which the child itself has ended, and leaves it in. */
void children_hang_up(struct children *c, struct child *child);

/* In a forked process, where this is all that may be called: closes the sockets to all others. */
void children_close_ends(const struct children *c);

/*
 * A connection that has no process yet is counted as one that is not signed in, and closed in processes that are forked meanwhile.
 * False when memory is out. The descriptor stays the caller's.
 */
bool children_wait(struct children *c, const struct addr_key *key, int fd);
void children_wait_ended(struct children *c, const struct addr_key *key, int fd);

void children_signed_in(struct children *c, struct child *child);

/* Its process is there. */
void children_made(struct children *c, struct child *child, pid_t pid);

/* The one with this process, or NULL. */
struct child *children_find(struct children *c, pid_t pid);

/* The one at this index, or NULL; if it is the one that was given this serial, else NULL. */
struct child *children_get(const struct children *c, uint32_t index);
struct child *children_at(const struct children *c, uint32_t index, uint64_t serial);

/* The first one at or behind an index, or NULL. */
struct child *children_from(const struct children *c, uint32_t index);

/* Sessions from one address; *unauthenticated_out (may be NULL) of them are not signed in. */
uint32_t children_from_address(struct children *c, const struct addr_key *key,
			       uint32_t *unauthenticated_out);

#endif

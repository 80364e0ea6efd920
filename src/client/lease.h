/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_LEASE_H
#define CFS_CLIENT_LEASE_H

/*
 * Leases: directories that the server lets this client hold alone. A name in one is removed "ahead": the caller goes on
 * at once, and the UNLINK is under way. Nobody else can tell the difference, because the server has whoever wants to
 * look wait until this client has said that all of that is answered; its own looks wait for it too (changes_settle()).
 *
 * Nothing is done ahead while another change is without an answer, which may have to wait for the lease of somebody
 * else: so what was done ahead never waits, and two clients not for each other. A line that is lost ends all leases; what was done
 * under them is repeated on the next line, and the server holds others back until it is told so, or the time that this
 * client could trust its promises is over.
 *
 * "Locked" as in conn.h.
 */

#include <stdbool.h>
#include <stdint.h>

struct call;
struct cfs;
struct frame;
union m_any;

#define CLIENT_LEASES       32u
#define CLIENT_LEASE_PUSHES 8u

struct client_lease {
	uint64_t dir, parent;
	uint32_t names; /* in it, when all that was sent is done */
};

struct client_leases {
	struct client_lease held[CLIENT_LEASES]; /* the oldest first */
	unsigned count;
	uint64_t asked;         /* wanted at the server; 0: none, or it is not wanted any more */
	uint32_t asked_removed; /* names removed there since that was sent */
	bool asking;            /* a LEASE is without an answer */
	bool had;               /* there were some on this line */
	bool owed;              /* and on one that was lost, which the server is yet to be told */
	uint64_t used_ns;       /* the last removal ahead */
	uint64_t rest_until_ns; /* somebody else wanted to look: none is asked for before */
	uint64_t pushes[CLIENT_LEASE_PUSHES]; /* to be acknowledged when all is answered */
	unsigned push_count;
};

/* Locked. All end: somebody else wants to look, as RECALL says, or what was promised is void. */
void leases_recalled(struct cfs *c, const struct frame *recall);
void leases_drop(struct cfs *c);
/* Locked. Acknowledges that push as soon as nothing that was done ahead is without an answer. */
void leases_acknowledge(struct cfs *c, uint64_t push);
/* Locked. The last change that was done ahead has its answer. */
void leases_settled(struct cfs *c);
/* Locked. This change is on its way: leases that it ends are gone here before they are there. */
void leases_change_sent(struct cfs *c, const struct call *k, const union m_any *req);
/* Locked. A removal was answered: of the directory ino, or 0; or it failed, in the directory of the request. */
void leases_removed(struct cfs *c, uint64_t ino);
void leases_not_removed(struct cfs *c, const union m_any *req);
/* Locked. Whether something that was done ahead and is not answered concerns the look. */
bool leases_concern(const struct cfs *c, const struct call *look);
/* Locked. The line is lost; there is a new one, on which what was not answered is sent again. */
void leases_line_lost(struct cfs *c);
void leases_line_made(struct cfs *c);
/* Locked. Gives back what was not used for a while. */
void leases_rest(struct cfs *c);

#endif

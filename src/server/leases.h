/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LEASES_H
#define CFS_SERVER_LEASES_H

/*
 * Leases, as a session gives them to its client: of a directory that nobody else knows anything of. The client may tell its
 * programs that a name in it is removed before the UNLINK is answered, so nobody may look before that was done: whoever wants
 * to is held up (lease_gate.h), and every lease of the client is recalled. It answers when all is answered that it did.
 *
 * LEASE itself never waits, and neither does what a client does under a lease: what it does otherwise it does not
 * answer ahead, and nothing behind it until that is answered.
 *
 * A lease covers the directory and all inodes in it, of which no file has names elsewhere. It ends when the client gives it
 * back, when it changes names there otherwise than by removing them or makes another name for a file of them, when the
 * directory is removed, and with the client's read promises; each of these counts from the commit on that holds the
 * changes before it.
 */

#include "server/state.h"

/* Directories at once, and names in one. */
#define LEASES_MAX      64u
#define LEASE_NAMES_MAX 4096u

void leases_fini(struct session *s);

/* LEASE, in the transaction and in its turn among the changes. 0, or a code of the directory's with err set. */
int leases_do(struct session *s, const struct m_lease_req *req, struct m_lease_rep *rep,
	      struct cfs_err *err);
/* In the transaction, behind the handler: a change that was done ends leases of the client's own. */
void leases_note_change(struct session *s, const struct op_desc *op, const union m_any *req,
			const union m_any *rep);
/* The transaction was committed: what ended in it has ended. Or it was undone. */
void leases_committed(struct session *s);
void leases_undone(struct session *s);

/* The client has none any more: it has said that all was answered, or its promises are void. */
void leases_forget(struct session *s);

#endif

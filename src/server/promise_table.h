/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PROMISE_TABLE_H
#define CFS_SERVER_PROMISE_TABLE_H

/*
 * Who may hold read promises on what, in memory that all processes of a daemon share.
 *
 * A session that gives promises has a slot: whose client it serves, and until when that client may trust anything at
 * all. Buckets of inodes hold one bit a slot: "this session may have promised something about some inode of the
 * bucket". So whoever changed something finds out with one look into memory that nobody is concerned, and a bit too
 * many costs one message to somebody who then says "not me". What was promised exactly, each session knows by itself
 * (promises.h).
 *
 * The argument. A giver sets its bit, then makes sure that nothing was committed since before it read the store (else it
 * reads again). A changer commits, then looks at the bits. So either the giver's answer has the change in it, or the
 * changer sees the bit.
 *
 * Leases stand beside them: a client that has one may be ahead of the store in what the bit stands for, so whoever
 * wants to look asks for it back first (leases.h, lease_gate.h). Who takes a lease sets its bits, then makes sure that no
 * other promise is there; who promises sets that bit, then looks for leases. So one of the two sees the other.
 *
 * Slots live in a file of the store's directory, the bits in anonymous memory: after the daemon died, what its clients
 * may still trust is known from the slots ("ghosts", which may hold anything). No locks: every step is one atomic
 * operation, and a process may die between any two.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"

#define PROMISE_SLOTS   1024u
#define PROMISE_WORDS   (PROMISE_SLOTS / 64u)
#define PROMISE_BUCKETS 16384u

struct promise_table;

/* A set of slots. */
struct promise_set {
	uint64_t bits[PROMISE_WORDS];
};

/* Who is in a slot at one moment. */
struct promise_holder {
	uint64_t owner; /* this very occupation of the slot; 0: nobody */
	uint64_t address;
	struct id128 client;
	uint64_t user;
	uint64_t
	    until_ns; /* now_mono_ns() from which on nothing is trusted any more; 0: nothing is */
};

/*
 * Makes the table, to be inherited by fork. dir: the store's directory, where slots are kept in the file "promises";
 * NULL: in memory alone. What an earlier daemon left there becomes ghosts, for grace_ms at most. The caller holds the
 * store's lock.
 */
int promise_table_new(const char *dir, int64_t grace_ms, struct promise_table **out,
		      struct cfs_err *err);
void promise_table_free(struct promise_table *t);

/*
 * A forked process that is not to touch it (yet) leaves it, and joins again with descriptors that somebody who has it sends
 * (borrowed both times). What has joined is freed like any other.
 */
#define PROMISE_FDS 2
void promise_table_leave(struct promise_table *t);
void promise_table_fds(const struct promise_table *t, int fds[PROMISE_FDS]);
int promise_table_join(const int fds[PROMISE_FDS], struct promise_table **out, struct cfs_err *err);

/* ---- a giver's side; own slots only */

/*
 * Takes a free slot for a client of a user's; address is where messages for it go (not 0, below 2^22: a process id). The slot,
 * or CFS_EBUSY when all are taken. It begins void: promise_renew() is false until promise_revive().
 */
int promise_slot_take(struct promise_table *t, const struct id128 *client, uint64_t user,
		      uint64_t address);
/* The client trusts nothing any more / may go on trusting until the time that was set last. */
void promise_slot_release(struct promise_table *t, unsigned slot);
void promise_slot_abandon(struct promise_table *t, unsigned slot);
/* The process behind an address ended without a word: its slots, if any, are abandoned. Whether there were any. */
bool promise_slots_abandon_of(struct promise_table *t, uint64_t address);

/*
 * The client may trust what it was promised until until_ns. False when a changer has given it up meanwhile: everything
 * promised before is void, which the client must be told before promise_revive().
 */
bool promise_renew(struct promise_table *t, unsigned slot, uint64_t until_ns);
void promise_revive(struct promise_table *t, unsigned slot, uint64_t until_ns);

/* Sets and clears the slot's bit for the inode's bucket; clearing is for who holds nothing in the whole bucket. */
void promise_note(struct promise_table *t, unsigned slot, uint64_t ino);
void promise_unnote(struct promise_table *t, unsigned slot, uint64_t ino);
/* The bucket of an inode, below PROMISE_BUCKETS. */
unsigned promise_bucket(uint64_t ino);

/*
 * The slot's client has leases, or none any more; then the bits of them, as with promises. All but the holder's own side is below.
 */
void promise_lease_begin(struct promise_table *t, unsigned slot);
void promise_lease_end(struct promise_table *t, unsigned slot);
void promise_lease_note(struct promise_table *t, unsigned slot, uint64_t ino);
void promise_lease_unnote(struct promise_table *t, unsigned slot, uint64_t ino);

/*
 * A lease of the user's was waited for until its time was over: for a while he is to have none, or others would wait again and
 * again.
 */
void promise_lease_blame(struct promise_table *t, uint64_t user, uint64_t now_ns);
bool promise_lease_is_blamed(const struct promise_table *t, uint64_t user, uint64_t now_ns);

/* ---- a changer's side */

/* Whether anybody but this slot (-1: none) is there. Costs one load when nobody is. */
bool promise_others(const struct promise_table *t, int slot);
/* Adds the slots that may hold something on the inode; or all slots there are. */
void promise_holders(const struct promise_table *t, uint64_t ino, struct promise_set *set);
void promise_everybody(const struct promise_table *t, struct promise_set *set);
/* Whether the slot has leases, or anybody but this slot (-1: none); adds the slots that may have one on the inode, or any at all. */
bool promise_lease_is_on(const struct promise_table *t, unsigned slot);
bool promise_leases_others(const struct promise_table *t, int slot);
void promise_lease_holders(const struct promise_table *t, uint64_t ino, struct promise_set *set);
void promise_lease_everybody(const struct promise_table *t, struct promise_set *set);
/* The first slot of the set from `from` on, not own (-1: none), with another client in it who may still trust something; or -1. */
int promise_next_other(struct promise_table *t, const struct promise_set *set, unsigned from,
		       int own, const struct id128 *client);
/* Who is in the slot. */
struct promise_holder promise_look(const struct promise_table *t, unsigned slot);
/*
 * Whether the holder seen before need not be waited for any more: gone, void, or its time is over, and then it is made void
 * here. A ghost's slot is freed.
 */
bool promise_is_over(struct promise_table *t, unsigned slot, const struct promise_holder *seen,
		     uint64_t now_ns);
/* All slots of the client but this one are void at once: it has come back, and trusts nothing that they promised. */
void promise_void_client(struct promise_table *t, const struct id128 *client, int but_slot);
/* None of the slots that the same client took before this one has leases any more: what it did under them is in the store. */
void promise_lease_end_earlier(struct promise_table *t, unsigned slot);

#endif

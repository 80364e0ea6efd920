/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_STATS_H
#define CFS_SERVER_STATS_H

/*
 * What the server counts, in memory that the hub makes before it forks: a slot for each connection, which the hub begins and its
 * session alone writes from sign-in on, and totals. Counting is a store or two and never waits; whoever looks
 * (metrics, top) copies and adds up. It is for looking at alone: nothing is decided by what stands in here, and readers
 * take numbers and bounded strings from it, because a session that was taken over can write all of it.
 *
 * The totals stand in a few shards, so that sessions seldom write to the same cache line.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define STATS_OPS   128u /* operations by number; 0 is waiting for a flush to stable storage */
#define STATS_CODES 64u  /* failures by the error's number */
#define STATS_BUCKETS                                                                              \
	20u /* of durations: up to 16 µs, 32 µs, ... 8.4 s; one more for what took longer */
#define STATS_TRANSFERS 4u /* of a session that are shown at a time */
#define STATS_PATH      232u

/* A bucket's upper bound in microseconds. */
#define STATS_BOUND_US(i) (UINT64_C(16) << (i))

/* A transfer nothing moved in for this long is none any more. */
#define STATS_TRANSFER_IDLE_NS (UINT64_C(10) * 1000 * 1000 * 1000)

enum stats_counter {
	STATS_CONNECTIONS,
	STATS_TURNED_AWAY, /* connections over a limit */
	STATS_SIGNINS,
	STATS_REFUSED,
	STATS_CRASHED, /* processes that died of a signal */
	STATS_BYTES_IN,
	STATS_BYTES_OUT,
	STATS_COUNTERS
};

struct stats;

/* For that many connections. CFS_ENOMEM. */
int stats_new(unsigned slots, struct stats **out, struct cfs_err *err);
void stats_free(struct stats *st);

/*
 * A forked process that is not to touch it (yet) leaves it, and joins again with the descriptor (borrowed both times) that somebody
 * who has it sends. What has left is good for nothing but being freed.
 */
void stats_leave(struct stats *st);
int stats_fd(const struct stats *st);
int stats_join(int fd, struct stats **out, struct cfs_err *err);

/* ---- the hub's */

/* A free slot, or -1: then the connection is counted in the totals alone. The hub's own list says which are free. */
int stats_slot_take(struct stats *st);
void stats_slot_free(struct stats *st, int slot);

/* ---- a session's, stats_begin() the hub's: one thread. slot -1 is nobody's, and takes everything. */

void stats_begin(struct stats *st, int slot, uint32_t pid, int64_t since_ns, const char *peer,
		 bool admin);
void stats_signed_in(struct stats *st, int slot, uint64_t user_id, const char *user,
		     const char *device);
/* One operation took from came_ns to now; status 0 or a negative code. */
void stats_op(struct stats *st, int slot, unsigned op, uint64_t came_ns, uint64_t now_ns,
	      int status);
/* Bytes of the connection so far. */
void stats_bytes(struct stats *st, int slot, uint64_t in, uint64_t out);
/* Where its subscription has got to; 0: it has none. */
void stats_told(struct stats *st, int slot, uint64_t event);
void stats_count(struct stats *st, int slot, enum stats_counter what, uint64_t n);

/*
 * A transfer by a number of the session's (kind and id together): begins (the one that is quiet longest gives way) with
 * its path, cut to fit at its beginning; and moves on. It is gone when all its bytes are done. false: it has not begun.
 */
enum stats_way { STATS_NONE, STATS_UP, STATS_DOWN };

void stats_transfer_begin(struct stats *st, int slot, enum stats_way way, uint64_t id,
			  uint64_t owner, const char *path, uint64_t total);
bool stats_transfer_moved(struct stats *st, int slot, enum stats_way way, uint64_t id,
			  uint64_t bytes);

/* ---- whoever looks */

struct stats_transfer {
	uint32_t way; /* enum stats_way; 0: not there */
	uint64_t id, owner, total, done;
	uint64_t began_ns, moved_ns; /* now_mono_ns() */
	char path[STATS_PATH];
};

struct stats_session {
	uint32_t pid;
	bool admin;
	int64_t since_ns;
	uint64_t user_id;
	char user[72], device[136], peer[64];
	uint64_t ops, failures, bytes_in, bytes_out;
	uint32_t last_op;
	uint64_t last_ns; /* of it; 0: none yet */
	uint64_t told;
	struct stats_transfer transfers[STATS_TRANSFERS];
};

struct stats_op_total {
	uint64_t count, sum_ns;
	uint64_t buckets[STATS_BUCKETS + 1]; /* each by itself, not cumulative */
};

struct stats_totals {
	struct stats_op_total ops[STATS_OPS];
	uint64_t failures[STATS_CODES];
	uint64_t counters[STATS_COUNTERS];
};

unsigned stats_slots(const struct stats *st);

/* Copies a connection that is there; false if none is, or its slot does not hold still. Strings are terminated. */
bool stats_session(const struct stats *st, unsigned slot, struct stats_session *out);

void stats_totals(const struct stats *st, struct stats_totals *out);

#endif

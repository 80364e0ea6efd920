/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SESSION_H
#define CFS_SERVER_SESSION_H

/*
 * A session: one connection from its first byte to its last. It takes a stream and a store, so it runs as well in a
 * forked process behind TLS as in a thread of a test, or of cfsadm, over a socketpair.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "proto/stream.h"
#include "server/logring.h"
#include "server/stats.h"
#include "store/store.h"

struct promise_table;

/* Who is at the other end, as far as the transport knows. */
struct session_peer {
	bool has_key;      /* TLS client certificate */
	struct sha256 key; /* fingerprint of its public key */
	bool admin;        /* the admin socket, and its peer may */
	char address[64];  /* for logs and events */
};

/* What a session has to know of the daemon; the same for all, constant while the session runs. */
struct session_conf {
	bool trees_private;          /* [access] default */
	unsigned requests_in_flight; /* more are not read from the connection */
	int64_t signin_ms;           /* until HELLO has succeeded */
	int64_t idle_ms;             /* a peer silent for so long is gone */
	uint32_t heartbeat_ms;       /* what HELLO tells the client */
	uint32_t promise_ms;         /* how long a read promise holds without being renewed */
	struct sha256 server_key;    /* fingerprint */
	struct sha256 next_key;      /* that clients are told to pin too; zeros: none */
	const char *address;         /* "host:port" that goes into invites */
	const char *listen; /* what the daemon listens on, for the status; "" if none runs */
	uint16_t port;
	int64_t started_ns;
	uint64_t daemon_pid; /* 0: none */
};

struct session_args {
	struct stream *stream; /* taken: closed when the session ends */
	struct store *
	    store; /* borrowed: used by the calling thread and by the session's workers; NULL: see reach */
	const struct session_conf *conf;
	struct session_peer peer;
	int hub_fd; /* socket to the hub, borrowed; -1: there is none */
	/*
	 * Without a store from the start the session asks the door, over this socket (borrowed), and then gets the store's descriptors from the hub
	 * (hubmsg.h, borrowed); reach makes the store of them, which stays the caller's.
	 */
	int door_fd;
	int (*reach)(void *arg, const int fds[], struct store **store_out, struct cfs_err *err);
	void *reach_arg;
	bool own_log;              /* the process is this session's: its lines of log tell whose */
	const struct logring *log; /* borrowed; NULL: none is kept */
	struct stats
	    *stats; /* borrowed, and the slot to count in; NULL after reach: in memory of its own */
	int slot;
	struct promise_table
	    *promises;        /* borrowed; NULL: read promises are neither given nor heeded */
	uint64_t hub_address; /* where the hub delivers messages of other sessions to this one */
};

/*
 * Runs the session to its end. Returns 0 when the peer or the hub ended it in good order, or the code of what broke it (already
 * logged). No signal handling here; the calling thread is the session's I/O thread.
 */
int session_run(const struct session_args *args);

#endif

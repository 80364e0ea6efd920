/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_HUBMSG_H
#define CFS_SERVER_HUBMSG_H

/*
 * What crosses between the hub and a session: messages of one fixed size over a SOCK_SEQPACKET socketpair, in the
 * machine's own byte order. The hub trusts nothing in them: numbers are compared, strings end where the array ends.
 */

#include <stdint.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/rand.h"

/* Room for what was changed: at least one name. */
#define HUB_PROMISE_MAX 284u

enum hub_msg_kind {
	/* the door to the hub */
	HUB_SIGNED_IN = 1, /* serial, user, device, key: once for each connection */
	/* the maker to the hub */
	HUB_MADE = 60, /* index and serial of an order, pid of its process; 0: there is none */
	/* session to hub */
	HUB_ASK =
	    3, /* tell of the session at or behind `index`; answered by HUB_SESSION or HUB_END */
	HUB_KICK_USER = 4,    /* an admin's: end every connection of `user` */
	HUB_KICK_PROCESS = 5, /* an admin's: end the connection of process `pid` */
	HUB_KICK_DEVICE = 49, /* a user's: end his other connections that signed in with `key` */
	HUB_KEY = 50, /* an admin's: `index` is enum key_change of signer.h; answered by HUB_KEYS */
	HUB_FORBIDDEN = 48, /* it dies of the system call `index`, which its sandbox forbids */
	/* from one session to another, by way of the hub: `pid` is whom it is for, then whom it is from */
	HUB_PROMISE_ASK = 32,  /* something was changed: see promises.h; answered by the next */
	HUB_PROMISE_DONE = 33, /* nobody trusts that any more; ticket and holder of the question */
	/* session to hub, about `lock` (locks.h); all but CANCEL and LEAVE are answered by HUB_LOCK_ANSWER */
	HUB_LOCK = 80,
	HUB_LOCK_TEST = 81,
	HUB_LOCK_RECLAIM = 82,
	HUB_LOCK_CANCEL = 83, /* the one with that ticket: then it is answered CANCELED */
	HUB_LOCK_LEAVE = 84,  /* the client gives everything back */
	/* hub to session */
	HUB_DRAIN = 16,   /* say goodbye, finish what is under way, end */
	HUB_SESSION = 17, /* one connection; ask with index + 1 for the next */
	HUB_END = 18,     /* no more of them */
	HUB_STORE = 56,   /* to one that has signed in, with the descriptors of enum hub_store_fd */
	HUB_KEYS = 57, /* key and next; `index` is a code without its sign, with its text in text */
	HUB_NEXT_KEY = 58,    /* to all that are signed in: `key` is going to be the server's */
	HUB_LOCK_ANSWER = 88, /* ticket and status; of a TEST what is in the way */
	HUB_LOG = 20,         /* log, with a descriptor or none: write there from now on */
	HUB_KICK = 19, /* as HUB_DRAIN, but the server stays and the client is not to come back */
};

enum hub_store_fd {
	STORE_FD_DIRECTORY,
	STORE_FD_MEMORY, /* STORE_SHARED_FDS of store.h */
	STORE_FD_EVENT,
	STORE_FD_SLOTS, /* PROMISE_FDS of promise_table.h */
	STORE_FD_BITS,
	STORE_FD_LOCK, /* held open as long as somebody may write, whoever lives longest */
	STORE_FD_COUNTERS,
	STORE_FD_LOG, /* its last lines */
	STORE_FDS
};

/* As in LOCK of ops.def; the ticket is the session's own. */
struct hub_lock {
	struct id128 client;
	uint64_t ticket, ino, owner, start, end;
	uint32_t pid;
	int32_t status;
	uint8_t kind, type, wait;
};

struct hub_msg {
	uint32_t kind;
	uint32_t index;
	uint64_t pid;
	int64_t since_ns;
	uint64_t serial;   /* of the connection, with index */
	uint64_t asked_ns; /* HUB_SIGNED_IN: when it asked, now_mono_ns() */
	struct sha256 key, next;
	union {
		struct {
			char user[72];
			char device[136];
			char peer[64];
			char text[256];
		};
		struct {
			uint64_t ticket;
			uint64_t holder; /* promise_holder's owner */
			uint32_t len;    /* of what was changed */
			unsigned char changed[HUB_PROMISE_MAX];
		} promise;
		struct hub_lock lock;
		struct log_state log;
	};
};

#endif

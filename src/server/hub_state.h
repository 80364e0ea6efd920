/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_HUB_STATE_H
#define CFS_SERVER_HUB_STATE_H

/* What the hub's files share: hub.c (its life and loop), hub_accept.c (connections), serve.c (the forked side). */

#include <limits.h>
#include <signal.h>

#include "net/listen.h"
#include "net/tls.h"
#include "server/children.h"
#include "server/config.h"
#include "server/identity.h"
#include "server/logring.h"
#include "server/promise_table.h"
#include "server/sandbox.h"
#include "server/signer.h"
#include "server/stats.h"

/*
 * Orders to end connections, kept for as long as signing in may take: the door may have looked before the order's cause was in the
 * store, and tell of it after the order.
 */
#define KICKS_MAX 64u

struct kicks {
	struct kick {
		char user[72];
		struct sha256 key; /* zeros: every device */
		uint64_t ns;
	} last[KICKS_MAX];
	unsigned next;
	uint64_t lost_ns; /* of the newest that was overwritten */
};

/* hub_maker.c: processes that were ordered and are not there yet. */
#define ORDERS_MAX 32u

struct orders {
	unsigned open;
	uint64_t retired; /* the serial of a maker that gets no more */
};

/* hub_lobby.c: connections that have no process yet. Not there in processes that are forked. */
struct lobby {
	struct guest **by_fd;
	size_t cap;
	struct guest *first, *last;
	struct unforked places;
};

struct hub {
	const char *config_path;
	struct config *config;
	struct identity identity;
	struct tls_ctx *tls;
	struct store_shared *shared;
	struct stats *stats;
	struct logring *log;
	int log_fd;
	struct promise_table *promises;
	struct listener net, admin, metrics;
	struct sandbox *sandbox;
	struct locks *locks;
	int lock_fd, epoll_fd, signal_fd;
	char admin_path[PATH_MAX]; /* empty: none made */
	struct children children;
	struct lobby lobby;
	struct orders orders;
	struct kicks kicks;
	uint64_t log_serial; /* children up to this one began with another log */
	int signer_fd;       /* in a session: its line to the signer */
	pid_t pid;           /* the hub's own */
	sigset_t old_mask;   /* what children get back */
	int64_t started_ns;
	uint64_t refused_said_ns; /* when an over-limit connection was logged last */
	bool draining;
	uint64_t drain_deadline;
	uint64_t services_wait; /* one ended at once: not started again before; 0: none did */
	uint64_t watchdog_ns;   /* when the service manager's watchdog was told last */
};

/* A session's ends of its sockets to others. */
struct lines {
	int hub_fd, signer_fd, door_fd; /* -1: none */
};

/* DESIGN 7: how long a read promise holds without being renewed, on the client's clock and on the server's. */
#define PROMISE_MS       10000
#define PROMISE_GRACE_MS 12000

/* Events of the hub's epoll: a kind, and for a child its index. */
enum hub_event {
	EVENT_SIGNAL = 1,
	EVENT_LISTEN_NET,
	EVENT_LISTEN_ADMIN,
	EVENT_OF_CHILD,
	EVENT_LOBBY
};

/* Watches fd; data comes back as (kind << 32 | value). 0 or a code. */
int hub_watch(struct hub *h, int fd, enum hub_event kind, uint32_t value, struct cfs_err *err);

/* Sends a child a message, without waiting: one that takes nothing has itself to thank. */
void hub_tell(const struct child *child, const struct hub_msg *m);

/* Takes a child's message; false: there is none. */
bool hub_read_child(struct hub *h, uint32_t index);

/* hub_reap.c: takes the ends of all processes that have ended. */
void hub_reap(struct hub *h);
/* A child's process has ended with that status; it never came to be. Not there any more then. */
void hub_child_ended(struct hub *h, struct child *child, int status);
void hub_child_gone(struct hub *h, struct child *child);

/* Whether there is a maker that takes orders, of the present settings and key; that it is to get no more. */
bool hub_maker_is_there(const struct hub *h);
void hub_maker_retire(struct hub *h);
/* Has it make the process of a child that is in the list, without one. A code: it will not. */
int hub_maker_order(struct hub *h, const struct child *child, int fd, const struct lines *lines);
/* The child of that index and serial when its process is known, which the session may have overtaken; NULL: there is none. */
struct child *hub_maker_await(struct hub *h, uint32_t index, uint64_t serial);
/* It has made one, or not. */
void hub_maker_made(struct hub *h, const struct hub_msg *m);
/* Its process has ended: of the orders that are open comes nothing. */
void hub_maker_ended(struct hub *h);

/* A session's message for another one. */
void hub_pass_on(struct hub *h, const struct child *from, struct hub_msg *m);

/* Every session takes back what it promised. */
void hub_recall_promises(struct hub *h);

/* Takes what waits at a listening socket, up to a bound. */
void hub_accept(struct hub *h, int listen_fd, enum child_role role);

/* Makes a process for a connection, which is the hub's no more. */
void hub_start_session(struct hub *h, struct child *child, int fd);

/* 1: it has shown that it speaks TLS; 0: it waits until it does, and is not the caller's any more; a code: it is to be closed. */
int hub_lobby_enter(struct hub *h, const struct child *child, int fd);
/* Something came on the connection. */
void hub_lobby_ready(struct hub *h, uint32_t fd);
/* Closes those whose time is over. Milliseconds until the next one's is, or -1. */
int hub_lobby_timer(struct hub *h);
void hub_lobby_close(struct hub *h);

/* Forks the process of a service. */
int hub_fork_service(struct hub *h, enum child_role role, struct cfs_err *err);

/* What is counted and logged, in shared memory; before anything is forked. */
int hub_new_counters(struct hub *h, struct cfs_err *err);
void hub_free_counters(struct hub *h);
/* In a process that is not to have them, or not yet. */
void hub_leave_counters(struct hub *h);
/* A connection has its process: it is counted, and shown, by the hub's word until its session has signed in. */
void hub_count_child(const struct hub *h, const struct child *child);

/* The sandbox for these settings. */
int hub_new_sandbox(const struct hub *h, const struct config *c, struct sandbox **out,
		    struct cfs_err *err);

/* hub_services.c: starts those that are wanted and do not run; once more after one ended; with new settings; ends all. */
int hub_services_start(struct hub *h, struct cfs_err *err);
void hub_service_ended(struct hub *h, enum child_role role, int64_t since_ns);
void hub_services_retry(struct hub *h);
void hub_services_renew(struct hub *h);
void hub_services_end(struct hub *h);

/*
 * hub_log.c: the log's settings have changed, or its file is opened anew. Sessions and the services that live on cannot open it: they
 * are handed it. A session that signs in later is when it does, for before that a message of the hub ends it.
 */
void hub_log_renew(struct hub *h);
void hub_log_hand(const struct hub *h, const struct child *session);

/* An admin asks who is connected: the one at or behind an index. */
void hub_answer_ask(struct hub *h, const struct child *asker, uint32_t index);

/* Ends a user's connections, those with this device key or (NULL) all, but for the asker; and those that are about to sign in. */
void hub_kick(struct hub *h, const struct child *asker, const char *user, const struct sha256 *key);
/* Ends the connection of a process, if it is one's. */
void hub_kick_process(struct hub *h, uint64_t pid);

/* The door has let somebody in: the session is handed the store, unless an order that came meanwhile forbids it. */
void hub_signed_in(struct hub *h, const struct hub_msg *m);

/* hub_locks.c: the table of locks, and a session's message for it. */
int hub_locks_start(struct hub *h, struct cfs_err *err);
/* True if it was one. */
bool hub_lock_message(struct hub *h, const struct child *child, const struct hub_msg *m);

/* Waits for the signer's key and makes what TLS needs of it. */
int hub_take_key(struct hub *h, struct cfs_err *err);

/* Has the signer change its keys (enum key_change), and tells the asker. */
void hub_change_key(struct hub *h, const struct child *asker, uint32_t what);

/* What a forked child does, each its whole life; they do not return. fd is the connection, hub_fd its end to the hub. */
_Noreturn void serve_connection(struct hub *h, struct child *self, int fd,
				const struct lines *lines);
_Noreturn void serve_service(struct hub *h, struct child *self, int hub_fd);

#endif

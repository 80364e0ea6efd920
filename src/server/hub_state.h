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
#include "server/sandbox.h"
#include "server/stats.h"

struct hub {
	const char *config_path;
	struct config *config;
	struct identity identity;
	struct tls_ctx *tls;
	struct store_shared *shared;
	struct stats *stats;
	struct listener net, admin, metrics;
	struct sandbox *sandbox;
	int lock_fd, epoll_fd, signal_fd;
	char admin_path[PATH_MAX]; /* empty: none made */
	struct children children;
	struct refusals refusals;
	pid_t pid;         /* the hub's own */
	sigset_t old_mask; /* what children get back */
	int64_t started_ns;
	uint64_t refused_said_ns; /* when an over-limit connection was logged last */
	bool draining;
	uint64_t drain_deadline;
	uint64_t watchdog_ns; /* when the service manager's watchdog was told last */
};

/* Events of the hub's epoll: a kind, and for a child its process. */
enum hub_event { EVENT_SIGNAL = 1, EVENT_LISTEN_NET, EVENT_LISTEN_ADMIN, EVENT_OF_CHILD };

/* Watches fd; data comes back as (kind << 32 | value). 0 or a code. */
int hub_watch(struct hub *h, int fd, enum hub_event kind, uint32_t value, struct cfs_err *err);

/* Takes what waits at a listening socket, up to a bound. */
void hub_accept(struct hub *h, int listen_fd, enum child_role role);

/* Forks the process of a service. */
int hub_fork_service(struct hub *h, enum child_role role, struct cfs_err *err);

/* hub_services.c: starts those that are wanted and do not run; once more after one ended; with new settings; ends all. */
int hub_services_start(struct hub *h, struct cfs_err *err);
void hub_service_ended(struct hub *h, enum child_role role);
void hub_services_renew(struct hub *h);
void hub_services_end(struct hub *h);

/* What a forked child does, each its whole life; they do not return. fd is the connection, hub_fd its end to the hub. */
_Noreturn void serve_connection(struct hub *h, struct child *self, int fd, int hub_fd,
				unsigned refused);
_Noreturn void serve_service(struct hub *h, struct child *self, int hub_fd);

#endif

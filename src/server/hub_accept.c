/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Connections: limits, then a process each. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "server/hub_state.h"

/* Connections taken before the hub looks at its other work. */
#define ACCEPT_AT_ONCE 32

/* Over-limit connections are told of this often. */
#define SAY_NS ((uint64_t)NS_PER_S)

/* Why a connection is not served, or NULL. */
static const char *
over_limit(const struct hub *h, const struct addr_key *key)
{
	const struct config *c = h->config;
	uint32_t unauthenticated;

	if (h->children.sessions >= c->connections)
		return "too many connections";
	if (h->children.unauthenticated >= c->unauthenticated)
		return "too many connections that are not signed in";
	if (children_from_address(&h->children, key, &unauthenticated) >= c->per_address)
		return "too many connections from this address";
	/* One address alone must not keep everybody else from signing in. */
	if (unauthenticated >= c->unauthenticated - c->unauthenticated / 4)
		return "too many connections from this address that are not signed in";
	return NULL;
}

static bool
allowed(struct hub *h, const struct child *child, int fd)
{
	struct cfs_err err = CFS_ERR_INIT;
	const char *why;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	if (child->role == CHILD_ADMIN) {
		if (peer_credentials(fd, &uid, &gid, &pid, &err) == 0 &&
		    (uid == 0 || uid == geteuid()))
			return true;
		log_warn("admin socket: refused to process %ld", (long)pid);
		return false;
	}
	why = over_limit(h, &child->key);
	if (why && now_mono_ns() - h->refused_said_ns > SAY_NS) {
		log_warn("%s: %s", child->peer, why);
		h->refused_said_ns = now_mono_ns();
	}
	return !why;
}

/* Forks; 0 in the child with *hub_fd_out its end of the socketpair, the child's process in the hub, or a code. */
static int
fork_child(struct hub *h, struct child *child, int *hub_fd_out, struct cfs_err *err)
{
	struct child *added;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return err_set_errno(err, errno, "socketpair");
	if (!child_is_service(child->role))
		child->slot = stats_slot_take(h->stats);
	child->fd = sv[0];
	child->pid = fork();
	if (child->pid == 0) {
		*hub_fd_out = sv[1];
		return 0;
	}
	fd_close(&sv[1]);
	if (child->pid < 0) {
		stats_slot_free(h->stats, child->slot);
		fd_close(&sv[0]);
		return err_set_errno(err, errno, "fork");
	}
	added = children_add(&h->children, child);
	if (!added) {
		/* It ends by itself, because its socket does. */
		stats_slot_free(h->stats, child->slot);
		fd_close(&sv[0]);
		return err_code(err, CFS_ENOMEM);
	}
	return hub_watch(h, added->fd, EVENT_OF_CHILD, (uint32_t)added->pid, err) ? CFS_ENOMEM : 1;
}

static void
start_session(struct hub *h, int fd, enum child_role role)
{
	struct child child = {.role = role, .since_ns = now_real_ns(), .fd = -1, .slot = -1};
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned refused;
	int hub_fd, rc;

	if (getpeername(fd, (struct sockaddr *)&addr, &len) && role == CHILD_SESSION)
		goto out;
	child.key = addr_key_of(&addr);
	if (role == CHILD_ADMIN) {
		(void)strcpy(child.peer, "admin");
	} else {
		char text[HOSTPORT_SIZE];

		(void)snprintf(child.peer, sizeof(child.peer), "%.*s", (int)sizeof(child.peer) - 1,
			       addr_format(text, &addr));
	}
	if (!allowed(h, &child, fd)) {
		stats_count(h->stats, -1, STATS_TURNED_AWAY, 1);
		goto out;
	}
	refused = refusals_count(&h->refusals, &child.key, now_mono_ns());
	rc = fork_child(h, &child, &hub_fd, &err);
	if (rc == 0)
		serve_connection(h, &child, fd, hub_fd, refused);
	if (rc < 0)
		log_error("%s: %s", child.peer, err.text);
out:
	fd_close(&fd);
}

void
hub_accept(struct hub *h, int listen_fd, enum child_role role)
{
	struct cfs_err err = CFS_ERR_INIT;

	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = listen_accept(listen_fd, &err);

		if (fd == CFS_EBUSY)
			return;
		if (fd < 0) {
			log_error("%s", err.text);
			return;
		}
		start_session(h, fd, role);
	}
}

int
hub_fork_service(struct hub *h, enum child_role role, struct cfs_err *err)
{
	struct child child = {.role = role, .since_ns = now_real_ns(), .fd = -1, .slot = -1};
	int hub_fd;
	int rc;

	(void)strcpy(child.user, role == CHILD_KEEPER ? "(keeper)" : "(metrics)");
	rc = fork_child(h, &child, &hub_fd, err);
	if (rc == 0)
		serve_service(h, &child, hub_fd);
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Connections: limits, then a process each. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "server/door.h"
#include "server/hub_state.h"

/* Connections taken before the hub looks at its other work. */
#define ACCEPT_AT_ONCE 32

/* What making a process for one takes for a moment, and some for the administrator. */
#define DESCRIPTORS_SPARE 16

/* Over-limit connections are told of this often. */
#define SAY_NS ((uint64_t)NS_PER_S)

/* New descriptors get the lowest number that is free. */
static bool
descriptors_run_out(int fd)
{
	struct rlimit r;

	return getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY &&
	       (rlim_t)fd + DESCRIPTORS_SPARE > r.rlim_cur;
}

/* Why a connection is not served, or NULL. */
static const char *
over_limit(struct hub *h, const struct addr_key *key, int fd)
{
	const struct config *c = h->config;
	uint32_t unauthenticated;

	if (descriptors_run_out(fd))
		return "no descriptors left for a connection";
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
	why = over_limit(h, &child->key, fd);
	if (why && now_mono_ns() - h->refused_said_ns > SAY_NS) {
		log_warn("%s: %s", child->peer, why);
		h->refused_said_ns = now_mono_ns();
	}
	return !why;
}

/* ---- lines: a session's sockets to the hub, the signer and the door ---- */

/* The hub's ends of a session's lines, until they are with whom they are for. */
struct line_ends {
	int hub, signer, door;
};

static void
close_lines(struct lines *l)
{
	fd_close(&l->hub_fd);
	fd_close(&l->signer_fd);
	fd_close(&l->door_fd);
}

static int
make_line(int *session_out, int *other_out)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -1;
	*session_out = sv[0];
	*other_out = sv[1];
	return 0;
}

static int
make_lines(enum child_role role, struct lines *l, struct line_ends *ends, struct cfs_err *err)
{
	*l = (struct lines){-1, -1, -1};
	*ends = (struct line_ends){-1, -1, -1};
	if (make_line(&l->hub_fd, &ends->hub) == 0 &&
	    (role != CHILD_SESSION || (make_line(&l->signer_fd, &ends->signer) == 0 &&
				       make_line(&l->door_fd, &ends->door) == 0)))
		return 0;
	return err_set_errno(err, errno, "socketpair");
}

/* Gives the signer and the door their ends; a session without them comes to nothing, and ends by itself. */
static void
connect_lines(const struct hub *h, const struct child *child, const struct line_ends *ends)
{
	const struct signer_msg for_signer = {.kind = SIGNER_ATTACH};
	const struct child *signer = h->children.services[CHILD_SIGNER];
	const struct child *door = h->children.services[CHILD_DOOR];
	struct door_attach for_door = {.kind = DOOR_ATTACH,
				       .index = child->index,
				       .serial = child->serial,
				       .address = child->key};

	memcpy(for_door.peer, child->peer, sizeof(for_door.peer));
	if (!signer || !door ||
	    fdpass_send(signer->fd, &for_signer, sizeof(for_signer), &ends->signer, 1,
			MSG_DONTWAIT) ||
	    fdpass_send(door->fd, &for_door, sizeof(for_door), &ends->door, 1, MSG_DONTWAIT))
		log_warn("%s: nobody to sign in with", child->peer);
}

/* Into the list, with all that it is connected to; NULL: its process ends by itself, because its socket does. */
static struct child *
enroll(struct hub *h, const struct child *child, struct line_ends *ends, struct cfs_err *err)
{
	struct child *added = children_add(&h->children, child);

	if (added && child->role == CHILD_SESSION)
		connect_lines(h, added, ends);
	if (added && hub_watch(h, added->fd, EVENT_OF_CHILD, added->index, err)) {
		hub_child_gone(h, added);
		return NULL;
	}
	if (!added) {
		err_code(err, CFS_ENOMEM);
		stats_slot_free(h->stats, child->slot);
		fd_close(&ends->hub);
	}
	return added;
}

/* Forks; 0 in the child with its *lines_out, 1 in the hub, or a code. */
static int
fork_child(struct hub *h, struct child *child, struct lines *lines_out, struct cfs_err *err)
{
	struct line_ends ends;
	int rc = make_lines(child->role, lines_out, &ends, err);

	if (rc == 0 && !child_is_service(child->role))
		child->slot = stats_slot_take(h->stats);
	if (rc == 0 && (child->pid = fork()) < 0)
		rc = err_set_errno(err, errno, "fork");
	child->fd = ends.hub;
	if (rc == 0 && child->pid == 0) {
		fd_close(&ends.signer);
		fd_close(&ends.door);
		return 0;
	}
	if (rc) {
		stats_slot_free(h->stats, child->slot);
		fd_close(&ends.hub);
	} else {
		rc = enroll(h, child, &ends, err) ? 1 : CFS_ENOMEM;
		if (rc == 1)
			hub_count_child(h, child);
	}
	fd_close(&ends.signer);
	fd_close(&ends.door);
	close_lines(lines_out);
	return rc;
}

/* Has the maker fork: 1, or a code. */
static int
order_child(struct hub *h, struct child *child, int fd, struct cfs_err *err)
{
	struct child *added;
	struct line_ends ends;
	struct lines lines;
	int rc = make_lines(child->role, &lines, &ends, err);

	if (rc == 0) {
		child->slot = stats_slot_take(h->stats);
		child->fd = ends.hub;
		added = enroll(h, child, &ends, err);
		rc = added ? hub_maker_order(h, added, fd, &lines) : CFS_ENOMEM;
		if (rc && added)
			hub_child_gone(h, added);
	} else {
		fd_close(&ends.hub);
	}
	fd_close(&ends.signer);
	fd_close(&ends.door);
	close_lines(&lines);
	return rc ? rc : 1;
}

/* ---- connections ---- */

void
hub_start_session(struct hub *h, struct child *child, int fd)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct lines lines;
	int rc = CFS_EBUSY;

	child->since_ns = now_real_ns();
	child->fd = child->slot = -1;
	if (child->role == CHILD_SESSION && hub_maker_is_there(h))
		rc = order_child(h, child, fd, &err);
	/* No maker, or none now: what it does is only dearer here. */
	if (rc == CFS_EBUSY)
		rc = fork_child(h, child, &lines, &err);
	if (rc == 0)
		serve_connection(h, child, fd, &lines);
	if (rc < 0)
		log_error("%s: %s", child->peer, err.text);
	fd_close(&fd);
}

/* Costs less than the connection did, and is all that it gets: a client that was turned away knows that it was not the network. */
static void
say_refused(int fd)
{
	(void)send(fd, tls_refusal, sizeof(tls_refusal), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
welcome(struct hub *h, int fd, enum child_role role)
{
	struct child child = {.role = role};
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	int rc = 1;

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
		if (role == CHILD_SESSION)
			say_refused(fd);
		goto out;
	}
	if (role == CHILD_SESSION)
		rc = hub_lobby_enter(h, &child, fd);
	if (rc == 1)
		hub_start_session(h, &child, fd);
	if (rc >= 0)
		return;
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
		welcome(h, fd, role);
	}
}

int
hub_fork_service(struct hub *h, enum child_role role, struct cfs_err *err)
{
	static const char *const names[CHILD_ROLES] = {
	    [CHILD_KEEPER] = "(keeper)", [CHILD_METRICS] = "(metrics)", [CHILD_AUDIT] = "(audit)",
	    [CHILD_SIGNER] = "(signer)", [CHILD_DOOR] = "(door)",       [CHILD_MAKER] = "(maker)",
	};
	struct child child = {.role = role, .since_ns = now_real_ns(), .fd = -1, .slot = -1};
	struct lines lines;
	int rc;

	(void)strcpy(child.user, names[role]);
	rc = fork_child(h, &child, &lines, err);
	if (rc == 0)
		serve_service(h, &child, lines.hub_fd);
	if (rc > 0)
		log_info("%s: process %ld begins", child.user, (long)child.pid);
	return rc < 0 ? rc : 0;
}

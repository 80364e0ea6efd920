/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The forked side: from the fork to the session, in order: drop what is the hub's, lock down, talk TLS, serve. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/forkable.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "net/fdstream.h"
#include "server/audit.h"
#include "server/door.h"
#include "server/hub_state.h"
#include "server/keeper.h"
#include "server/maker.h"
#include "server/metrics.h"
#include "server/sandbox.h"
#include "server/session.h"

/* What is the hub's alone: where others connect, and its ends of the sockets to all the other sessions. */
static void
close_what_is_the_hubs(struct hub *h, const struct child *self, enum sandbox_role role)
{
	/* Who has no store has no part in its lock. */
	if (role == SANDBOX_SESSION || role == SANDBOX_MAKER)
		fd_close(&h->lock_fd);
	listener_close(&h->net);
	listener_close(&h->admin);
	if (self->role != CHILD_METRICS)
		listener_close(&h->metrics);
	fd_close(&h->epoll_fd);
	fd_close(&h->signal_fd);
	children_close_ends(&h->children);
}

/* A terminal's or service manager's signals reach the whole group: the hub acts on them and tells its children. */
static void
leave_signals(const struct hub *h)
{
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &h->old_mask, NULL);
}

/* What this process's lines of log say of it. */
static void
name_in_log(const struct child *self)
{
	static const char *const names[CHILD_ROLES] = {
	    [CHILD_SESSION] = "session", [CHILD_ADMIN] = "admin", [CHILD_KEEPER] = "keeper",
	    [CHILD_METRICS] = "metrics", [CHILD_AUDIT] = "audit", [CHILD_SIGNER] = "signer",
	    [CHILD_DOOR] = "door",       [CHILD_MAKER] = "maker",
	};

	log_fields_drop();
	log_field("role", names[self->role]);
	if (self->peer[0])
		log_field("peer", self->peer);
}

/* From the hub's powers to the role's, before a byte of anybody's is read: what is the hub's, what is the store's, the rest. */
static void
become_child(struct hub *h, struct child *self, enum sandbox_role role, int hub_fd)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	name_in_log(self);
	leave_signals(h);
	close_what_is_the_hubs(h, self, role);
	fd_close(&self->fd);
	if (role != SANDBOX_ADMIN)
		promise_table_leave(h->promises);
	if (role == SANDBOX_SESSION || role == SANDBOX_MAKER)
		hub_leave_counters(h);
	rc = sandbox_drop(h->sandbox, role, &err);
	if (rc == 0 && (role == SANDBOX_SESSION || role == SANDBOX_MAKER || role == SANDBOX_SIGNER))
		rc = store_shared_leave(h->shared, hub_fd, &err);
	if (rc == 0)
		rc = sandbox_lock(h->sandbox, role, hub_fd, &err);
	if (rc) {
		log_err(&err);
		_exit(1);
	}
	if (role == SANDBOX_MAKER)
		sandbox_strip(h->sandbox);
	else
		sandbox_free(h->sandbox);
}

/* The settings as they are below the sandbox's root. */
static struct store_conf
store_inside(const struct hub *h)
{
	struct store_conf conf = config_store(h->config);

	conf.path = ".";
	return conf;
}

static int
run_metrics(const struct hub *h, int hub_fd)
{
	const struct store_conf conf = config_store(h->config);
	const struct metrics_job metrics = {
	    .store_conf = &conf,
	    .shared = h->shared,
	    .stats = h->stats,
	    .started_ns = h->started_ns,
	    .listener = &h->metrics,
	    .file = h->config->metrics_file,
	    .interval_ms = h->config->metrics_interval_ms,
	    .hub_fd = hub_fd,
	};

	return metrics_run(&metrics);
}

static int
run_audit(const struct hub *h, int hub_fd)
{
	const struct store_conf conf = config_store(h->config);
	const struct audit_job audit = {
	    .store_conf = &conf,
	    .shared = h->shared,
	    .file = h->config->audit_file,
	    .hub_fd = hub_fd,
	};

	return audit_run(&audit);
}

/* The handshake, within the time for signing in; the hub's end ends it too. */
static int
handshake(struct stream *s, int hub_fd, int64_t timeout_ms, struct cfs_err *err)
{
	uint64_t deadline = deadline_from_ms(timeout_ms);
	int rc;

	while ((rc = tls_handshake(s, err)) == CFS_EBUSY) {
		struct pollfd p[2] = {{.fd = stream_fd(s), .events = stream_events(s)},
				      {.fd = hub_fd, .events = POLLIN}};

		if (deadline_passed(deadline))
			return err_set(err, CFS_ETIMEDOUT, "no TLS handshake in time");
		(void)poll(p, 2, deadline_left_ms(deadline));
		if (p[1].revents)
			return err_set(err, CFS_ECANCELED, "the server is going down");
	}
	return rc;
}

static int
open_stream(struct hub *h, const struct child *self, int fd, int hub_fd, struct session_args *args,
	    struct cfs_err *err)
{
	int rc;

	if (self->role == CHILD_ADMIN) {
		args->stream = fdstream_new(fd);
		args->peer.admin = true;
		return args->stream ? 0 : err_code(err, CFS_ENOMEM);
	}
	rc = tls_stream_new(h->tls, fd, &args->stream, err);
	if (rc == 0)
		rc = handshake(args->stream, hub_fd, h->config->signin_ms, err);
	if (rc == 0)
		args->peer.has_key = tls_peer_fingerprint(args->stream, &args->peer.key);
	return rc;
}

static struct session_conf
session_conf_of(const struct hub *h)
{
	const struct config *c = h->config;

	return (struct session_conf){
	    .trees_private = c->access == ACCESS_PRIVATE,
	    .requests_in_flight = (unsigned)c->requests_in_flight,
	    .signin_ms = c->signin_ms,
	    .idle_ms = c->idle_ms,
	    .heartbeat_ms = (uint32_t)c->heartbeat_ms,
	    .promise_ms = PROMISE_MS,
	    .server_key = h->identity.fingerprint,
	    .next_key = h->identity.next,
	    .address = h->identity.address,
	    .listen = h->identity.listen,
	    .port = h->identity.port,
	    .started_ns = h->started_ns,
	    .daemon_pid = (uint64_t)h->pid,
	};
}

/* What a session of the network waits for, in descriptors from the hub: the store, the read promises, the counters, the log's lines. */
struct reach {
	struct session_args *args;
	int door_fd; /* not needed any more then */
	const struct store_conf *conf;
	struct store *store;
};

static int
reach_store(void *arg, const int fds[STORE_FDS], struct store **store_out, struct cfs_err *err)
{
	struct reach *r = arg;
	struct store_shared *shared;
	struct logring *log = NULL;
	int rc;

	fd_close(&r->door_fd);
	/* Held to the end of the process. */
	if (fcntl(fds[STORE_FD_LOCK], F_DUPFD_CLOEXEC, 0) < 0 || fchdir(fds[STORE_FD_DIRECTORY]))
		return err_set_errno(err, errno, "the store's directory");
	rc = store_shared_join(&fds[STORE_FD_MEMORY], &shared, err);
	if (rc == 0)
		rc = promise_table_join(&fds[STORE_FD_SLOTS], &r->args->promises, err);
	if (rc == 0)
		rc = stats_join(fds[STORE_FD_COUNTERS], &r->args->stats, err);
	if (rc == 0)
		rc = logring_join(fds[STORE_FD_LOG], &log, err);
	if (log)
		log_tee(logring_put, log);
	r->args->log = log;
	if (rc == 0)
		rc = store_open(r->conf, shared, &r->store, err);
	*store_out = r->store;
	return rc;
}

/* In a process that is locked down: TLS, then the session. */
static _Noreturn void
talk(struct hub *h, const struct child *self, int fd, const struct lines *lines)
{
	struct store_conf store_conf = store_inside(h);
	const struct session_conf conf = session_conf_of(h);
	struct reach reach = {.door_fd = lines->door_fd, .conf = &store_conf};
	struct session_args args = {
	    .conf = &conf,
	    .hub_fd = lines->hub_fd,
	    .door_fd = lines->door_fd,
	    .reach = reach_store,
	    .reach_arg = &reach,
	    .own_log = true,
	    .log = h->log,
	    .stats = self->role == CHILD_ADMIN ? h->stats : NULL,
	    .slot = self->slot,
	    .promises = self->role == CHILD_ADMIN ? h->promises : NULL,
	    .hub_address = (uint64_t)getpid(),
	};
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	/* Administrators do not wait behind the crowd. */
	if (self->role == CHILD_SESSION)
		store_conf.db_sessions = (unsigned)h->config->db_sessions;
	reach.args = &args;
	h->signer_fd = lines->signer_fd;
	(void)snprintf(args.peer.address, sizeof(args.peer.address), "%s", self->peer);
	rc = open_stream(h, self, fd, lines->hub_fd, &args, &err);
	/* One signature is all there is. */
	fd_close(&h->signer_fd);
	if (rc == 0 && self->role == CHILD_ADMIN)
		rc = store_open(&store_conf, h->shared, &args.store, &err);
	if (rc) {
		log_info("%s: %s", self->peer, err.text);
		_exit(1);
	}
	(void)session_run(&args);
	store_close(self->role == CHILD_ADMIN ? args.store : reach.store);
	/* Not exit(): what the hub had open and registered is not this process's to end. */
	_exit(0);
}

_Noreturn void
serve_connection(struct hub *h, struct child *self, int fd, const struct lines *lines)
{
	become_child(h, self, self->role == CHILD_ADMIN ? SANDBOX_ADMIN : SANDBOX_SESSION,
		     lines->hub_fd);
	talk(h, self, fd, lines);
}

/* From the maker's powers to a session's. Where the store's event was, the maker has its line to the hub. */
static void
become_session(struct hub *h, const struct child *self, int maker_fd, int event_fd, int hub_fd)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	name_in_log(self);
	fd_close(&maker_fd);
	if (dup3(hub_fd, event_fd, O_CLOEXEC) < 0)
		rc = err_set_errno(&err, errno, "leave the maker");
	else
		rc = sandbox_part(h->sandbox, hub_fd, &err);
	if (rc) {
		log_err(&err);
		_exit(1);
	}
	sandbox_free(h->sandbox);
}

static _Noreturn void
run_maker(struct hub *h, const struct sibling *sibling, int maker_fd, int event_fd)
{
	struct child self = {.role = CHILD_SESSION};
	struct maker_order order;
	int fds[MAKER_FDS];
	struct lines lines;

	forkable_heap();
	if (maker_run(maker_fd, sibling, &order, fds) == 0)
		_exit(0);
	self.slot = order.slot;
	memcpy(self.peer, order.peer, sizeof(self.peer));
	lines.hub_fd = fds[MAKER_FD_HUB];
	lines.signer_fd = fds[MAKER_FD_SIGNER];
	lines.door_fd = fds[MAKER_FD_DOOR];
	become_session(h, &self, maker_fd, event_fd, lines.hub_fd);
	talk(h, &self, fds[MAKER_FD_CONNECTION], &lines);
}

_Noreturn void
serve_service(struct hub *h, struct child *self, int hub_fd)
{
	static const enum sandbox_role roles[CHILD_ROLES] = {
	    [CHILD_KEEPER] = SANDBOX_KEEPER, [CHILD_METRICS] = SANDBOX_METRICS,
	    [CHILD_AUDIT] = SANDBOX_AUDIT,   [CHILD_SIGNER] = SANDBOX_SIGNER,
	    [CHILD_DOOR] = SANDBOX_DOOR,     [CHILD_MAKER] = SANDBOX_MAKER,
	};
	const struct store_conf conf = store_inside(h);
	int shared_fds[STORE_SHARED_FDS];
	struct sibling sibling;

	store_shared_fds(h->shared, shared_fds);
	(void)sibling_init(&sibling);
	become_child(h, self, roles[self->role], hub_fd);
	switch (self->role) {
	case CHILD_KEEPER:
		_exit(keeper_run(&conf, h->shared, hub_fd));
	case CHILD_METRICS:
		_exit(run_metrics(h, hub_fd));
	case CHILD_AUDIT:
		_exit(run_audit(h, hub_fd));
	case CHILD_SIGNER:
		_exit(signer_run(hub_fd));
	case CHILD_DOOR:
		_exit(door_run(&conf, h->shared, h->stats, hub_fd));
	case CHILD_MAKER:
		run_maker(h, &sibling, hub_fd, shared_fds[1]);
	case CHILD_SESSION:
	case CHILD_ADMIN:
		break;
	}
	_exit(1);
}

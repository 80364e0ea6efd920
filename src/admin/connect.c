/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "admin/admin.h"
#include "base/io.h"
#include "base/time.h"
#include "base/version.h"
#include "net/fdstream.h"
#include "server/adminsock.h"
#include "server/identity.h"
#include "server/session.h"

/* A status of a large store, or a password's hash on a slow machine, may take a while. */
#define TIMEOUT_MS    (60 * 1000)
/* As long as a daemon waits for cfsadm to let the store go (server/hub.c), and some time for it to start. */
#define LOCK_WAIT_MS  5000
#define LOCK_QUIET_MS 500 /* until the wait is told */

struct admin_link {
	struct caller *caller;

	/* With no daemon: */
	bool own_session;
	pthread_t thread;
	int lock_fd;
	struct store_conf store_conf;
	struct store_shared *shared;
	struct store *store;
	struct identity identity;
	struct session_conf conf;
	struct session_args args;
};

static int
say_hello(struct admin_link *l, struct cfs_err *err)
{
	struct m_hello_req req = {.version_min = 1, .version_max = 1};
	struct m_hello_rep rep;
	char client[64];

	(void)snprintf(client, sizeof(client), "cfsadm %s", version_text());
	req.client = str_from(client);
	return admin_call(l, OP_HELLO, &req, &rep, err);
}

static void *
serve(void *arg)
{
	struct admin_link *l = arg;

	(void)session_run(&l->args);
	return NULL;
}

static int
open_store(const struct admin *a, struct admin_link *l, struct cfs_err *err)
{
	int rc = identity_load(a->config, &l->identity, err);

	if (rc == 0)
		rc = store_shared_new(&l->shared, err);
	l->store_conf = config_store(a->config);
	if (rc == 0)
		rc = store_open(&l->store_conf, l->shared, &l->store, err);
	return rc;
}

static int
start_session(const struct admin *a, struct admin_link *l, struct cfs_err *err)
{
	const struct config *c = a->config;
	int sv[2];

	l->conf = (struct session_conf){
	    .trees_private = c->access == ACCESS_PRIVATE,
	    .requests_in_flight = (unsigned)c->requests_in_flight,
	    .signin_ms = TIMEOUT_MS,
	    .idle_ms = TIMEOUT_MS,
	    .heartbeat_ms = (uint32_t)c->heartbeat_ms,
	    .server_key = l->identity.fingerprint,
	    .address = l->identity.address,
	    .listen = l->identity.listen,
	    .port = l->identity.port,
	};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return err_set_errno(err, errno, "socketpair");
	l->args = (struct session_args){
	    .stream = fdstream_new(sv[0]),
	    .store = l->store,
	    .conf = &l->conf,
	    .peer = {.admin = true, .address = "cfsadm"},
	    .hub_fd = -1,
	};
	if (l->args.stream && pthread_create(&l->thread, NULL, serve, l) == 0) {
		l->own_session = true;
		l->caller = caller_new(fdstream_new(sv[1]), TIMEOUT_MS);
	}
	return l->caller ? 0 : err_code(err, CFS_ENOMEM);
}

static int
finish(struct admin_link *l, int rc, struct admin_link **out, struct cfs_err *err)
{
	if (rc == 0)
		rc = say_hello(l, err);
	if (rc) {
		admin_disconnect(l);
		return rc;
	}
	*out = l;
	return 0;
}

static int
new_link(struct admin_link **out, struct cfs_err *err)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return err_code(err, CFS_ENOMEM);
	(*out)->lock_fd = -1;
	return 0;
}

/* On a connection to the daemon, which is taken. */
static int
use_daemon(struct admin_link *l, int fd, struct cfs_err *err)
{
	l->caller = caller_new(fdstream_new(fd), TIMEOUT_MS);
	return l->caller ? 0 : err_code(err, CFS_ENOMEM);
}

/*
 * The daemon's connection, or the store's lock in its place (*fd_out is -1). Who has the store and does not answer may be a daemon
 * that starts or ends, or another cfsadm: a moment later one of the two is to be had.
 */
static int
daemon_or_lock(const struct admin *a, struct admin_link *l, int *fd_out, struct cfs_err *err)
{
	const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
	uint64_t deadline = deadline_from_ms(LOCK_WAIT_MS), quiet = deadline_from_ms(LOCK_QUIET_MS);
	int rc;

	*fd_out = -1;
	if (adminsock_dial(a->config, fd_out, NULL) == 0)
		return 0;
	rc = admin_become_owner(a, err);
	if (rc)
		return rc;
	while ((rc = store_lock(a->config->path, &l->lock_fd, err)) == CFS_ELOCKED &&
	       !deadline_passed(deadline)) {
		if (quiet != 0 && deadline_passed(quiet)) {
			(void)fprintf(stderr, "cfsadm: waiting for who has the store\n");
			quiet = 0;
		}
		(void)nanosleep(&pause, NULL);
		if (adminsock_dial(a->config, fd_out, NULL) == 0)
			return 0;
	}
	return rc == CFS_ELOCKED ? err_wrap(err, "no daemon answers at the admin socket, but") : rc;
}

int
admin_connect(const struct admin *a, struct admin_link **out, struct cfs_err *err)
{
	struct admin_link *l;
	int fd = -1, rc = new_link(&l, err);

	*out = NULL;
	if (rc)
		return rc;
	rc = daemon_or_lock(a, l, &fd, err);
	if (rc == 0 && fd >= 0)
		rc = use_daemon(l, fd, err);
	else if (rc == 0)
		rc = open_store(a, l, err);
	if (rc == 0 && fd < 0)
		rc = start_session(a, l, err);
	return finish(l, rc, out, err);
}

int
admin_connect_daemon(const struct admin *a, struct admin_link **out, struct cfs_err *err)
{
	struct admin_link *l;
	int fd, rc = new_link(&l, err);

	*out = NULL;
	if (rc)
		return rc;
	rc = adminsock_dial(a->config, &fd, err);
	if (rc) {
		admin_disconnect(l);
		err_wrap(err, "no daemon answers");
		return err_set(err, CFS_ENET, "%s", (const char *)err->text);
	}
	rc = use_daemon(l, fd, err);
	return finish(l, rc, out, err);
}

void
admin_disconnect(struct admin_link *l)
{
	if (!l)
		return;
	caller_free(l->caller);
	if (l->own_session)
		(void)pthread_join(l->thread, NULL);
	if (l->store)
		store_close(l->store);
	store_shared_free(l->shared);
	identity_fini(&l->identity);
	fd_close(&l->lock_fd);
	free(l);
}

int
admin_call(struct admin_link *l, unsigned op, const void *request, void *reply, struct cfs_err *err)
{
	return caller_call(l->caller, op, 0, request, NULL, 0, reply, NULL, err);
}

int
admin_receive(struct admin_link *l, struct frame *frame_out, struct cfs_err *err)
{
	return caller_receive(l->caller, frame_out, err);
}

int
admin_send(struct admin_link *l, unsigned op, const void *request, struct cfs_err *err)
{
	return caller_send(l->caller, op, 0, request, NULL, 0, NULL, err);
}

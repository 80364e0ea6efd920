/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "server/activation.h"
#include "server/adminsock.h"
#include "server/hub_state.h"
#include "server/locks.h"
#include "server/notify.h"
#include "store/store.h"

#define EVENTS_AT_ONCE 64
/* How long somebody else may take to let go of the store. */
#define LOCK_WAIT_MS   3000
/* How often it is looked whether everybody has gone. */
#define DRAIN_LOOK_MS  100

int
hub_watch(struct hub *h, int fd, enum hub_event kind, uint32_t value, struct cfs_err *err)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | value};

	if (epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return err_set_errno(err, errno, "epoll_ctl");
	return 0;
}

/* ---- messages of children ---- */

void
hub_tell(const struct child *child, const struct hub_msg *m)
{
	(void)send(child->fd, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Somebody took it over, or it needs a call that sandbox_calls.c does not have. */
static void
say_forbidden(const struct child *child, int number)
{
	char *name = sandbox_call_name(number);

	log_error(
	    "%s: process %ld killed: it made the system call %s (%d), which its sandbox forbids",
	    child->peer[0] ? child->peer : child->user, (long)child->pid, name ? name : "?",
	    number);
	free(name);
}

static void
handle_message(struct hub *h, struct child *child, struct hub_msg *m)
{
	switch (m->kind) {
	case HUB_SIGNED_IN:
		m->user[sizeof(m->user) - 1] = '\0';
		m->device[sizeof(m->device) - 1] = '\0';
		if (child->role == CHILD_DOOR)
			hub_signed_in(h, m);
		break;
	case HUB_MADE:
		if (child->role == CHILD_MAKER)
			hub_maker_made(h, m);
		break;
	case HUB_ASK:
		hub_answer_ask(h, child, m->index);
		break;
	case HUB_KICK_USER:
		m->user[sizeof(m->user) - 1] = '\0';
		if (child->role == CHILD_ADMIN)
			hub_kick(h, child, m->user, NULL);
		break;
	case HUB_KEY:
		if (child->role == CHILD_ADMIN)
			hub_change_key(h, child, m->index);
		break;
	case HUB_KICK_DEVICE:
		/* Of its own user's, by what the door said of it. */
		if (child->signed_in)
			hub_kick(h, child, child->user, &m->key);
		break;
	case HUB_FORBIDDEN:
		say_forbidden(child, (int)m->index);
		break;
	case HUB_PROMISE_ASK:
	case HUB_PROMISE_DONE:
		hub_pass_on(h, child, m);
		break;
	case HUB_KICK_PROCESS:
		if (child->role == CHILD_ADMIN)
			hub_kick_process(h, m->pid);
		break;
	default:
		if (hub_lock_message(h, child, m))
			break;
		log_warn("process %ld sent nonsense", (long)child->pid);
		break;
	}
}

bool
hub_read_child(struct hub *h, uint32_t index)
{
	struct child *child = children_get(&h->children, index);
	struct hub_msg m;
	ssize_t n;

	if (!child || child->fd < 0)
		return false;
	n = recv(child->fd, &m, sizeof(m), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(m))
		handle_message(h, child, &m);
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		children_hang_up(&h->children, child); /* ended; it is reaped in a moment */
	return n == (ssize_t)sizeof(m);
}

/* ---- signals ---- */

static void
each_session(struct hub *h, void (*act)(const struct child *))
{
	struct child *c = children_from(&h->children, 0);

	for (; c; c = children_from(&h->children, c->index + 1)) {
		if (!child_is_service(c->role))
			act(c);
	}
}

static void
say_drain(const struct child *child)
{
	struct hub_msg m = {.kind = HUB_DRAIN};

	hub_tell(child, &m);
}

static void
kill_now(const struct child *child)
{
	/* One that is not there yet is killed the next time. */
	if (child->pid > 0)
		(void)kill(child->pid, SIGKILL);
}

static void
drain(struct hub *h)
{
	if (h->draining) {
		each_session(h, kill_now);
		return;
	}
	log_notice("going down: %u connections finish what is under way", h->children.sessions);
	notify_manager("STOPPING=1");
	h->draining = true;
	h->drain_deadline = deadline_from_ms(h->config->drain_ms);
	listener_close(&h->net);
	listener_close(&h->admin);
	hub_lobby_close(h);
	each_session(h, say_drain);
}

static void
log_config_error(void *arg, const char *text)
{
	(void)arg;
	log_error("%s", text);
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Sessions that run keep the settings that they began with. */
static void
reload(struct hub *h)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct sandbox *sandbox;
	struct config *fresh;

	if (config_load(h->config_path, log_config_error, NULL, &fresh, &err)) {
		log_error("the settings stay as they were: %s", err.text);
		return;
	}
	if (!same_text(fresh->path, h->config->path)) {
		log_error("the settings stay as they were: another [store] path needs a restart");
		config_free(fresh);
		return;
	}
	if (!same_text(fresh->listen, h->config->listen) ||
	    !same_text(fresh->admin_socket, h->config->admin_socket) ||
	    !same_text(fresh->metrics_listen, h->config->metrics_listen))
		log_warn("addresses and admin_socket change with the next restart");
	if (config_apply_log(fresh, "cfsd", &err))
		log_error("%s", err.text);
	hub_log_renew(h);
	/* Where the services' files lie may be new. */
	if (hub_new_sandbox(h, fresh, &sandbox, &err)) {
		log_error("the settings stay as they were: %s", err.text);
		config_free(fresh);
		return;
	}
	sandbox_free(h->sandbox);
	h->sandbox = sandbox;
	config_free(h->config);
	h->config = fresh;
	locks_set_keep(h->locks, (uint64_t)(fresh->lock_keep_ms * NS_PER_MS));
	hub_services_renew(h);
	log_notice("settings read again from %s", h->config_path);
}

static void
read_signals(struct hub *h)
{
	struct signalfd_siginfo info;

	while (read(h->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			hub_reap(h);
			break;
		case SIGHUP:
			reload(h);
			break;
		default:
			drain(h);
			break;
		}
	}
}

/* ---- life ---- */

static int
catch_signals(struct hub *h, struct cfs_err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, &h->old_mask))
		return err_set_errno(err, errno, "sigprocmask");
	h->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (h->signal_fd < 0 || h->epoll_fd < 0)
		return err_set_errno(err, errno, "signalfd, epoll");
	return hub_watch(h, h->signal_fd, EVENT_SIGNAL, 0, err);
}

static int
watch_listeners(struct hub *h, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < h->net.count && rc == 0; i++)
		rc = hub_watch(h, h->net.fds[i], EVENT_LISTEN_NET, (uint32_t)h->net.fds[i], err);
	for (size_t i = 0; i < h->admin.count && rc == 0; i++)
		rc = hub_watch(h, h->admin.fds[i], EVENT_LISTEN_ADMIN, (uint32_t)h->admin.fds[i],
			       err);
	return rc;
}

/*
 * Who holds the store may be about to let go: cfsadm that looks at it, or sessions of a hub that was killed a moment ago. A
 * living daemon answers at its admin socket, and then there is nothing to wait for.
 */
static int
lock_store(struct hub *h, struct cfs_err *err)
{
	const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
	uint64_t deadline = deadline_from_ms(LOCK_WAIT_MS);
	int fd, rc = store_lock(h->config->path, &h->lock_fd, err);

	while (rc == CFS_ELOCKED && !deadline_passed(deadline)) {
		if (adminsock_dial(h->config, &fd, NULL) == 0) {
			fd_close(&fd);
			return rc;
		}
		(void)nanosleep(&pause, NULL);
		rc = store_lock(h->config->path, &h->lock_fd, err);
	}
	return rc;
}

static int
start(struct hub *h, struct cfs_err *err)
{
	const struct config *c = h->config;
	int rc;

	rc = activation_take(&h->net, &h->admin, err);
	if (rc == 0)
		rc = lock_store(h, err);
	if (rc == 0)
		rc = store_shared_new(&h->shared, err);
	if (rc == 0)
		rc = hub_new_counters(h, err);
	if (rc == 0)
		rc = hub_new_sandbox(h, c, &h->sandbox, err);
	if (rc == 0)
		rc = promise_table_new(c->path, PROMISE_GRACE_MS, &h->promises, err);
	if (rc == 0)
		rc = hub_locks_start(h, err);
	if (rc == 0 && h->net.count == 0)
		rc = listen_tcp(&h->net, c->listen, err);
	if (rc == 0)
		rc = identity_addresses(c, &h->net, &h->identity, err);
	if (rc == 0 && c->metrics_listen)
		rc = listen_tcp(&h->metrics, c->metrics_listen, err);
	if (rc == 0 && h->admin.count == 0)
		rc = adminsock_listen(c, &h->admin, h->admin_path, err);
	if (rc == 0)
		rc = catch_signals(h, err);
	if (rc == 0)
		rc = watch_listeners(h, err);
	if (rc == 0)
		rc = hub_services_start(h, err);
	if (rc == 0)
		rc = hub_take_key(h, err);
	/* The maker, which needs that. */
	if (rc == 0)
		rc = hub_services_start(h, err);
	return rc;
}

static void
say_ready(const struct hub *h)
{
	char text[HOSTPORT_SIZE];

	for (size_t i = 0; i < h->net.count; i++)
		(void)fprintf(stderr, "cfsd: ready on %s\n",
			      addr_format_local(text, h->net.fds[i]));
	for (size_t i = 0; i < h->metrics.count; i++)
		(void)fprintf(stderr, "cfsd: metrics on http://%s/metrics\n",
			      addr_format_local(text, h->metrics.fds[i]));
	(void)fflush(stderr);
	notify_manager("READY=1");
}

static bool
finished(struct hub *h)
{
	if (!h->draining)
		return false;
	if (deadline_passed(h->drain_deadline))
		each_session(h, kill_now);
	hub_services_end(h);
	return h->children.count == 0;
}

static void
handle_event(struct hub *h, uint64_t data)
{
	uint32_t value = (uint32_t)data;

	switch ((enum hub_event)(data >> 32)) {
	case EVENT_SIGNAL:
		read_signals(h);
		break;
	case EVENT_LISTEN_NET:
		if (!h->draining)
			hub_accept(h, (int)value, CHILD_SESSION);
		break;
	case EVENT_LISTEN_ADMIN:
		if (!h->draining)
			hub_accept(h, (int)value, CHILD_ADMIN);
		break;
	case EVENT_OF_CHILD:
		(void)hub_read_child(h, value);
		break;
	case EVENT_LOBBY:
		hub_lobby_ready(h, value);
		break;
	}
}

/* Of two timeouts as epoll has them. */
static int
sooner(int a, int b)
{
	return b >= 0 && (a < 0 || b < a) ? b : a;
}

static void
loop(struct hub *h)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (!finished(h)) {
		int pet = notify_watchdog(&h->watchdog_ns);
		int timeout = h->draining || h->services_wait ? DRAIN_LOOK_MS : pet;
		int n;

		timeout = sooner(timeout, locks_timer(h->locks));
		timeout = sooner(timeout, hub_lobby_timer(h));
		n = epoll_wait(h->epoll_fd, events, EVENTS_AT_ONCE, timeout);
		for (int i = 0; i < n; i++)
			handle_event(h, events[i].data.u64);
		hub_services_retry(h);
	}
}

int
hub_run(const char *config_path, struct config *config, struct cfs_err *err)
{
	struct hub *h = calloc(1, sizeof(*h));
	int rc;

	if (!h) {
		config_free(config);
		return err_code(err, CFS_ENOMEM);
	}
	h->pid = getpid();
	log_field("role", "hub");
	h->config_path = config_path;
	h->config = config;
	h->lock_fd = h->epoll_fd = h->signal_fd = h->log_fd = -1;
	h->started_ns = now_real_ns();
	rc = start(h, err);
	if (rc == 0) {
		say_ready(h);
		loop(h);
		log_notice("ended");
	}
	if (h->admin_path[0])
		(void)unlink(h->admin_path);
	listener_close(&h->net);
	listener_close(&h->admin);
	listener_close(&h->metrics);
	hub_lobby_close(h);
	children_clear(&h->children);
	locks_free(h->locks);
	tls_ctx_free(h->tls);
	identity_fini(&h->identity);
	store_shared_free(h->shared);
	sandbox_free(h->sandbox);
	promise_table_free(h->promises);
	hub_free_counters(h);
	fd_close(&h->signal_fd);
	fd_close(&h->epoll_fd);
	fd_close(&h->lock_fd);
	config_free(h->config);
	free(h);
	return rc;
}

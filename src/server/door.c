/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/door.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "base/work.h"
#include "server/passqueue.h"
#include "server/stats.h"

#define EVENTS_AT_ONCE  64
#define WORKERS_IDLE_MS 10000

/* A connection that is not signed in. */
struct client {
	struct passqueue_job job; /* first */
	int fd;
	uint32_t index;
	uint64_t serial;
	uint64_t asked_ns; /* now_mono_ns() when its request came */
	char peer[64];
	struct signin_request req;
};

struct door {
	struct store *store;
	struct work_pool *workers;
	struct passqueue *passwords;
	struct refusals refusals;
	struct stats *stats;
	int hub_fd, epoll_fd;
	bool over;
};

static void
client_free(struct client *c)
{
	secure_wipe(&c->req, sizeof(c->req));
	fd_close(&c->fd);
	free(c);
}

/* Answers, and has no more to do with it. */
static void
answer(struct client *c, struct door_reply *reply, int rc, const struct cfs_err *err)
{
	reply->status = rc;
	if (rc)
		(void)snprintf(reply->text, sizeof(reply->text), "%s", err->text);
	(void)send(c->fd, reply, sizeof(*reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	client_free(c);
}

/* Before the answer: when the session asks for its store, the hub knows. */
static void
tell_hub(const struct door *d, const struct client *c, const struct signin_result *who)
{
	struct hub_msg m = {.kind = HUB_SIGNED_IN, .index = c->index, .serial = c->serial};

	m.asked_ns = c->asked_ns;
	m.key = who->device_key;
	(void)snprintf(m.user, sizeof(m.user), "%s", who->me.name);
	(void)snprintf(m.device, sizeof(m.device), "%s", who->device);
	if (fdpass_send(d->hub_fd, &m, sizeof(m), NULL, 0, 0))
		log_warn("door: the hub takes no message");
}

/* Guessing is slow from one address, and slow for one user from many. */
static struct addr_key
user_key(const char *user)
{
	struct addr_key key = {.family = -1};
	struct sha256 hash;

	if (sha256_once(NULL, user, strlen(user), &hash) == 0)
		memcpy(key.b, hash.b, sizeof(key.b));
	return key;
}

static uint32_t
refuse(struct door *d, const struct client *c, const struct cfs_err *why)
{
	struct addr_key user = user_key(c->req.user);
	uint64_t now = now_mono_ns();
	unsigned of_address = refusals_count(&d->refusals, &c->job.address, now);
	unsigned of_user = c->req.user[0] ? refusals_count(&d->refusals, &user, now) : 0;

	if (d->stats)
		stats_count(d->stats, -1, STATS_REFUSED, 1);
	refusals_note(&d->refusals, &c->job.address, now);
	if (c->req.user[0])
		refusals_note(&d->refusals, &user, now);
	return signin_refused(d->store, &c->req, c->peer,
			      of_address > of_user ? of_address : of_user, why);
}

static void
decide(struct door *d, struct client *c, bool password_right)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct door_reply reply = {0};
	int rc = signin_check(d->store, &c->req, password_right, c->peer, &reply.who, &err);

	if (rc == 0)
		tell_hub(d, c, &reply.who);
	else
		memset(&reply.who, 0, sizeof(reply.who));
	if (rc == CFS_EAUTH)
		reply.hold_ms = refuse(d, c, &err);
	answer(c, &reply, rc, &err);
}

static bool
gone(struct passqueue_job *job)
{
	const struct client *c = (const struct client *)(const void *)job;
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
dropped(struct passqueue_job *job)
{
	client_free((struct client *)(void *)job);
}

static void
queue_password(struct door *d, struct client *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct door_reply reply = {0};
	int rc = people_password_hash(d->store, c->req.user, c->job.hash, &err);

	c->job.password = c->req.secret;
	c->job.len = c->req.secret_len;
	if (rc == 0)
		rc = passqueue_add(d->passwords, &c->job, &err);
	if (rc)
		answer(c, &reply, rc, &err);
}

static void
collect(struct door *d)
{
	struct passqueue_job *job;

	while ((job = passqueue_next(d->passwords))) {
		struct client *c = (struct client *)(void *)job;
		struct door_reply reply = {0};

		if (job->status)
			answer(c, &reply, job->status, &job->err);
		else
			decide(d, c, job->right);
	}
}

/* A session asks once; what is not a request is not answered. */
static void
read_client(struct door *d, struct client *c)
{
	struct door_request req;
	ssize_t n = recv(c->fd, &req, sizeof(req), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	(void)epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	if (n != (ssize_t)sizeof(req)) {
		client_free(c);
		return;
	}
	c->req = req.signin;
	secure_wipe(&req, sizeof(req));
	signin_request_clamp(&c->req);
	c->asked_ns = now_mono_ns();
	if (c->req.way == SIGNIN_PASSWORD)
		queue_password(d, c);
	else
		decide(d, c, false);
}

static void
attach(struct door *d, const struct door_attach *m, int *fd)
{
	struct client *c = calloc(1, sizeof(*c));
	struct epoll_event ev = {.events = EPOLLIN};

	if (!c)
		return;
	ev.data.ptr = c;
	c->fd = *fd;
	c->index = m->index;
	c->serial = m->serial;
	c->job.address = m->address;
	memcpy(c->peer, m->peer, sizeof(c->peer));
	*fd = -1;
	if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, c->fd, &ev))
		client_free(c);
}

static void
read_hub(struct door *d)
{
	struct door_attach m;
	int fds[FDPASS_MAX];
	ssize_t n = fdpass_receive(d->hub_fd, &m, sizeof(m), fds, MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(m) && m.kind == DOOR_LOG) {
		log_adopt(&m.log, fds[0]);
		fds[0] = -1;
	} else if (n == (ssize_t)sizeof(m) && fds[0] >= 0) {
		attach(d, &m, &fds[0]);
	} else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EMSGSIZE)) {
		d->over = true;
	}
	fdpass_close(fds);
}

static int
init(struct door *d, const struct store_conf *conf, struct store_shared *shared,
     struct cfs_err *err)
{
	struct epoll_event hub = {.events = EPOLLIN, .data.ptr = &d->hub_fd};
	struct epoll_event work = {.events = EPOLLIN, .data.ptr = &d->workers};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = processors > 0 ? (unsigned)processors : 1;
	int rc = store_open(conf, shared, &d->store, err);

	if (rc == 0)
		rc = work_new(threads, WORKERS_IDLE_MS, &d->workers, err);
	if (rc == 0)
		rc = passqueue_new(d->workers, threads, gone, dropped, &d->passwords, err);
	if (rc)
		return rc;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll_fd < 0 || epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->hub_fd, &hub) ||
	    epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, work_fd(d->workers), &work))
		return err_set_errno(err, errno, "epoll");
	return 0;
}

static void
loop(struct door *d)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (!d->over) {
		int n = epoll_wait(d->epoll_fd, events, EVENTS_AT_ONCE, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &d->hub_fd)
				read_hub(d);
			else if (events[i].data.ptr == &d->workers)
				collect(d);
			else
				read_client(d, events[i].data.ptr);
		}
	}
}

int
door_run(const struct store_conf *conf, struct store_shared *shared, struct stats *stats,
	 int hub_fd)
{
	struct door d = {.hub_fd = hub_fd, .epoll_fd = -1, .stats = stats};
	struct cfs_err err = CFS_ERR_INIT;
	int rc = init(&d, conf, shared, &err);

	if (rc == 0)
		loop(&d);
	else
		log_error("door: %s", err.text);
	/* Clients that wait are the sessions' to end: the process ends with the hub, and they do. */
	work_free(d.workers);
	passqueue_free(d.passwords);
	store_close(d.store);
	fd_close(&d.epoll_fd);
	return rc ? 1 : 0;
}

int
door_ask(int door_fd, const struct signin_request *req, uint64_t deadline, struct door_reply *out,
	 struct cfs_err *err)
{
	struct door_request ask = {.signin = *req};
	struct pollfd p = {.fd = door_fd, .events = POLLIN};
	ssize_t n = send(door_fd, &ask, sizeof(ask), MSG_DONTWAIT | MSG_NOSIGNAL);

	secure_wipe(&ask, sizeof(ask));
	if (n != (ssize_t)sizeof(ask))
		return err_set(err, CFS_EBUSY, "one sign-in for each connection");
	while ((n = poll(&p, 1, deadline_left_ms(deadline))) < 0 && errno == EINTR)
		;
	if (n == 0)
		return err_set(err, CFS_EBUSY, "too many sign-ins at once: try again");
	n = recv(door_fd, out, sizeof(*out), MSG_DONTWAIT);
	if (n != (ssize_t)sizeof(*out))
		return err_set(err, CFS_EBUSY, "the server takes no sign-ins now: try again");
	out->text[sizeof(out->text) - 1] = '\0';
	return out->status ? err_set(err, out->status, "%s", out->text) : 0;
}

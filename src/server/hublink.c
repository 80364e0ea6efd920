/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/hublink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "base/time.h"
#include "server/lease_gate.h"
#include "server/locking.h"
#include "server/promise_changes.h"
#include "server/promises.h"

/* The hub answers from memory; longer means that it is stopped or gone. */
#define ANSWER_MS 2000

#define GOODBYE_RETRY_MS 1000

static int
send_msg(const struct session *s, const struct hub_msg *m)
{
	ssize_t n;

	do
		n = send(s->args->hub_fd, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*m) ? 0 : CFS_EIO;
}

static void
tell(const struct session *s, const struct hub_msg *m)
{
	if (s->args->hub_fd >= 0 && send_msg(s, m))
		log_warn("the hub takes no message");
}

void
hublink_kick_device(const struct session *s, const struct sha256 *key)
{
	struct hub_msg m = {.kind = HUB_KICK_DEVICE, .key = *key};

	tell(s, &m);
}

void
hublink_kick_user(const struct session *s, const char *user)
{
	struct hub_msg m = {.kind = HUB_KICK_USER};

	(void)snprintf(m.user, sizeof(m.user), "%s", user);
	tell(s, &m);
}

void
hublink_promise(const struct session *s, const struct hub_msg *m)
{
	if (s->args->hub_fd >= 0)
		(void)send_msg(s, m);
}

void
hublink_kick_process(const struct session *s, uint64_t pid)
{
	struct hub_msg m = {.kind = HUB_KICK_PROCESS, .pid = pid};

	tell(s, &m);
}

bool
hublink_lock(struct session *s, const struct hub_msg *m)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (s->args->hub_fd < 0)
		return false;
	if (send_msg(s, m) == 0)
		return true;
	if (errno == EAGAIN)
		return false;
	/* The client asks the next hub. */
	err_set(&err, CFS_ENET, "the hub is gone");
	session_fail(s, &err);
	return true;
}

static void
say_goodbye(struct session *s, uint32_t kind)
{
	struct m_goodbye_push push = {.reason = STR_LIT("the server is going down"),
				      .retry_ms = GOODBYE_RETRY_MS};

	if (kind == HUB_KICK)
		push = (struct m_goodbye_push){
		    .reason = STR_LIT("signed out by the server's administrator")};
	if (s->ending)
		return;
	if (frame_write(s->writer, OP_GOODBYE, 0, 0, &msg_goodbye_push, &push, NULL))
		log_warn("no memory to say goodbye");
	session_end(s, 0);
}

/* 1 and a message; 0: none is there; CFS_ENET: the hub is gone. */
static int
receive(struct session *s, struct hub_msg *m)
{
	int fds[FDPASS_MAX];
	ssize_t n;

	do
		n = fdpass_receive(s->args->hub_fd, m, sizeof(*m), fds, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n == (ssize_t)sizeof(*m) && m->kind == HUB_LOG) {
		log_adopt(&m->log, fds[0]);
		fds[0] = -1;
	}
	fdpass_close(fds);
	return n == (ssize_t)sizeof(*m) ? 1 : CFS_ENET;
}

int
hublink_take_store(struct session *s, uint64_t deadline, int fds[], struct cfs_err *err)
{
	struct pollfd p = {.fd = s->args->hub_fd, .events = POLLIN};
	struct hub_msg m;
	ssize_t n;

	for (;;) {
		n = fdpass_receive(p.fd, &m, sizeof(m), fds, MSG_DONTWAIT);
		if (n == (ssize_t)sizeof(m) && m.kind == HUB_STORE && fds[STORE_FDS - 1] >= 0)
			return 0;
		fdpass_close(fds);
		if (n == (ssize_t)sizeof(m) && m.kind == HUB_KICK)
			return err_set(err, CFS_EAUTH, "signed out meanwhile");
		if (n >= 0 || errno != EAGAIN)
			return err_set(err, CFS_ENET, "the server is going down");
		if (deadline_passed(deadline))
			return err_set(err, CFS_EBUSY, "the hub does not answer");
		(void)poll(&p, 1, deadline_left_ms(deadline));
	}
}

/* Whether it was a message that needs no question of this session's. */
static bool
handle(struct session *s, const struct hub_msg *m)
{
	switch (m->kind) {
	case HUB_DRAIN:
	case HUB_KICK:
		say_goodbye(s, m->kind);
		return true;
	case HUB_LOG:
		/* Done as it came, with its descriptor. */
		return true;
	case HUB_NEXT_KEY:
		session_tell_key(s, &m->key);
		return true;
	case HUB_LOCK_ANSWER:
		locking_answered(s, &m->lock);
		return true;
	case HUB_PROMISE_ASK:
		promises_asked(s, m);
		return true;
	case HUB_PROMISE_DONE:
		if (!lease_gate_answered(s, m))
			promise_changes_answered(s, m);
		return true;
	default:
		return false;
	}
}

void
hublink_read(struct session *s)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct hub_msg m;
	int rc;

	while ((rc = receive(s, &m)) == 1)
		(void)handle(s, &m);
	if (rc < 0) {
		err_set(&err, rc, "the hub is gone");
		session_fail(s, &err);
	}
}

/* Asks and waits for an answer, one of these kinds. */
static int
ask(struct session *s, const struct hub_msg *m, uint32_t kind, uint32_t or_kind,
    struct hub_msg *out, struct cfs_err *err)
{
	struct pollfd p = {.fd = s->args->hub_fd, .events = POLLIN};
	uint64_t deadline = deadline_from_ms(ANSWER_MS);
	int rc;

	if (send_msg(s, m))
		return err_set(err, CFS_EBUSY, "the hub takes no message");
	while (!deadline_passed(deadline)) {
		(void)poll(&p, 1, deadline_left_ms(deadline));
		rc = receive(s, out);
		if (rc < 0)
			return err_set(err, rc, "the hub is gone");
		if (rc == 1 && !handle(s, out) && (out->kind == kind || out->kind == or_kind))
			return 0;
	}
	return err_set(err, CFS_ETIMEDOUT, "the hub does not answer");
}

int
hublink_ask(struct session *s, uint32_t index, struct hub_msg *out, struct cfs_err *err)
{
	const struct hub_msg m = {.kind = HUB_ASK, .index = index};
	int rc = ask(s, &m, HUB_SESSION, HUB_END, out, err);

	return rc ? rc : out->kind == HUB_SESSION;
}

int
hublink_key(struct session *s, uint32_t what, struct hub_msg *out, struct cfs_err *err)
{
	const struct hub_msg m = {.kind = HUB_KEY, .index = what};
	int rc;

	if (s->args->hub_fd < 0)
		return err_set(err, CFS_ENET, "the server does not run");
	rc = ask(s, &m, HUB_KEYS, HUB_KEYS, out, err);
	if (rc)
		return rc;
	out->text[sizeof(out->text) - 1] = '\0';
	return out->index ? err_set(err, -(int)out->index, "%s", out->text) : 0;
}

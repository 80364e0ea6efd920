/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/enter.h"

#include <string.h>

#include "base/fdpass.h"
#include "base/io.h"
#include "base/time.h"
#include "server/door.h"
#include "server/hublink.h"
#include "server/tally.h"

/* The hub answers from memory. */
#define STORE_MS 10000

static int
enter_admin(struct session *s, const struct m_hello_req *hello, struct signin_result *who,
	    struct cfs_err *err)
{
	if (hello->auth != SIGNIN_KEY)
		return err_set(err, CFS_EAUTH, "the admin socket knows no passwords");
	*who = (struct signin_result){.me = {.home = STORE_ROOT_INO, .name = "admin"}};
	return store_id(s->store, &who->store, &who->gen, err);
}

/* Answered late, and the last answer. */
static void
refuse(struct session *s, uint32_t hold_ms)
{
	tally_refused(s);
	s->hold_until = deadline_from_ms(hold_ms);
	session_end(s, CFS_EAUTH);
}

static int
check_here(struct session *s, const struct signin_request *req, struct signin_result *who,
	   struct cfs_err *err)
{
	const char *peer = s->args->peer.address;
	int rc = signin_check_now(s->store, req, peer, who, err);

	if (rc == CFS_EAUTH)
		refuse(s, signin_refused(s->store, req, peer, 0, err));
	return rc;
}

static int
take_store(struct session *s, struct cfs_err *err)
{
	int fds[FDPASS_MAX];
	int rc = hublink_take_store(s, deadline_from_ms(STORE_MS), fds, err);

	if (rc == 0)
		rc = s->args->reach(s->args->reach_arg, fds, &s->store, err);
	fdpass_close(fds);
	s->durable.store = s->store;
	return rc ? rc : tally_join(s);
}

static int
ask_door(struct session *s, const struct signin_request *req, struct signin_result *who,
	 struct cfs_err *err)
{
	struct door_reply reply = {0};
	int rc = door_ask(s->args->door_fd, req, s->signin_deadline, &reply, err);

	*who = reply.who;
	if (rc == 0)
		rc = take_store(s, err);
	if (rc == CFS_EAUTH)
		refuse(s, reply.hold_ms);
	else if (rc)
		session_end(s, rc);
	return rc;
}

int
enter(struct session *s, const struct m_hello_req *hello, struct signin_result *who_out,
      struct cfs_err *err)
{
	const struct session_peer *peer = &s->args->peer;
	struct signin_request req;
	int rc;

	if (peer->admin) {
		rc = enter_admin(s, hello, who_out, err);
		if (rc == CFS_EAUTH)
			refuse(s, 0);
	} else {
		rc = signin_request_of(hello, peer->has_key ? &peer->key : NULL, &req, err);
		if (rc == 0 && s->store)
			rc = check_here(s, &req, who_out, err);
		else if (rc == 0)
			rc = ask_door(s, &req, who_out, err);
		secure_wipe(&req, sizeof(req));
	}
	if (rc)
		return rc;
	s->me = who_out->me;
	memcpy(s->device, who_out->device, sizeof(s->device));
	s->device_key = who_out->device_key;
	s->has_device = who_out->has_device != 0;
	s->cred = peer->admin
		      ? (struct cred){.admin = true}
		      : (struct cred){.user = s->me.id, .trees_private = s->conf->trees_private};
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Administration: over the admin socket, and by cfsadm alone when no daemon runs. */

#include <string.h>

#include "base/time.h"
#include "base/version.h"
#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/hublink.h"
#include "server/op_admin.h"
#include "server/promise_changes.h"
#include "store/events.h"

/* The status is an answer of one frame: more connections than this are only counted. */
#define SESSIONS_MAX 4096u

#define INVITE_TTL_MAX (366u * 24 * 3600)

static struct str
field(const char *text, size_t size)
{
	return (struct str){.p = text, .len = strnlen(text, size)};
}

static int
list_sessions(struct session *s, struct list *out, struct cfs_err *err)
{
	struct hub_msg m = {.index = 0};
	uint32_t index = 0;
	int rc = 0;

	while (s->args->hub_fd >= 0 && out->count < SESSIONS_MAX &&
	       (rc = hublink_ask(s, index, &m, err)) == 1) {
		struct m_session_info info = {
		    .pid = m.pid,
		    .user = field(m.user, sizeof(m.user)),
		    .device = field(m.device, sizeof(m.device)),
		    .peer = field(m.peer, sizeof(m.peer)),
		    .since = m.since_ns,
		};

		if (codec_list_append(out, &msg_session_info, &info, &s->scratch, 0))
			return err_code(err, CFS_ENOMEM);
		index = m.index + 1;
	}
	return rc < 0 ? rc : 0;
}

int
handle_ADMIN_STATUS(struct session *s, struct call *c, struct cfs_err *err)
{
	struct m_admin_status_rep *rep = &c->rep->admin_status_rep;
	const struct session_conf *conf = s->conf;
	struct store_stats st;
	int rc = store_stats(s->store, &st, err);

	if (rc)
		return rc;
	*rep = (struct m_admin_status_rep){
	    .server = str_from(s->server_name),
	    .pid = conf->daemon_pid,
	    .address = str_from(conf->listen),
	    .port = conf->port,
	    .fingerprint = conf->server_key,
	    .started = conf->started_ns,
	    .users = st.users,
	    .files = st.files,
	    .logical_bytes = st.logical_bytes,
	    .blob_bytes = st.blob_bytes,
	    .attic_files = st.attic_files,
	    .attic_bytes = st.attic_bytes,
	    .free_bytes = st.free_bytes,
	};
	return list_sessions(s, &rep->sessions, err);
}

/* change. */
static int
write_event(struct session *s, const struct call *c, struct str user, struct cfs_err *err)
{
	struct event e = {
	    .kind = EVENT_ADMIN,
	    .op = c->op->number,
	    .user_name = {.data = "admin", .len = 5},
	    .peer = {.data = s->args->peer.address, .len = strlen(s->args->peer.address)},
	    .path = convert_view(user),
	};

	return events_add(s->store, &e, err);
}

int
admin_finish(struct session *s, const struct call *c, struct str user, int rc, struct cfs_err *err)
{
	struct buf none = BUF_INIT;
	uint64_t commit;

	if (rc == 0)
		rc = write_event(s, c, user, err);
	if (rc) {
		store_rollback(s->store);
		return rc;
	}
	rc = store_commit(s->store, &commit, err);
	if (rc == 0) {
		/* A new user has a tree in the root. Clients are told of it, but the admin does not wait for them. */
		promise_changes_note_names(s, STORE_ROOT_INO);
		(void)promise_changes_settle(s, &none, 0, &none, 0);
	}
	return rc ? rc : store_sync(s->store, commit, err);
}

/* change. */
static int
make_invite(struct session *s, const struct m_admin_invite_req *req, const char *name,
	    int64_t expires_ns, char *secret, struct cfs_err *err)
{
	struct person p;
	int rc = people_by_name(s->store, name, &p, err);

	if (rc == CFS_ENOENT && !req->device)
		rc = people_add(s->store, name, &p, err);
	if (rc)
		return rc;
	return people_invite_make(s->store, p.id, expires_ns, secret, err);
}

int
handle_ADMIN_INVITE(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_admin_invite_req *req = &c->req->admin_invite_req;
	char name[PEOPLE_NAME_MAX + 1];
	int64_t expires_ns = now_real_ns() + (int64_t)req->ttl_s * NS_PER_S;
	char *secret = s->secret;
	int rc;

	if (!convert_cstr(req->user, name, sizeof(name)))
		return err_set(err, CFS_EBADNAME, "not a user name");
	if (req->ttl_s == 0 || req->ttl_s > INVITE_TTL_MAX)
		return err_set(err, CFS_EINVAL, "an invite is good for a year at most");
	rc = store_begin(s->store, err);
	if (rc)
		return rc;
	rc = make_invite(s, req, name, expires_ns, secret, err);
	rc = admin_finish(s, c, req->user, rc, err);
	if (rc)
		return rc;
	c->rep->admin_invite_rep = (struct m_admin_invite_rep){
	    .secret = str_from(secret),
	    .expires = expires_ns,
	    .fingerprint = s->conf->server_key,
	    .address = str_from(s->conf->address),
	};
	return 0;
}

/* Connections that an order to end them is for. */
static uint32_t
count_kicked(struct session *s, uint64_t pid, struct str user)
{
	struct stats_session one;
	uint32_t n = 0;

	for (unsigned i = 0; i < stats_slots(s->stats); i++) {
		if (stats_session(s->stats, i, &one) && !one.admin &&
		    (pid ? one.pid == pid : str_is(user, one.user)))
			n++;
	}
	return n;
}

int
handle_ADMIN_KICK(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_admin_kick_req *req = &c->req->admin_kick_req;
	char name[PEOPLE_NAME_MAX + 1];
	uint32_t count;
	int rc;

	if (!convert_cstr(req->user, name, sizeof(name)) || (req->pid == 0 && name[0] == '\0'))
		return err_set(err, CFS_EINVAL, "neither a process nor a user");
	count = count_kicked(s, req->pid, req->user);
	if (count == 0)
		return err_set(err, CFS_ENOENT, "no such connection");
	rc = store_begin(s->store, err);
	if (rc)
		return rc;
	rc = admin_finish(s, c, req->user, 0, err);
	if (rc)
		return rc;
	if (req->pid)
		hublink_kick_process(s, req->pid);
	else
		hublink_kick_user(s, name);
	c->rep->admin_kick_rep.count = count;
	return 0;
}

enum { USER_MAKE = 1, USER_PASSWORD = 2, USER_DISABLE = 3, USER_ENABLE = 4, USER_FORGET = 5 };

/* change. */
static int
set_user(struct session *s, const struct m_admin_user_set_req *req, const char *name,
	 const char *hash, struct cfs_err *err)
{
	struct person p;
	unsigned count;
	int rc;

	rc = req->what == USER_MAKE ? people_add(s->store, name, &p, err)
				    : people_by_name(s->store, name, &p, err);
	if (rc)
		return rc;
	switch (req->what) {
	case USER_MAKE:
		return hash ? people_set_password(s->store, p.id, hash, err) : 0;
	case USER_PASSWORD:
		return people_set_password(s->store, p.id, hash, err);
	case USER_DISABLE:
		return people_set_disabled(s->store, p.id, true, err);
	case USER_ENABLE:
		return people_set_disabled(s->store, p.id, false, err);
	case USER_FORGET:
		return people_devices_forget(s->store, p.id, &count, err);
	default:
		return err_set(err, CFS_EINVAL, "unknown act %u", req->what);
	}
}

int
handle_ADMIN_USER_SET(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_admin_user_set_req *req = &c->req->admin_user_set_req;
	char name[PEOPLE_NAME_MAX + 1], hash[128];
	bool has_hash = req->password.len > 0;
	int rc = 0;

	if (!convert_cstr(req->user, name, sizeof(name)))
		return err_set(err, CFS_EBADNAME, "not a user name");
	/* Slow on purpose, so before the transaction. */
	if (has_hash)
		rc = people_hash_password(req->password.p, req->password.len, hash, err);
	if (rc == 0)
		rc = store_begin(s->store, err);
	if (rc)
		return rc;
	rc = set_user(s, req, name, has_hash ? hash : NULL, err);
	rc = admin_finish(s, c, req->user, rc, err);
	/* Who may not sign in any more does not stay in either. */
	if (rc == 0 && (req->what == USER_DISABLE || req->what == USER_FORGET))
		hublink_kick_user(s, name);
	return rc;
}

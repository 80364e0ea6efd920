/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Sign-in, heartbeat, the change stream, users and devices. */

#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "base/version.h"
#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/enter.h"
#include "server/hublink.h"
#include "server/leases.h"
#include "server/promises.h"
#include "server/tally.h"
#include "server/watch.h"

#define PROTOCOL_VERSION 1u
#define FEATURES         UINT64_C(0)
#define INODES_MAX       65536u

static void
fill_hello(const struct session *s, const struct m_hello_req *req, const struct signin_result *who,
	   struct m_hello_rep *rep)
{
	*rep = (struct m_hello_rep){
	    .version = PROTOCOL_VERSION,
	    .features = req->features & FEATURES,
	    .server = str_from(s->server_name),
	    .user_id = s->me.id,
	    .user = str_from(s->me.name),
	    .device = str_from(s->device),
	    .root = STORE_ROOT_INO,
	    .home = s->me.home,
	    .max_frame = FRAME_MAX,
	    .max_inline = STORE_INLINE_MAX,
	    .max_blob = STORE_BLOB_MAX,
	    .heartbeat_ms = s->conf->heartbeat_ms,
	    .is_private = s->conf->trees_private,
	    .store = who->store,
	    .gen = who->gen,
	};
}

int
handle_HELLO(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_hello_req *req = &c->req->hello_req;
	struct signin_result who;
	int rc;

	if (s->signed_in)
		return err_set(err, CFS_EPROTO, "signed in already");
	if (req->version_min > PROTOCOL_VERSION || req->version_max < PROTOCOL_VERSION)
		return err_set(err, CFS_EUNSUPPORTED,
			       "this server speaks version %u of the protocol", PROTOCOL_VERSION);
	rc = enter(s, req, &who, err);
	if (rc)
		return rc;
	fill_hello(s, req, &who, &c->rep->hello_rep);
	s->signed_in = true;
	frame_reader_set_max(s->reader, FRAME_MAX);
	tally_signed_in(s);
	promises_begin(s, &req->client_id);
	if (s->args->own_log) {
		log_field("user", s->me.name);
		log_field("device", s->device);
	}
	log_info("%s: '%s' signed in with %.*s", s->args->peer.address, s->me.name,
		 STR_ARGS(req->client));
	return 0;
}

int
handle_PING(struct session *s, struct call *c, struct cfs_err *err)
{
	(void)err;
	c->rep->ping_rep.time = now_real_ns();
	c->rep->ping_rep.promise_ms = promises_renew(s);
	return 0;
}

int
handle_PROMISES_RELEASE(struct session *s, struct call *c, struct cfs_err *err)
{
	(void)c;
	(void)err;
	promises_release(s);
	return 0;
}

int
handle_LEASE(struct session *s, struct call *c, struct cfs_err *err)
{
	return leases_do(s, &c->req->lease_req, &c->rep->lease_rep, err);
}

int
handle_PUSH_ACK(struct session *s, struct call *c, struct cfs_err *err)
{
	/* A number that was never given is harmless. */
	(void)err;
	if (c->req->push_ack_req.push > PROMISES_PUSH_FIRST)
		promises_acknowledged(s, c->req->push_ack_req.push);
	else
		watch_acknowledged(s, c->req->push_ack_req.push);
	return 0;
}

int
handle_STREAM_ATTACH(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_stream_attach_req *req = &c->req->stream_attach_req;
	struct stream_state st;
	int rc;

	if (req->inodes > INODES_MAX)
		return err_set(err, CFS_EINVAL, "more than %u inode numbers", INODES_MAX);
	if (s->batch.head)
		return err_set(err, CFS_EBUSY,
			       "changes of the stream attached before are under way");
	rc = stream_attach(s->store, s->me.id, &req->stream, req->create != 0, req->inodes, &st,
			   err);
	if (rc)
		return rc;
	s->changes = st;
	s->has_stream = true;
	c->rep->stream_attach_rep = (struct m_stream_attach_rep){
	    .epoch = st.epoch,
	    .last_seq = st.last_seq,
	    .first = st.first_ino,
	    .count = st.ino_count,
	    .gen = st.gen,
	};
	return 0;
}

int
handle_INODES(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_inodes_req *req = &c->req->inodes_req;
	struct m_inodes_rep *rep = &c->rep->inodes_rep;

	if (!s->has_stream)
		return err_set(err, CFS_ESTREAMLOST, "no change stream is attached");
	if (req->inodes == 0 || req->inodes > INODES_MAX)
		return err_set(err, CFS_EINVAL, "1 to %u inode numbers", INODES_MAX);
	return stream_grant_inodes(s->store, &s->changes, req->inodes, &rep->first, &rep->count,
				   &rep->gen, err);
}

struct user_list {
	struct session *s;
	struct list users;
	bool all; /* devices and all, for an admin */
	uint64_t only;
};

static int
add_user(void *arg, const struct person *p)
{
	struct user_list *l = arg;
	struct m_user user;

	if (l->only != 0 && l->only != p->id)
		return 0;
	/* Where trees are private, so is who else has one. */
	if (!l->all && l->s->cred.trees_private && p->id != l->s->me.id)
		return 0;
	convert_user(p, &user);
	if (!l->all)
		user.devices = 0;
	return codec_list_append(&l->users, &msg_user, &user, &l->s->scratch, 0);
}

static int
list_users(struct session *s, uint64_t only, bool all, struct list *out, struct cfs_err *err)
{
	struct user_list l = {.s = s, .all = all, .only = only};
	int rc = people_list(s->store, add_user, &l, err);

	*out = l.users;
	return rc;
}

int
handle_USERS(struct session *s, struct call *c, struct cfs_err *err)
{
	return list_users(s, c->req->users_req.id, s->cred.admin, &c->rep->users_rep.users, err);
}

int
handle_ADMIN_USERS(struct session *s, struct call *c, struct cfs_err *err)
{
	return list_users(s, 0, true, &c->rep->users_rep.users, err);
}

struct device_list {
	struct session *s;
	struct list devices;
};

static int
add_device(void *arg, const struct person_device *d)
{
	struct device_list *l = arg;
	struct session *s = l->s;
	struct m_device device;

	convert_device(d, s->has_device && sha256_equal(&d->fingerprint, &s->device_key), &device);
	return codec_list_append(&l->devices, &msg_device, &device, &s->scratch, 0);
}

int
handle_DEVICES(struct session *s, struct call *c, struct cfs_err *err)
{
	struct device_list l = {.s = s};
	int rc = people_devices(s->store, s->me.id, add_device, &l, err);

	c->rep->devices_rep.devices = l.devices;
	return rc;
}

int
handle_DEVICE_REVOKE(struct session *s, struct call *c, struct cfs_err *err)
{
	static const struct sha256 own;
	const struct sha256 *fp = &c->req->device_revoke_req.fingerprint;
	uint64_t commit;
	int rc;

	if (sha256_equal(fp, &own)) {
		if (!s->has_device)
			return err_set(err, CFS_ENOENT, "this connection uses no device key");
		fp = &s->device_key;
	}
	rc = store_begin(s->store, err);
	if (rc)
		return rc;
	rc = people_device_revoke(s->store, s->me.id, fp, err);
	if (rc) {
		store_rollback(s->store);
		return rc;
	}
	rc = store_commit(s->store, &commit, err);
	if (rc == 0)
		rc = store_sync(s->store, commit, err);
	if (rc)
		return rc;
	/* Its connections end: the others by the hub, this one when it has been answered. */
	hublink_kick_device(s, fp);
	if (s->has_device && sha256_equal(fp, &s->device_key))
		session_end(s, 0);
	return 0;
}

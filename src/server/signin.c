/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/signin.h"

#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "server/convert.h"
#include "server/hublink.h"
#include "server/tally.h"
#include "store/events.h"
#include "store/names.h"

enum { AUTH_KEY = 0, AUTH_PASSWORD = 1, AUTH_INVITE = 2 };

/* A refusal is answered after this, twice as late for each failure of the address that the hub remembers. */
#define DELAY_MS      250
#define DELAY_DOUBLES 6u

/* Strangers who keep trying are logged, but do not fill the store with events. */
#define REFUSED_EVENTS_MAX 20u

static struct bytes_view
view(const char *text)
{
	return (struct bytes_view){.data = text, .len = strlen(text)};
}

static int
by_password(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	char name[PEOPLE_NAME_MAX + 1];

	/* What cannot be a name costs as much as any other. */
	if (!convert_cstr(req->user, name, sizeof(name)))
		name[0] = '\0';
	return people_check_password(s->store, name, req->secret.p ? req->secret.p : "",
				     req->secret.len, &s->me, err);
}

static int
by_key(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	struct person_device device;
	int rc;

	if (!s->args->peer.has_key)
		return err_set(err, CFS_EAUTH, "no device key was shown");
	rc = people_by_device(s->store, &s->args->peer.key, &s->me, &device, err);
	if (rc)
		return rc;
	if (req->user.len > 0 && !str_is(req->user, s->me.name))
		return err_set(err, CFS_EAUTH, "this device's key belongs to another user");
	memcpy(s->device, device.name, sizeof(s->device));
	s->device_key = s->args->peer.key;
	s->has_device = true;
	return 0;
}

/* change. */
static int
enrol(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	if (!s->args->peer.has_key)
		return err_set(err, CFS_EINVAL, "no device key was shown that could be enrolled");
	if (!convert_cstr(req->device, s->device, sizeof(s->device)))
		return err_set(err, CFS_EBADNAME, "not a name for a device");
	s->device_key = s->args->peer.key;
	s->has_device = true;
	return people_device_add(s->store, s->me.id, &s->device_key, s->device, err);
}

static int
write_event(struct session *s, enum event_kind kind, struct bytes_view user, int result,
	    struct cfs_err *err)
{
	struct event e = {
	    .kind = kind,
	    .op = OP_HELLO,
	    .owner = s->me.id,
	    .user = s->me.id,
	    .user_name = user,
	    .device = view(s->device),
	    .peer = view(s->args->peer.address),
	    .result = result,
	};

	return events_add(s->store, &e, err);
}

/* The part that changes the store: uses the invite up, enrols, notes the device and the event. */
static int
record(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	int rc = 0;

	if (req->auth == AUTH_INVITE)
		rc = people_invite_use(s->store, req->secret.p ? req->secret.p : "",
				       req->secret.len, &s->me, err);
	if (rc == 0 && req->auth == AUTH_INVITE && req->user.len > 0 &&
	    !str_is(req->user, s->me.name))
		rc = err_set(err, CFS_EAUTH, "the invite is for another user");
	if (rc == 0 && req->auth != AUTH_KEY && req->enrol)
		rc = enrol(s, req, err);
	if (rc == 0 && s->has_device)
		rc = people_device_seen(s->store, &s->device_key, err);
	if (rc == 0)
		rc = write_event(s, EVENT_SIGNIN, view(s->me.name), 0, err);
	return rc;
}

static int
record_in_transaction(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	uint64_t commit;
	int rc = store_begin(s->store, err);

	if (rc)
		return rc;
	rc = record(s, req, err);
	if (rc) {
		store_rollback(s->store);
		return rc;
	}
	rc = store_commit(s->store, &commit, err);
	if (rc == 0 && req->auth != AUTH_KEY)
		rc = store_sync(s->store, commit, err);
	return rc;
}

static int
admin_check(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	if (req->auth != AUTH_KEY)
		return err_set(err, CFS_EAUTH, "the admin socket knows no passwords");
	s->cred = (struct cred){.admin = true};
	s->me = (struct person){.home = STORE_ROOT_INO, .name = "admin"};
	return 0;
}

int
signin_check(struct session *s, const struct m_hello_req *req, struct cfs_err *err)
{
	int rc;

	if (s->args->peer.admin)
		return admin_check(s, req, err);
	switch (req->auth) {
	case AUTH_KEY:
		rc = by_key(s, req, err);
		break;
	case AUTH_PASSWORD:
		rc = by_password(s, req, err);
		break;
	case AUTH_INVITE:
		rc = 0;
		break;
	default:
		return err_set(err, CFS_EUNSUPPORTED, "way to sign in %u is not known here",
			       req->auth);
	}
	if (rc == 0)
		rc = record_in_transaction(s, req, err);
	/* A store that takes no changes can still be read. */
	if (rc == CFS_EREADONLY && req->auth != AUTH_INVITE && !req->enrol)
		rc = 0;
	if (rc == 0)
		s->cred = (struct cred){.user = s->me.id, .trees_private = s->conf->trees_private};
	return rc;
}

static void
record_refusal(struct session *s, struct str user)
{
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t commit;
	int rc;

	memset(&s->me, 0, sizeof(s->me));
	s->device[0] = '\0';
	rc = store_begin(s->store, &err);
	if (rc == 0) {
		rc = write_event(s, EVENT_REFUSED, convert_view(user), CFS_EAUTH, &err);
		if (rc)
			store_rollback(s->store);
		else
			rc = store_commit(s->store, &commit, &err);
	}
	if (rc)
		log_warn("refused sign-in: event: %s", err.text);
}

void
signin_refused(struct session *s, const struct m_hello_req *req, const struct cfs_err *why)
{
	unsigned doubles = s->args->peer.refused;
	char user[PEOPLE_NAME_MAX + 1];

	if (!convert_cstr(req->user, user, sizeof(user)))
		(void)strcpy(user, "?");
	log_notice("%s: sign-in as '%s' refused: %s", s->args->peer.address, user, why->text);
	if (doubles < REFUSED_EVENTS_MAX)
		record_refusal(s, req->user);
	hublink_refused(s);
	tally_refused(s);
	doubles = doubles < DELAY_DOUBLES ? doubles : DELAY_DOUBLES;
	s->hold_until = deadline_from_ms((int64_t)DELAY_MS << doubles);
	session_end(s, CFS_EAUTH);
}

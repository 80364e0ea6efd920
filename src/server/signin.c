/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/signin.h"

#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "server/convert.h"
#include "store/events.h"
#include "store/names.h"

/* A refusal is answered after this, twice as late for each failure that is remembered. */
#define DELAY_MS      250u
#define DELAY_DOUBLES 6u

/* Strangers who keep trying are logged, but do not fill the store with events. */
#define REFUSED_EVENTS_MAX 20u

static struct bytes_view
view(const char *text)
{
	return (struct bytes_view){.data = text, .len = strlen(text)};
}

int
signin_request_of(const struct m_hello_req *hello, const struct sha256 *key,
		  struct signin_request *out, struct cfs_err *err)
{
	memset(out, 0, sizeof(*out));
	if (hello->secret.len > sizeof(out->secret))
		return err_set(err, CFS_EINVAL, "a secret of more than %u bytes",
			       SIGNIN_SECRET_MAX);
	out->way = hello->auth;
	out->enrol = hello->enrol != 0;
	out->has_key = key != NULL;
	if (key)
		out->key = *key;
	out->secret_len = (uint32_t)hello->secret.len;
	if (hello->secret.len > 0)
		memcpy(out->secret, hello->secret.p, hello->secret.len);
	/* What cannot be a name costs as much as any other. */
	if (!convert_cstr(hello->user, out->user, sizeof(out->user)))
		(void)strcpy(out->user, "?");
	if (!convert_cstr(hello->device, out->device, sizeof(out->device)))
		out->device[0] = '\0';
	return 0;
}

void
signin_request_clamp(struct signin_request *req)
{
	req->user[sizeof(req->user) - 1] = '\0';
	req->device[sizeof(req->device) - 1] = '\0';
	req->secret_len = (uint32_t)min_size(req->secret_len, sizeof(req->secret));
}

static int
by_key(struct store *store, const struct signin_request *req, struct signin_result *out,
       struct cfs_err *err)
{
	struct person_device device;
	int rc;

	if (!req->has_key)
		return err_set(err, CFS_EAUTH, "no device key was shown");
	rc = people_by_device(store, &req->key, &out->me, &device, err);
	if (rc)
		return rc;
	if (req->user[0] && strcmp(req->user, out->me.name) != 0)
		return err_set(err, CFS_EAUTH, "this device's key belongs to another user");
	memcpy(out->device, device.name, sizeof(out->device));
	out->device_key = req->key;
	out->has_device = 1;
	return 0;
}

/* change. */
static int
by_invite(struct store *store, const struct signin_request *req, struct signin_result *out,
	  struct cfs_err *err)
{
	int rc = people_invite_use(store, req->secret, req->secret_len, &out->me, err);

	if (rc == 0 && req->user[0] && strcmp(req->user, out->me.name) != 0)
		rc = err_set(err, CFS_EAUTH, "the invite is for another user");
	return rc;
}

/* change. */
static int
enrol(struct store *store, const struct signin_request *req, struct signin_result *out,
      struct cfs_err *err)
{
	if (!req->has_key)
		return err_set(err, CFS_EINVAL, "no device key was shown that could be enrolled");
	if (!req->device[0])
		return err_set(err, CFS_EBADNAME, "not a name for a device");
	memcpy(out->device, req->device, sizeof(out->device));
	out->device_key = req->key;
	out->has_device = 1;
	return people_device_add(store, out->me.id, &out->device_key, out->device, err);
}

static int
write_event(struct store *store, enum event_kind kind, const struct signin_result *who,
	    const char *user, const char *peer, int result, struct cfs_err *err)
{
	struct event e = {
	    .kind = kind,
	    .op = OP_HELLO,
	    .owner = who->me.id,
	    .user = who->me.id,
	    .user_name = view(user),
	    .device = view(who->device),
	    .peer = view(peer),
	    .result = result,
	};

	return events_add(store, &e, err);
}

/* The part that changes the store: uses the invite up, enrols, notes the device and the event. */
static int
record(struct store *store, const struct signin_request *req, const char *peer,
       struct signin_result *out, struct cfs_err *err)
{
	int rc = 0;

	if (req->way == SIGNIN_INVITE)
		rc = by_invite(store, req, out, err);
	if (rc == 0 && req->way != SIGNIN_KEY && req->enrol)
		rc = enrol(store, req, out, err);
	if (rc == 0 && out->has_device)
		rc = people_device_seen(store, &out->device_key, err);
	if (rc == 0)
		rc = write_event(store, EVENT_SIGNIN, out, out->me.name, peer, 0, err);
	return rc;
}

static int
record_in_transaction(struct store *store, const struct signin_request *req, const char *peer,
		      struct signin_result *out, struct cfs_err *err)
{
	uint64_t commit;
	int rc = store_begin(store, err);

	if (rc)
		return rc;
	rc = record(store, req, peer, out, err);
	if (rc) {
		store_rollback(store);
		return rc;
	}
	rc = store_commit(store, &commit, err);
	if (rc == 0 && req->way != SIGNIN_KEY)
		rc = store_sync(store, commit, err);
	return rc;
}

int
signin_check(struct store *store, const struct signin_request *req, bool password_right,
	     const char *peer, struct signin_result *out, struct cfs_err *err)
{
	int rc = 0;

	memset(out, 0, sizeof(*out));
	switch (req->way) {
	case SIGNIN_KEY:
		rc = by_key(store, req, out, err);
		break;
	case SIGNIN_PASSWORD:
		rc = people_by_password(store, req->user, password_right, &out->me, err);
		break;
	case SIGNIN_INVITE:
		break;
	default:
		return err_set(err, CFS_EUNSUPPORTED, "way to sign in %u is not known here",
			       req->way);
	}
	if (rc == 0)
		rc = record_in_transaction(store, req, peer, out, err);
	/* A store that takes no changes can still be read, and one that is full can be made emptier. */
	if ((rc == CFS_EREADONLY || rc == CFS_ENOSPC) && req->way != SIGNIN_INVITE && !req->enrol) {
		log_warn("%s: %s signed in, which could not be noted: %s", peer, out->me.name,
			 err->text);
		rc = 0;
	}
	if (rc == 0)
		rc = store_id(store, &out->store, &out->gen, err);
	return rc;
}

int
signin_check_now(struct store *store, const struct signin_request *req, const char *peer,
		 struct signin_result *out, struct cfs_err *err)
{
	char hash[PEOPLE_HASH_SIZE];
	bool right = false;
	int rc = 0;

	if (req->way == SIGNIN_PASSWORD) {
		rc = people_password_hash(store, req->user, hash, err);
		if (rc == 0)
			rc = people_password_right(hash, req->secret, req->secret_len, &right, err);
		secure_wipe(hash, sizeof(hash));
	}
	return rc ? rc : signin_check(store, req, right, peer, out, err);
}

static void
record_refusal(struct store *store, const char *user, const char *peer)
{
	static const struct signin_result nobody;
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t commit;
	int rc;

	rc = store_begin(store, &err);
	if (rc == 0) {
		rc = write_event(store, EVENT_REFUSED, &nobody, user, peer, CFS_EAUTH, &err);
		if (rc)
			store_rollback(store);
		else
			rc = store_commit(store, &commit, &err);
	}
	if (rc)
		log_warn("refused sign-in: event: %s", err.text);
}

uint32_t
signin_refused(struct store *store, const struct signin_request *req, const char *peer,
	       unsigned failures, const struct cfs_err *why)
{
	log_notice("%s: sign-in as '%s' refused: %s", peer, req->user, why->text);
	if (failures < REFUSED_EVENTS_MAX)
		record_refusal(store, req->user, peer);
	return DELAY_MS << (failures < DELAY_DOUBLES ? failures : DELAY_DOUBLES);
}

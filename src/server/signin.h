/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SIGNIN_H
#define CFS_SERVER_SIGNIN_H

/*
 * Who is it? Device key, password or invite, checked in the store. The door does this for the daemon's sessions; a session that has
 * its store from the start (tests, cfsadm alone) does it itself.
 */

#include "base/err.h"
#include "base/rand.h"
#include "proto/ops.h"
#include "store/people.h"
#include "store/store.h"

#define SIGNIN_SECRET_MAX 1024

enum signin_way { SIGNIN_KEY = 0, SIGNIN_PASSWORD = 1, SIGNIN_INVITE = 2 };

/* Plain data: it crosses processes. */
struct signin_request {
	uint32_t way; /* enum signin_way, if it is one */
	uint8_t enrol;
	uint8_t has_key; /* the TLS handshake proved this key */
	struct sha256 key;
	uint32_t secret_len;
	char secret[SIGNIN_SECRET_MAX];
	char user[PEOPLE_NAME_MAX + 1];     /* "?" for what cannot be a name */
	char device[PEOPLE_DEVICE_MAX + 1]; /* "" for what cannot be one */
};

struct signin_result {
	struct person me;
	struct sha256 device_key;
	uint8_t has_device;
	char device[PEOPLE_DEVICE_MAX + 1];
	struct id128 store;
	uint32_t gen;
};

/* Fills *out from HELLO; the secret is there twice then, and *out to be wiped. CFS_EINVAL if it is too long to be anybody's. */
int signin_request_of(const struct m_hello_req *hello, const struct sha256 *key,
		      struct signin_request *out, struct cfs_err *err);

/* Ends strings where their arrays end and bounds lengths: for a request from another process. */
void signin_request_clamp(struct signin_request *req);

/*
 * The check, and for SIGNIN_PASSWORD its second half: password_right is what people_password_right() said of the hash that
 * people_password_hash() found. Enrols the device's key where asked to; the sign-in's event and all that goes with it are in one
 * transaction, on stable storage if something was enrolled. CFS_EAUTH with a text that says the same for every reason
 * that a stranger must not tell apart.
 */
int signin_check(struct store *store, const struct signin_request *req, bool password_right,
		 const char *peer, struct signin_result *out, struct cfs_err *err);

/* All of it at once, the slow part included. */
int signin_check_now(struct store *store, const struct signin_request *req, const char *peer,
		     struct signin_result *out, struct cfs_err *err);

/*
 * Notes a refusal in the log and as an event. failures: those remembered of the address or user before this one. Returns after how
 * many milliseconds the client is to be told: twice as late for each.
 */
uint32_t signin_refused(struct store *store, const struct signin_request *req, const char *peer,
			unsigned failures, const struct cfs_err *why);

#endif

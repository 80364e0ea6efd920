/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Login and logout: what makes and ends a profile. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/xdg.h"
#include "client/cfs.h"
#include "client/link.h"
#include "client/profile.h"
#include "net/key.h"
#include "net/url.h"

#define TIMEOUT_MS 30000u

/* What a login works on. */
struct login {
	const struct cfs_login *want;
	const char *name;
	struct invite invite; /* its url also without an invite */
	bool has_invite;
	struct sha256 pin;
	bool has_pin;
	struct tls_key *key;
	char *key_path, *new_path; /* where the key will be, and is until the server has taken it */
	uint64_t deadline;
	char user[65];
};

static int
read_target(struct login *l, struct cfs_err *err)
{
	int rc;

	l->has_invite = invite_is(l->want->target);
	if (!l->has_invite) {
		rc = url_parse(l->want->target, &l->invite.url, err);
		if (rc == 0 && l->invite.url.user[0] == '\0')
			rc = err_set(err, CFS_EUSAGE, "which user? cfs://USER@%s",
				     l->invite.url.host);
		if (rc == 0 && l->want->password == NULL)
			rc = err_set(err, CFS_EUSAGE, "a password is needed, or an invite");
		return rc;
	}
	rc = invite_parse(l->want->target, &l->invite, err);
	if (rc == 0 && l->want->no_device)
		rc = err_set(err, CFS_EUSAGE, "an invite is for enrolling this device");
	l->pin = l->invite.fingerprint;
	l->has_pin = rc == 0;
	return rc;
}

/* A server that was met before must have the key that it had then. */
static void
find_known_pin(struct login *l)
{
	struct cfs_profile old;

	if (l->has_pin || cfs_profile_load(l->name, &old, NULL) < 0)
		return;
	if (old.has_pin && old.port == l->invite.url.port &&
	    strcmp(old.host, l->invite.url.host) == 0) {
		l->pin = old.pin;
		l->has_pin = true;
	}
	cfs_profile_fini(&old);
}

static char *
config_path(const char *name, const char *suffix, struct cfs_err *err)
{
	struct buf path = BUF_INIT;
	char file[96];

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	if (xdg_path(XDG_CONFIG, file, true, &path, err) < 0) {
		buf_fini(&path);
		return NULL;
	}
	return buf_take(&path, NULL);
}

/* The key is on disk before the server learns of it: an invite is good once only. */
static int
make_key(struct login *l, struct cfs_err *err)
{
	int rc;

	if (l->want->no_device)
		return 0;
	l->key_path = config_path(l->name, ".key", err);
	l->new_path = config_path(l->name, ".key.new", err);
	if (l->key_path == NULL || l->new_path == NULL)
		return err != NULL && err->code < 0 ? err->code : CFS_ENOMEM;
	rc = key_generate(KEY_DEVICE, &l->key, err);
	if (rc == 0)
		rc = key_save(l->key, AT_FDCWD, l->new_path, err);
	return rc;
}

static int
ask_trust(struct login *l, const struct sha256 *actual, struct cfs_err *err)
{
	char text[FINGERPRINT_TEXT_SIZE];

	if (!l->has_pin) {
		fingerprint_format(text, actual);
		if (l->want->trust == NULL ||
		    !l->want->trust(l->want->arg, l->invite.url.host, text))
			return err_set(err, CFS_EDENIED, "the server's key %s is not trusted",
				       text);
		l->pin = *actual;
		l->has_pin = true;
	}
	return 0;
}

static int
enrol(struct login *l, struct cfs_err *err)
{
	struct dialer *d = NULL;
	struct link link = {0};
	struct cfs_identity who;
	struct link_terms terms;
	char host[129] = "";
	struct sign_in s = {
	    .auth = l->has_invite ? 2 : 1,
	    .enrol = !l->want->no_device,
	    .user = l->invite.url.user,
	    .secret = l->has_invite ? l->invite.secret : l->want->password,
	    .device = l->want->device,
	    .program = l->want->program,
	};
	int rc = link_tls_dialer(l->invite.url.host, l->invite.url.port, l->key,
				 l->has_pin ? &l->pin : NULL, &d, err);

	if (rc == 0)
		rc = link_open(d, l->deadline, &link, err);
	if (rc == 0) {
		struct sha256 actual = link_tls_actual(d);

		rc = ask_trust(l, &actual, err);
	}
	if (s.device == NULL && gethostname(host, sizeof(host) - 1) == 0)
		s.device = host;
	/* People take their time to answer: the sign-in has its own. */
	l->deadline = deadline_from_ms(l->want->timeout_ms != 0 ? l->want->timeout_ms : TIMEOUT_MS);
	if (rc == 0)
		rc = link_sign_in(&link, &s, l->deadline, &who, &terms, err);
	if (rc == 0)
		snprintf(l->user, sizeof(l->user), "%s", who.user);
	link_close(&link);
	dialer_free(d);
	return rc;
}

static int
keep_profile(struct login *l, struct cfs_profile *out, struct cfs_err *err)
{
	struct cfs_profile p = {
	    .port = l->invite.url.port,
	    .pin = l->pin,
	    .has_pin = true,
	    .name = strdup(l->name),
	    .host = strdup(l->invite.url.host),
	    .user = strdup(l->user),
	};
	int rc = p.name != NULL && p.host != NULL && p.user != NULL ? 0 : err_code(err, CFS_ENOMEM);

	if (rc == 0 && l->key_path != NULL) {
		if (rename(l->new_path, l->key_path) < 0)
			rc = err_set_errno(err, errno, "%s", l->key_path);
		p.key_path = l->key_path;
		l->key_path = NULL;
	}
	if (rc == 0)
		rc = cfs_profile_save(&p, false, err);
	if (rc == 0 && out != NULL) {
		*out = p;
		return 0;
	}
	cfs_profile_fini(&p);
	return rc;
}

int
cfs_login(const struct cfs_login *want, struct cfs_profile *out, struct cfs_err *err)
{
	struct login l = {.want = want, .name = want->name != NULL ? want->name : "default"};
	struct cfs_err own;
	int rc;

	if (err == NULL)
		err = &own;
	l.deadline = deadline_from_ms(want->timeout_ms != 0 ? want->timeout_ms : TIMEOUT_MS);
	rc = profile_check_name(l.name, err);
	if (rc == 0)
		rc = read_target(&l, err);
	if (rc == 0) {
		find_known_pin(&l);
		rc = make_key(&l, err);
	}
	if (rc == 0)
		rc = enrol(&l, err);
	if (rc == 0)
		rc = keep_profile(&l, out, err);
	if (rc < 0 && l.new_path != NULL)
		unlink(l.new_path);
	secure_wipe(&l.invite, sizeof(l.invite));
	key_free(l.key);
	free(l.key_path);
	free(l.new_path);
	return rc;
}

int
cfs_logout(const char *name, bool *revoked_out, struct cfs_err *err)
{
	static const struct sha256 this_one;
	struct cfs_options options = {.program = "cfs", .timeout_ms = 5000, .no_reconnect = true};
	struct cfs_profile p;
	struct cfs *c = NULL;
	int rc = cfs_profile_load(name, &p, err);

	*revoked_out = false;
	if (rc < 0)
		return rc;
	if (p.key_path != NULL && cfs_connect(&p, &options, &c, NULL) == 0)
		*revoked_out = cfs_device_revoke(c, &this_one, NULL) == 0;
	cfs_close(c);
	rc = cfs_profile_remove(p.name, err);
	cfs_profile_fini(&p);
	return rc;
}

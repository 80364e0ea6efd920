/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_LOGIN_H
#define CFS_CLIENT_CFS_LOGIN_H

/* Part of cfs.h: signing in for the first time, and out. */

#include "client/cfs.h"

/*
 * Login: target is an invite line, or cfs://user@host:port with a password. Makes a device key, enrols it (unless no_device), pins the server. The
 * trust callback is asked when no fingerprint is known beforehand (first use): return true to trust. On success the profile is saved as `name`
 * and *out (may be NULL) filled.
 */
struct cfs_login {
	const char *target;
	const char *name;     /* profile, NULL: "default" */
	const char *password; /* NULL with an invite */
	const char *device;   /* NULL: the host's name */
	bool no_device;
	bool (*trust)(void *arg, const char *host, const char *fingerprint_text);
	void *arg;
	unsigned timeout_ms;
	const char *program;
};
int cfs_login(const struct cfs_login *l, struct cfs_profile *out, struct cfs_err *err);
/* Revokes this device at the server (if it can be reached; *revoked_out says) and removes the profile. */
int cfs_logout(const char *name, bool *revoked_out, struct cfs_err *err);

#endif

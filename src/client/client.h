/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CLIENT_H
#define CFS_CLIENT_CLIENT_H

/* Making a struct cfs over any kind of line: what cfs_connect() does over TLS, and tests over what they make. */

#include "base/hash.h"
#include "client/cfs.h"
#include "client/link.h"

struct client_identity {
	const char *user;                 /* may be NULL */
	const struct sha256 *fingerprint; /* of the server's key, or NULL */
};

/* Dials and signs in. Takes the dialer, also on error. */
int client_open(struct dialer *d, const struct client_identity *id, const struct cfs_options *o,
		struct cfs **out, struct cfs_err *err);

#endif

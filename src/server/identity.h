/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_IDENTITY_H
#define CFS_SERVER_IDENTITY_H

/* What a server is known by: its key, and where it can be reached. */

#include <stdint.h>

#include "net/addr.h"
#include "net/key.h"
#include "net/listen.h"
#include "server/config.h"

/* The key's file in the store. */
#define IDENTITY_KEY_FILE  "keys/server.key"
#define IDENTITY_NEXT_FILE "keys/next.key"

struct identity {
	struct tls_key *key;
	struct sha256 fingerprint;
	struct sha256 next;          /* of the key that comes after; zeros: none */
	char listen[HOSTPORT_SIZE];  /* the first address listened on */
	char address[HOSTPORT_SIZE]; /* for invites */
	uint16_t port;
};

/* Makes the key in a store that has none. */
int identity_create(const char *store_path, struct cfs_err *err);

/*
 * Finds out the addresses: the real ones of a listener, or with NULL (no daemon runs) those that the config says. The key is left
 * out. Freed with identity_fini().
 */
int identity_addresses(const struct config *c, const struct listener *l, struct identity *out,
		       struct cfs_err *err);

/* Addresses as the config says them, and the key, where no daemon runs. CFS_ENOENT when there is no key. */
int identity_load(const struct config *c, struct identity *out, struct cfs_err *err);
void identity_fini(struct identity *id);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_LINK_H
#define CFS_CLIENT_LINK_H

/*
 * Making a line: dial, check the server's key, sign in, one request after the other. It belongs to one thread until it
 * is signed in and handed to the connection.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "client/cfs.h"
#include "proto/frame.h"
#include "proto/stream.h"

struct tls_key;

/* A line; stream NULL: none. */
struct link {
	struct stream *stream;
	struct frame_reader *reader;
	uint64_t last_number; /* of requests made before it was handed over */
	uint32_t gen;         /* the store's incarnation, from sign-in on */
};

/*
 * Where lines come from: TLS over TCP, or whatever a test makes. dial() returns a stream whose peer is who it should be
 * and is called again after each cut, by one thread at a time.
 */
struct dialer {
	int (*dial)(struct dialer *d, uint64_t deadline, struct stream **out, struct cfs_err *err);
	void (*free)(struct dialer *d);
};

/* TLS to host and port. key (copied by reference) NULL: no device key. pin NULL: any server, *actual says which (see link_tls_actual()). */
int link_tls_dialer(const char *host, uint16_t port, const struct tls_key *key,
		    const struct sha256 *pin, struct dialer **out, struct cfs_err *err);
/* The fingerprint of the server's key that the last dial() met. */
struct sha256 link_tls_actual(const struct dialer *d);
/* One more key that the server may have; the pin from the dial on that meets it. Any thread, as long as nobody dials. */
void link_tls_next(struct dialer *d, const struct sha256 *next);
/* NULL is fine. */
void dialer_free(struct dialer *d);

struct sign_in {
	unsigned auth; /* as in HELLO */
	bool enrol;
	const char *user, *secret, *device; /* NULL: empty */
	const char *program;
	struct id128 client_id; /* zeros: no read promises */
};

struct link_terms {
	struct id128 store;
	uint32_t max_frame, heartbeat_ms;
};

/* Dials. */
int link_open(struct dialer *d, uint64_t deadline, struct link *out, struct cfs_err *err);
/* HELLO: signs in and fills who (all but the fingerprint) and terms. */
int link_sign_in(struct link *l, const struct sign_in *s, uint64_t deadline,
		 struct cfs_identity *who, struct link_terms *terms, struct cfs_err *err);
/* One request and its answer, which may hold no views (plain numbers). */
int link_exchange(struct link *l, unsigned op, const void *req, void *rep, uint64_t deadline,
		  struct cfs_err *err);
void link_close(struct link *l);

#endif

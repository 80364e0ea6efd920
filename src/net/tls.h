/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_TLS_H
#define CFS_NET_TLS_H

/*
 * TLS 1.3 streams (RFC 8446) with the ALPN "cfs/1" (RFC 7301), on OpenSSL 3.
 *
 * A context is made once and used for any number of connections. It may be made before a fork and used in the children:
 * OpenSSL 3 has no state in it that a fork could share by accident (it is copied with the process), and its random
 * generators notice the fork and reseed (RAND(7)); the parent must have no second thread inside OpenSSL when it forks. A
 * stream stays in the process that made it.
 *
 * Identity is the fingerprint of the peer's key (key.h). The server asks for a certificate and takes any or none; the
 * handshake proves that the peer has the key. Session tickets are off: a resumed session would prove nothing new.
 *
 * Speed: records are gathered into sends of up to 256 KiB and read ahead by as much; both buffers are given back when
 * there is nothing for them to do.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "net/key.h"
#include "proto/stream.h"

struct tls_ctx;

/* A server's or client's context. key is copied by reference and may be freed after; a client's may be NULL. */
int tls_server_ctx_new(const struct tls_key *key, struct tls_ctx **ctx_out, struct cfs_err *err);
int tls_client_ctx_new(const struct tls_key *key, struct tls_ctx **ctx_out, struct cfs_err *err);
void tls_ctx_free(struct tls_ctx *ctx);

/*
 * Shakes hands with itself, with keys of the moment. OpenSSL looks algorithms up when they are first used, which takes
 * milliseconds and memory: a process that forks one for each connection does it once, before.
 */
int tls_warm_up(struct cfs_err *err);

/*
 * A stream of ctx's side over a connected socket, which it owns from here on and makes non-blocking (with TCP_NODELAY,
 * when it is TCP). ctx must live as long. Returns 0 or a code, with fd still the caller's.
 */
int tls_stream_new(struct tls_ctx *ctx, int fd, struct stream **stream_out, struct cfs_err *err);

/*
 * Goes on with the handshake. 0 when it is done; CFS_EBUSY when it waits for stream_events(); another negative code when
 * it failed (CFS_ENET: cut; CFS_EPROTO: not TLS 1.3, or not "cfs/1"). The caller watches the time. Must have ended with 0
 * before the stream is read or written.
 */
int tls_handshake(struct stream *s, struct cfs_err *err);

/* The same, waiting up to the deadline (base/time.h); CFS_ETIMEDOUT then. */
int tls_handshake_until(struct stream *s, uint64_t deadline, struct cfs_err *err);

/* The fingerprint of the peer's key, after the handshake; false when the peer showed none. */
bool tls_peer_fingerprint(const struct stream *s, struct sha256 *out);

/*
 * The whole handshake of a client: waits up to the deadline (base/time.h) and checks the server's key. With expected
 * it must be that key, else CFS_EKEYCHANGED with both fingerprints in the text; with NULL any key is taken.
 * *actual_out (may be NULL) gets the server's fingerprint also then: the caller pins it. CFS_ETIMEDOUT at the deadline.
 */
int tls_client_handshake(struct stream *s, const struct sha256 *expected, uint64_t deadline,
			 struct sha256 *actual_out, struct cfs_err *err);

/*
 * What a server that has no room for a connection says instead of a handshake, before it closes: a fatal alert (RFC 8446, 6) of
 * a number that is for private use. A client's handshake ends with CFS_ENET and says why.
 */
#define TLS_REFUSAL_SIZE 7
extern const unsigned char tls_refusal[TLS_REFUSAL_SIZE];

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_TLS_INTERNAL_H
#define CFS_NET_TLS_INTERNAL_H

/* What tls.c (contexts, handshake, identity) and tls_stream.c (bytes) share. Not for other modules. */

#include <openssl/ssl.h>

#include "base/buf.h"
#include "net/tls.h"

struct tls_ctx {
	SSL_CTX *ssl;
	BIO_METHOD *bio_method;
	bool is_server;
};

struct tls_stream {
	struct stream stream; /* first */
	SSL *ssl;
	int fd;
	struct buf out;    /* records that are not with the kernel yet */
	bool blocked;      /* the kernel took no more of them */
	bool read_blocked; /* the last read found nothing */
	bool eof;          /* the socket's end */
	int socket_errno;  /* the socket's error, for good */
	bool established;

	/* Identity: set by the handshake. */
	bool has_peer;
	struct sha256 peer;
	const struct sha256
	    *expected; /* during a client's handshake: the key it must be; NULL: any */
	bool mismatch;
};

/* Between OpenSSL and the socket: gathers what is written, reads straight. */
BIO_METHOD *tls_bio_method_new(void);

/* Sends gathered records. 0 when all are with the kernel, CFS_EBUSY, or CFS_ENET. */
int tls_send(struct tls_stream *t, struct cfs_err *err);

/* What a failed SSL_…() call means: CFS_EBUSY, or a code with err set; 0 for the peer's orderly end. */
int tls_failed(struct tls_stream *t, int result, struct cfs_err *err);

extern const struct stream_ops tls_stream_ops;

#endif

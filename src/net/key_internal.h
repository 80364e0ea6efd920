/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_KEY_INTERNAL_H
#define CFS_NET_KEY_INTERNAL_H

/* What key.c and tls.c share of OpenSSL. Not for other modules. */

#include <openssl/types.h>

#include "net/key.h"

struct tls_key {
	EVP_PKEY *pkey;
	X509 *cert;
	struct sha256 fingerprint;
};

/* Takes pkey and cert, also on error. */
int key_wrap(EVP_PKEY *pkey, X509 *cert, struct tls_key **key_out, struct cfs_err *err);

/* SHA-256 of the SubjectPublicKeyInfo of a certificate. Returns 0 or a code. */
int x509_fingerprint(const X509 *cert, struct sha256 *out);

/* Sets "what: OpenSSL's reason" from its error queue, and empties that. Returns code. */
int openssl_error(struct cfs_err *err, int code, const char *what);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_OPENSSL_LIB_H
#define CFS_NET_OPENSSL_LIB_H

/* The part of OpenSSL that TLS of CFS lives in. Not for other modules. */

#include <openssl/types.h>

/*
 * A library context (OSSL_LIB_CTX(3)) of this process, made at the first call and kept to its end; any thread may ask. It has the
 * algorithms of OpenSSL's default provider, but reads public keys of certificates alone, of the two kinds that key.h makes: for
 * each certificate that comes OpenSSL goes through all that it can read, and that took a fifth of a handshake on either side.
 * What else the program does with OpenSSL is left alone. NULL, which is OpenSSL's own context, when there is no memory or the
 * system's settings leave the default provider out.
 */
OSSL_LIB_CTX *openssl_lib(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_KEY_H
#define CFS_NET_KEY_H

/*
 * Keys that identify servers and devices, each with a self-signed certificate that carries it through TLS. Nobody checks
 * the certificate's names or dates: who somebody is, is decided by the key's fingerprint alone.
 */

#include "base/err.h"
#include "base/hash.h"

struct tls_key;

/* Servers have ECDSA P-256 (RFC 8446 makes everybody speak it), devices Ed25519. */
enum key_kind { KEY_SERVER, KEY_DEVICE };

/* Makes a new key. Returns 0 or a code; freed with key_free(). */
int key_generate(enum key_kind kind, struct tls_key **key_out, struct cfs_err *err);

/* Writes key and certificate as PEM, mode 0600, whole and durably (io_write_file()). dir_fd may be AT_FDCWD. */
int key_save(const struct tls_key *key, int dir_fd, const char *path, struct cfs_err *err);

/*
 * Reads what key_save() wrote. CFS_ENOENT when there is no file, CFS_EINVAL when it holds no key, or a certificate that
 * is not this key's.
 */
int key_load(int dir_fd, const char *path, struct tls_key **key_out, struct cfs_err *err);

/* Room for an ECDSA signature on P-256 in DER. */
#define KEY_SIGNATURE_MAX 72

/* Signs len bytes at data, which are to be hashed with SHA-256. Returns the signature's length or a negative code. */
typedef int key_sign_fn(void *arg, const unsigned char *data, size_t len,
			unsigned char sig[KEY_SIGNATURE_MAX]);

/*
 * A server's key of which this process has only the certificate (DER): TLS works with it as with any other, and what is to be
 * signed goes to sign(arg, …), in the thread of the handshake. Freed with key_free(); cannot be saved. Brings a provider
 * into this process's OpenSSL, for good.
 */
int key_remote(const unsigned char *cert, size_t len, key_sign_fn *sign, void *arg,
	       struct tls_key **key_out, struct cfs_err *err);

/*
 * For whoever has the key: signs data if it is what a TLS 1.3 server signs in a handshake (RFC 8446, 4.4.3), and nothing else
 * (CFS_EDENIED). Returns the signature's length or a negative code.
 */
int key_sign_handshake(const struct tls_key *key, const unsigned char *data, size_t len,
		       unsigned char sig[KEY_SIGNATURE_MAX], struct cfs_err *err);

/* The key's certificate as DER. Returns its length or a negative code. */
int key_certificate(const struct tls_key *key, unsigned char *out, size_t size,
		    struct cfs_err *err);

/* NULL is fine. */
void key_free(struct tls_key *key);

/* SHA-256 of the public key's SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; as RFC 7469 pins keys). */
void key_fingerprint(const struct tls_key *key, struct sha256 *out);

/* Room for a fingerprint's text and its NUL: "SHA256:" and 43 characters of base64url. */
#define FINGERPRINT_TEXT_SIZE 51

/* Writes the text form. Returns out. */
char *fingerprint_format(char out[FINGERPRINT_TEXT_SIZE], const struct sha256 *fp);

/* Reads it, with or without "SHA256:" in front. Returns 0 or CFS_EINVAL. */
int fingerprint_parse(struct sha256 *out, const char *text);

#endif

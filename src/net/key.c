/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/key.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/rand.h"
#include "net/key_internal.h"

/* A key and its certificate in PEM take less than 2 KiB. */
#define FILE_MAX 65536

#define FINGERPRINT_PREFIX "SHA256:"

int
openssl_error(struct cfs_err *err, int code, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return err_set(err, code, "%s: %s", what, reason ? reason : "failed");
}

/*
 * Names and dates are there because X.509 wants them; nobody looks at them. The serial number is random, so that two
 * certificates of one name differ for programs that index by it.
 */
static X509 *
certificate_new(EVP_PKEY *pkey)
{
	bool is_ec = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC;
	X509 *cert = X509_new();
	X509_NAME *name;

	if (!cert)
		return NULL;
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), rand_u64() >> 1) == 1 &&
	    ASN1_TIME_set_string(X509_getm_notBefore(cert), "20200101000000Z") == 1 &&
	    ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"cfs", -1,
				       -1, 0) == 1 &&
	    X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, pkey) == 1 &&
	    X509_sign(cert, pkey, is_ec ? EVP_sha256() : NULL) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

int
key_wrap(EVP_PKEY *pkey, X509 *cert, struct tls_key **key_out, struct cfs_err *err)
{
	struct tls_key *key = calloc(1, sizeof *key);
	int rc = 0;

	if (key && x509_fingerprint(cert, &key->fingerprint) == 0) {
		key->pkey = pkey;
		key->cert = cert;
		*key_out = key;
		return 0;
	}
	rc = key ? openssl_error(err, CFS_EFAIL, "public key") : err_code(err, CFS_ENOMEM);
	free(key);
	EVP_PKEY_free(pkey);
	X509_free(cert);
	return rc;
}

int
key_generate(enum key_kind kind, struct tls_key **key_out, struct cfs_err *err)
{
	EVP_PKEY *pkey =
	    kind == KEY_SERVER ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *cert = pkey ? certificate_new(pkey) : NULL;

	if (!cert) {
		EVP_PKEY_free(pkey);
		return openssl_error(err, CFS_EFAIL, "make a key");
	}
	return key_wrap(pkey, cert, key_out, err);
}

int
key_save(const struct tls_key *key, int dir_fd, const char *path, struct cfs_err *err)
{
	/* Secure memory is wiped when freed; without a secure heap it is the ordinary heap. */
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int rc;

	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
	    PEM_write_bio_X509(bio, key->cert) == 1 && (len = BIO_get_mem_data(bio, &pem)) > 0)
		rc = io_write_file(dir_fd, path, pem, (size_t)len, 0600, err);
	else
		rc = openssl_error(err, CFS_EFAIL, path);
	BIO_free(bio);
	return rc;
}

/* An encrypted key is an error, not a prompt on the terminal. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

int
key_load(int dir_fd, const char *path, struct tls_key **key_out, struct cfs_err *err)
{
	struct buf file = BUF_INIT;
	EVP_PKEY *pkey = NULL;
	X509 *cert = NULL;
	BIO *bio = NULL;
	int rc = io_read_file(dir_fd, path, FILE_MAX, &file, err);

	if (rc < 0)
		return rc;
	bio = BIO_new_mem_buf(file.data, (int)file.len);
	if (bio && (pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)) &&
	    (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) &&
	    X509_check_private_key(cert, pkey) == 1) {
		rc = key_wrap(pkey, cert, key_out, err);
		pkey = NULL;
		cert = NULL;
	} else {
		rc = openssl_error(err, CFS_EINVAL, "not a key file");
		err_wrap(err, "%s", path);
	}
	secure_wipe(file.data, file.len);
	buf_fini(&file);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	X509_free(cert);
	return rc;
}

void
key_free(struct tls_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	X509_free(key->cert);
	free(key);
}

void
key_fingerprint(const struct tls_key *key, struct sha256 *out)
{
	*out = key->fingerprint;
}

int
x509_fingerprint(const X509 *cert, struct sha256 *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	int rc = CFS_EFAIL;

	if (len > 0)
		rc = sha256_once(NULL, der, (size_t)len, out);
	OPENSSL_free(der);
	return rc;
}

char *
fingerprint_format(char out[FINGERPRINT_TEXT_SIZE], const struct sha256 *fp)
{
	memcpy(out, FINGERPRINT_PREFIX, sizeof(FINGERPRINT_PREFIX));
	base64_encode(out + sizeof(FINGERPRINT_PREFIX) - 1, BASE64_URL, fp->b, sizeof fp->b);
	return out;
}

int
fingerprint_parse(struct sha256 *out, const char *text)
{
	size_t prefix = sizeof(FINGERPRINT_PREFIX) - 1;
	unsigned char raw[BASE64_DECODED_MAX(43)];
	ssize_t n;

	if (strncmp(text, FINGERPRINT_PREFIX, prefix) == 0)
		text += prefix;
	n = base64_decode(raw, sizeof raw, BASE64_URL, text, strlen(text));
	if (n != (ssize_t)sizeof out->b)
		return CFS_EINVAL;
	memcpy(out->b, raw, sizeof out->b);
	return 0;
}

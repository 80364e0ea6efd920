/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A server's key whose private half another process has, as OpenSSL wants it: a provider (provider(7), provider-keymgmt(7),
 * provider-signature(7)) with one kind of key, EC on P-256, that has a public point and a function to call, and one
 * signature, ECDSA, that calls it. OpenSSL hands the whole text to be signed to digest_sign(), not its hash, so the other
 * process can see what it signs.
 */

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/key_internal.h"
#include "net/openssl_lib.h"

#define PROVIDER "cfs-remote"

/* Our own parameter: a struct signer. */
#define PARAM_SIGNER "cfs-signer"

#define POINT_MAX 65 /* P-256, not compressed (SEC 1, 2.3.3) */

struct signer {
	key_sign_fn *sign;
	void *arg;
};

/* What OpenSSL carries round as the key; signer.sign is NULL in one that only stands for a public key. */
struct remote {
	struct signer signer;
	unsigned char point[POINT_MAX];
	size_t point_len;
};

/* ---- the key ---- */

static void *
key_fresh(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct remote));
}

static void
key_release(void *key)
{
	free(key);
}

static int
key_has(const void *key, int selection)
{
	const struct remote *r = key;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !r->signer.sign)
		return 0;
	return r->point_len > 0;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct remote *x = a, *y = b;

	(void)selection;
	return x->point_len == y->point_len && memcmp(x->point, y->point, x->point_len) == 0;
}

static int
key_import(void *key, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *point = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	const OSSL_PARAM *signer = OSSL_PARAM_locate_const(params, PARAM_SIGNER);
	struct remote *r = key;

	(void)selection;
	if (!point || !point->data || point->data_size > sizeof(r->point))
		return 0;
	memcpy(r->point, point->data, point->data_size);
	r->point_len = point->data_size;
	if (signer && signer->data_size == sizeof(r->signer))
		memcpy(&r->signer, signer->data, sizeof(r->signer));
	return 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	    OSSL_PARAM_octet_string(PARAM_SIGNER, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

/* Sets a number if it is asked for. */
static int
answer(OSSL_PARAM params[], const char *name, int value)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return !p || OSSL_PARAM_set_int(p, value);
}

static int
key_params(void *key, OSSL_PARAM params[])
{
	OSSL_PARAM *group = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);

	(void)key;
	if (group && !OSSL_PARAM_set_utf8_string(group, "prime256v1"))
		return 0;
	return answer(params, OSSL_PKEY_PARAM_BITS, 256) &&
	       answer(params, OSSL_PKEY_PARAM_SECURITY_BITS, 128) &&
	       answer(params, OSSL_PKEY_PARAM_MAX_SIZE, KEY_SIGNATURE_MAX);
}

static const OSSL_PARAM *
key_param_types(void *provider)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	    OSSL_PARAM_END,
	};

	(void)provider;
	return types;
}

/* Keys of the name EC are signed with under another. */
static const char *
key_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- the signature: its context is a pointer to the key ---- */

struct signing {
	const struct remote *key;
};

static void *
sign_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return calloc(1, sizeof(struct signing));
}

static void
sign_free(void *ctx)
{
	free(ctx);
}

static int
sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *s = ctx;

	(void)params;
	if (digest && !EVP_MD_is_a(EVP_sha256(), digest))
		return 0;
	s->key = key;
	return key_has(key, OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

static int
sign(void *ctx, unsigned char *sig, size_t *len, size_t size, const unsigned char *data,
     size_t data_len)
{
	const struct signing *s = ctx;
	int n;

	if (!sig) {
		*len = KEY_SIGNATURE_MAX;
		return 1;
	}
	if (size < KEY_SIGNATURE_MAX)
		return 0;
	n = s->key->signer.sign(s->key->signer.arg, data, data_len, sig);
	if (n <= 0)
		return 0;
	*len = (size_t)n;
	return 1;
}

/* ---- the provider ---- */

#define FUNCTION(f) ((void (*)(void))(f))

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
	static const OSSL_DISPATCH key[] = {
	    {OSSL_FUNC_KEYMGMT_NEW, FUNCTION(key_fresh)},
	    {OSSL_FUNC_KEYMGMT_FREE, FUNCTION(key_release)},
	    {OSSL_FUNC_KEYMGMT_HAS, FUNCTION(key_has)},
	    {OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(key_match)},
	    {OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(key_import)},
	    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(key_import_types)},
	    {OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(key_params)},
	    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(key_param_types)},
	    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(key_operation)},
	    {0, NULL},
	};
	static const OSSL_DISPATCH signature[] = {
	    {OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(sign_new)},
	    {OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(sign_free)},
	    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(sign_init)},
	    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(sign)},
	    {0, NULL},
	};
	/* The names that OpenSSL's own have, or libssl would not know the key for what it is. */
	static const OSSL_ALGORITHM keys[] = {
	    {"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=" PROVIDER, key, NULL},
	    {NULL, NULL, NULL, NULL},
	};
	static const OSSL_ALGORITHM signatures[] = {
	    {"ECDSA", "provider=" PROVIDER, signature, NULL},
	    {NULL, NULL, NULL, NULL},
	};

	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	      void **context)
{
	static const OSSL_DISPATCH functions[] = {
	    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query)},
	    {0, NULL},
	};

	(void)in;
	*out = functions;
	*context = (void *)(uintptr_t)handle;
	return 1;
}

/*
 * Loaded once in a process, until its end. The default one is there before: everybody who asks for EC without saying whose gets
 * the first.
 */
static bool
load_provider(OSSL_LIB_CTX *lib)
{
	if (OSSL_PROVIDER_available(lib, PROVIDER))
		return true;
	return (lib || OSSL_PROVIDER_load(NULL, "default")) &&
	       OSSL_PROVIDER_add_builtin(lib, PROVIDER, provider_init) == 1 &&
	       OSSL_PROVIDER_load(lib, PROVIDER) &&
	       EVP_set_default_properties(lib, "?provider=default") == 1;
}

static EVP_PKEY *
remote_pkey(const X509 *cert, struct signer *signer)
{
	const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(cert);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point->data,
					      (size_t)point->length),
	    OSSL_PARAM_construct_octet_string(PARAM_SIGNER, signer, sizeof(*signer)),
	    OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(openssl_lib(), "EC", "provider=" PROVIDER);
	EVP_PKEY *pkey = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

int
key_remote(const unsigned char *cert, size_t len, key_sign_fn *sign_elsewhere, void *arg,
	   struct tls_key **key_out, struct cfs_err *err)
{
	struct signer signer = {.sign = sign_elsewhere, .arg = arg};
	X509 *x509 = X509_new_ex(openssl_lib(), NULL);
	EVP_PKEY *pkey = NULL;

	if (x509 && d2i_X509(&x509, &cert, (long)len) && load_provider(openssl_lib()))
		pkey = remote_pkey(x509, &signer);
	if (!pkey) {
		X509_free(x509);
		return openssl_error(err, CFS_EFAIL, "the server's key");
	}
	return key_wrap(pkey, x509, key_out, err);
}

/* ---- the other side ---- */

/* RFC 8446, 4.4.3: 64 spaces, this, a zero byte, and the hash of the handshake. */
static const char tls_context[] = "TLS 1.3, server CertificateVerify";

static bool
is_certificate_verify(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < 64; i++) {
		if (i >= len || data[i] != ' ')
			return false;
	}
	len -= 64;
	return (len == sizeof(tls_context) + 32 || len == sizeof(tls_context) + 48) &&
	       memcmp(data + 64, tls_context, sizeof(tls_context)) == 0;
}

int
key_sign_handshake(const struct tls_key *key, const unsigned char *data, size_t len,
		   unsigned char sig[KEY_SIGNATURE_MAX], struct cfs_err *err)
{
	size_t n = KEY_SIGNATURE_MAX;
	EVP_MD_CTX *ctx;
	bool done;

	if (!is_certificate_verify(data, len))
		return err_set(err, CFS_EDENIED, "not a TLS handshake of a server");
	ctx = EVP_MD_CTX_new();
	done = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
	       EVP_DigestSign(ctx, sig, &n, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	return done ? (int)n : openssl_error(err, CFS_EFAIL, "sign");
}

int
key_certificate(const struct tls_key *key, unsigned char *out, size_t size, struct cfs_err *err)
{
	int len = i2d_X509(key->cert, NULL);

	if (len <= 0 || (size_t)len > size)
		return openssl_error(err, CFS_EFAIL, "certificate");
	return i2d_X509(key->cert, &out);
}

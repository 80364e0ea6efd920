/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What TLS can read of keys: the two kinds that there are, and no other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "net/key.h"
#include "net/openssl_lib.h"

#define CERTIFICATE_MAX 2048

/* Whether the certificate's key can be used. */
static bool
is_read(const unsigned char *der, long len, OSSL_LIB_CTX *lib)
{
	X509 *x509 = X509_new_ex(lib, NULL);
	bool read;

	assert_non_null(x509);
	assert_non_null(d2i_X509(&x509, &der, len));
	read = X509_get0_pubkey(x509) != NULL;
	X509_free(x509);
	return read;
}

static void
test_keys_of_ours_are_read(void **state)
{
	static const enum key_kind kinds[] = {KEY_SERVER, KEY_DEVICE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unsigned char der[CERTIFICATE_MAX];
		struct tls_key *key;
		int len;

		assert_int_equal(key_generate(kinds[i], &key, NULL), 0);
		len = key_certificate(key, der, sizeof(der), NULL);
		assert_true(len > 0);
		assert_true(is_read(der, len, openssl_lib()));
		key_free(key);
	}
}

static void
test_others_are_not(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	unsigned char *der = NULL;
	X509 *x509 = X509_new();
	int len;

	(void)state;
	assert_true(rsa && x509);
	assert_int_equal(X509_set_pubkey(x509, rsa), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
	assert_true(X509_sign(x509, rsa, EVP_sha256()) > 0);
	len = i2d_X509(x509, &der);
	assert_true(len > 0);
	assert_false(is_read(der, len, openssl_lib()));
	assert_true(is_read(der, len, NULL));
	OPENSSL_free(der);
	X509_free(x509);
	EVP_PKEY_free(rsa);
}

static void
count(OSSL_DECODER *decoder, void *arg)
{
	(void)decoder;
	++*(unsigned *)arg;
}

/* For each certificate OpenSSL goes through all decoders. */
static void
test_few_are_looked_through(void **state)
{
	unsigned all = 0, here = 0;

	(void)state;
	assert_non_null(openssl_lib());
	OSSL_DECODER_do_all_provided(openssl_lib(), count, &here);
	OSSL_DECODER_do_all_provided(NULL, count, &all);
	assert_in_range(here, 2, 4);
	assert_true(all > 10 * here);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys_of_ours_are_read),
	    cmocka_unit_test(test_others_are_not),
	    cmocka_unit_test(test_few_are_looked_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A provider (provider(7)) that hands on what the default one has, but for most of what that can read. */

#include "net/openssl_lib.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define PROVIDER "cfs-part"

/* Decoders that are kept, and the list's end. */
#define KEPT_MAX 8

#define FUNCTION(f) ((void (*)(void))(f))

/* One for the process: a provider is asked before it has an argument of ours. */
static struct {
	pthread_once_t once;
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *whole;
	OSSL_ALGORITHM decoders[KEPT_MAX];
} part = {.once = PTHREAD_ONCE_INIT};

/* An algorithm has several names, with colons between them. */
static bool
is_named(const OSSL_ALGORITHM *a, const char *name)
{
	size_t len = strlen(name);

	return strncmp(a->algorithm_names, name, len) == 0 &&
	       (a->algorithm_names[len] == ':' || a->algorithm_names[len] == '\0');
}

static void
keep_decoders(void)
{
	int no_cache = 0;
	const OSSL_ALGORITHM *a =
	    OSSL_PROVIDER_query_operation(part.whole, OSSL_OP_DECODER, &no_cache);
	size_t n = 0;

	for (; a && a->algorithm_names && n + 1 < KEPT_MAX; a++) {
		if ((is_named(a, "EC") || is_named(a, "ED25519")) &&
		    strstr(a->property_definition, "structure=SubjectPublicKeyInfo"))
			part.decoders[n++] = *a;
	}
}

static const OSSL_ALGORITHM *
query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	if (operation == OSSL_OP_DECODER)
		return part.decoders;
	return OSSL_PROVIDER_query_operation(part.whole, operation, no_cache);
}

/* Which groups TLS may use is asked this way. */
static int
capabilities(void *context, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
	(void)context;
	return OSSL_PROVIDER_get_capabilities(part.whole, capability, cb, arg);
}

static int
init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
     void **context)
{
	static const OSSL_DISPATCH functions[] = {
	    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query)},
	    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, FUNCTION(capabilities)},
	    {0, NULL},
	};

	(void)handle;
	(void)in;
	*out = functions;
	/* The algorithms take it for their own provider's. */
	*context = OSSL_PROVIDER_get0_provider_ctx(part.whole);
	return 1;
}

static void
make(void)
{
	OSSL_LIB_CTX *lib = NULL;

	/* Only where it is in use anyway: not in spite of the settings. */
	if (OSSL_PROVIDER_available(NULL, "default"))
		part.whole = OSSL_PROVIDER_try_load(NULL, "default", 1);
	if (part.whole)
		lib = OSSL_LIB_CTX_new();
	if (!lib)
		return;
	keep_decoders();
	if (OSSL_PROVIDER_add_builtin(lib, PROVIDER, init) == 1 &&
	    OSSL_PROVIDER_load(lib, PROVIDER))
		part.lib = lib;
	else
		OSSL_LIB_CTX_free(lib);
}

OSSL_LIB_CTX *
openssl_lib(void)
{
	(void)pthread_once(&part.once, make);
	return part.lib;
}

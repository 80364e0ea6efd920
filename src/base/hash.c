/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct sha256_ctx {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	bool failed;
};

struct sha256_ctx *
sha256_new(void)
{
	struct sha256_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return NULL;
	ctx->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	ctx->ctx = EVP_MD_CTX_new();
	if (ctx->md == NULL || ctx->ctx == NULL) {
		sha256_free(ctx);
		return NULL;
	}
	sha256_reset(ctx);
	return ctx;
}

void
sha256_free(struct sha256_ctx *ctx)
{
	if (ctx == NULL)
		return;
	EVP_MD_CTX_free(ctx->ctx);
	EVP_MD_free(ctx->md);
	free(ctx);
}

void
sha256_reset(struct sha256_ctx *ctx)
{
	ctx->failed = EVP_DigestInit_ex2(ctx->ctx, ctx->md, NULL) != 1;
}

void
sha256_update(struct sha256_ctx *ctx, const void *p, size_t n)
{
	if (n > 0 && EVP_DigestUpdate(ctx->ctx, p, n) != 1)
		ctx->failed = true;
}

int
sha256_final(struct sha256_ctx *ctx, struct sha256 *out)
{
	bool ok = !ctx->failed && EVP_DigestFinal_ex(ctx->ctx, out->b, NULL) == 1;

	sha256_reset(ctx);
	return ok ? 0 : CFS_EFAIL;
}

int
sha256_once(struct sha256_ctx *ctx, const void *p, size_t n, struct sha256 *out)
{
	struct sha256_ctx *own = NULL;
	int rc;

	if (ctx == NULL) {
		own = ctx = sha256_new();
		if (ctx == NULL)
			return CFS_ENOMEM;
	} else {
		sha256_reset(ctx);
	}
	sha256_update(ctx, p, n);
	rc = sha256_final(ctx, out);
	sha256_free(own);
	return rc;
}

bool
sha256_equal(const struct sha256 *a, const struct sha256 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

char *
sha256_hex(char out[SHA256_HEX_SIZE], const struct sha256 *h)
{
	hex_encode(out, h->b, sizeof(h->b));
	return out;
}

int
sha256_parse(struct sha256 *out, const char *text)
{
	return hex_decode(out->b, sizeof(out->b), text, strlen(text));
}

bool
ct_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void
secure_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

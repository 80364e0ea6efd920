/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"
#include "net/key_internal.h"
#include "net/openssl_lib.h"
#include "net/tls_internal.h"

/* The fastest first; all three are what RFC 8446 has, and a client without AES instructions may prefer the last. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* Keys of CFS are Ed25519 and P-256: nothing else is even verified. */
#define SIGNATURES "ed25519:ECDSA+SHA256"

/* A certificate of ours has some 300 bytes. */
#define CERTIFICATES_MAX_BYTES 16384

#define READ_AHEAD_BYTES (128 * 1024)

static const unsigned char alpn[] = {5, 'c', 'f', 's', '/', '1'};

/* Keeps the peer's fingerprint; whose it is and whether that one may come in is decided elsewhere. */
static int
verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *t = SSL_get_app_data(ssl);
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	(void)arg;
	if (!cert || x509_fingerprint(cert, &t->peer) < 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
		return 0;
	}
	t->has_peer = true;
	/* Refused here, the client has not shown its own certificate to an impostor yet. */
	if (t->expected && !sha256_equal(t->expected, &t->peer)) {
		t->mismatch = true;
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	    unsigned in_len, void *arg)
{
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, alpn, sizeof alpn, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* What both sides have in common. */
static bool
configure(SSL_CTX *c, const struct tls_key *key)
{
	/* Not literals: the library's macros cast const away. */
	char signatures[] = SIGNATURES;
	char groups[] = "X25519:P-256";

	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_default_read_buffer_len(c, READ_AHEAD_BYTES);
	SSL_CTX_set_max_cert_list(c, CERTIFICATES_MAX_BYTES);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(c, verify, NULL);
	if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c, SUITES) != 1 ||
	    SSL_CTX_set1_sigalgs_list(c, signatures) != 1 ||
	    SSL_CTX_set1_groups_list(c, groups) != 1)
		return false;
	return !key || (SSL_CTX_use_certificate(c, key->cert) == 1 &&
			SSL_CTX_use_PrivateKey(c, key->pkey) == 1);
}

static int
ctx_new(bool is_server, const struct tls_key *key, struct tls_ctx **ctx_out, struct cfs_err *err)
{
	struct tls_ctx *ctx = calloc(1, sizeof *ctx);

	if (!ctx)
		return err_code(err, CFS_ENOMEM);
	ctx->is_server = is_server;
	ctx->bio_method = tls_bio_method_new();
	ctx->ssl = SSL_CTX_new_ex(openssl_lib(), NULL,
				  is_server ? TLS_server_method() : TLS_client_method());
	if (!ctx->bio_method || !ctx->ssl || !configure(ctx->ssl, key) ||
	    (!is_server && SSL_CTX_set_alpn_protos(ctx->ssl, alpn, sizeof alpn) != 0)) {
		tls_ctx_free(ctx);
		return openssl_error(err, CFS_EFAIL, "set up TLS");
	}
	if (is_server) {
		SSL_CTX_set_num_tickets(ctx->ssl, 0);
		SSL_CTX_set_alpn_select_cb(ctx->ssl, select_alpn, NULL);
		SSL_CTX_set_options(ctx->ssl,
				    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	}
	*ctx_out = ctx;
	return 0;
}

int
tls_server_ctx_new(const struct tls_key *key, struct tls_ctx **ctx_out, struct cfs_err *err)
{
	return ctx_new(true, key, ctx_out, err);
}

int
tls_client_ctx_new(const struct tls_key *key, struct tls_ctx **ctx_out, struct cfs_err *err)
{
	return ctx_new(false, key, ctx_out, err);
}

void
tls_ctx_free(struct tls_ctx *ctx)
{
	if (!ctx)
		return;
	SSL_CTX_free(ctx->ssl);
	BIO_meth_free(ctx->bio_method);
	free(ctx);
}

int
tls_stream_new(struct tls_ctx *ctx, int fd, struct stream **stream_out, struct cfs_err *err)
{
	struct tls_stream *t = calloc(1, sizeof *t);
	BIO *bio = BIO_new(ctx->bio_method);
	int one = 1;

	if (!t || !bio || !(t->ssl = SSL_new(ctx->ssl)) || fd_set_nonblock(fd, true) < 0) {
		BIO_free(bio);
		if (t)
			SSL_free(t->ssl);
		free(t);
		return openssl_error(err, CFS_EFAIL, "set up TLS");
	}
	/* Not TCP: then there is nothing to switch off. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	t->stream.ops = &tls_stream_ops;
	t->fd = fd;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	if (ctx->is_server)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	*stream_out = &t->stream;
	return 0;
}

static struct tls_stream *
self(struct stream *s)
{
	return CONTAINER_OF(s, struct tls_stream, stream);
}

static int
key_changed(const struct tls_stream *t, struct cfs_err *err)
{
	char expected[FINGERPRINT_TEXT_SIZE];
	char actual[FINGERPRINT_TEXT_SIZE];

	return err_set(err, CFS_EKEYCHANGED,
		       "the server's key is not the pinned one: expected %s, but it shows %s",
		       fingerprint_format(expected, t->expected),
		       fingerprint_format(actual, &t->peer));
}

int
tls_handshake(struct stream *s, struct cfs_err *err)
{
	struct tls_stream *t = self(s);
	const unsigned char *chosen;
	unsigned chosen_len;
	int rc;

	if (t->established)
		return 0;
	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	if (rc != 1) {
		rc = tls_failed(t, rc, err);
		if (rc != CFS_EBUSY)
			tls_send(t, NULL); /* the alert */
		if (t->mismatch)
			return key_changed(t, err);
		return rc == 0 ? err_set(err, CFS_ENET, "connection closed") : rc;
	}
	SSL_get0_alpn_selected(t->ssl, &chosen, &chosen_len);
	if (chosen_len != sizeof alpn - 1 || memcmp(chosen, alpn + 1, chosen_len) != 0)
		return err_set(err, CFS_EPROTO, "the other side does not speak cfs/1");
	t->established = true;
	return 0;
}

int
tls_handshake_until(struct stream *s, uint64_t deadline, struct cfs_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = stream_fd(s)};
		int rc = tls_handshake(s, err);

		if (rc != CFS_EBUSY)
			return rc;
		p.events = stream_events(s);
		rc = poll(&p, 1, deadline_left_ms(deadline));
		if (rc == 0)
			return err_set(err, CFS_ETIMEDOUT, "TLS handshake timed out");
		if (rc < 0 && errno != EINTR)
			return err_set_errno(err, errno, "poll");
	}
}

int
tls_client_handshake(struct stream *s, const struct sha256 *expected, uint64_t deadline,
		     struct sha256 *actual_out, struct cfs_err *err)
{
	struct tls_stream *t = self(s);
	int rc;

	t->expected = expected;
	rc = tls_handshake_until(s, deadline, err);
	t->expected = NULL;
	if (rc == 0 && !t->has_peer)
		rc = err_set(err, CFS_EPROTO, "the server shows no key");
	if (actual_out && t->has_peer)
		*actual_out = t->peer;
	return rc;
}

bool
tls_peer_fingerprint(const struct stream *s, struct sha256 *out)
{
	const struct tls_stream *t = (const struct tls_stream *)(const void *)s;

	if (!t->established || !t->has_peer)
		return false;
	*out = t->peer;
	return true;
}

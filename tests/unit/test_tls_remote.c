/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A server's key that another process has: TLS with it, and what its owner signs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/time.h"
#include "net/tls.h"

/* A server whose key is signed with by sign(), and a client. */
struct world {
	struct tls_key *server_key, *device_key, *remote;
	struct tls_ctx *server_ctx, *client_ctx;
	struct stream *server, *client;
};

static void
world_init(struct world *w, key_sign_fn *sign)
{
	unsigned char cert[1024];
	struct cfs_err err = CFS_ERR_INIT;
	int fds[2], len;

	assert_int_equal(key_generate(KEY_SERVER, &w->server_key, &err), 0);
	assert_int_equal(key_generate(KEY_DEVICE, &w->device_key, &err), 0);
	len = key_certificate(w->server_key, cert, sizeof(cert), &err);
	assert_true(len > 0);
	if (key_remote(cert, (size_t)len, sign, w, &w->remote, &err) ||
	    tls_server_ctx_new(w->remote, &w->server_ctx, &err) ||
	    tls_client_ctx_new(w->device_key, &w->client_ctx, &err))
		fail_msg("%s", err.text);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(tls_stream_new(w->server_ctx, fds[0], &w->server, &err), 0);
	assert_int_equal(tls_stream_new(w->client_ctx, fds[1], &w->client, &err), 0);
}

static void
world_fini(struct world *w)
{
	stream_close(w->client);
	stream_close(w->server);
	tls_ctx_free(w->server_ctx);
	tls_ctx_free(w->client_ctx);
	key_free(w->remote);
	key_free(w->server_key);
	key_free(w->device_key);
}

static int
sign_for_server(void *arg, const unsigned char *data, size_t len,
		unsigned char sig[KEY_SIGNATURE_MAX])
{
	struct world *w = arg;
	struct cfs_err err = CFS_ERR_INIT;
	int n = key_sign_handshake(w->server_key, data, len, sig, &err);

	if (n < 0)
		fail_msg("%s", err.text);
	return n;
}

static int
sign_nothing(void *arg, const unsigned char *data, size_t len, unsigned char sig[KEY_SIGNATURE_MAX])
{
	(void)arg;
	(void)data;
	(void)len;
	(void)sig;
	return CFS_EIO;
}

/* Both ends by turns, until one fails or both are done. */
static void
shake(struct world *w, const struct sha256 *expected, int *client_rc, int *server_rc)
{
	*client_rc = *server_rc = CFS_EBUSY;
	for (int i = 0; i < 20; i++) {
		if (*client_rc == CFS_EBUSY)
			*client_rc = tls_client_handshake(w->client, expected, 0, NULL, NULL);
		if (*client_rc == CFS_ETIMEDOUT)
			*client_rc = CFS_EBUSY;
		if (*server_rc == CFS_EBUSY)
			*server_rc = tls_handshake(w->server, NULL);
	}
}

static void
test_the_key_may_be_elsewhere(void **state)
{
	struct world w = {.device_key = NULL};
	struct sha256 expected, device, shown;
	int client_rc, server_rc;

	(void)state;
	world_init(&w, sign_for_server);
	key_fingerprint(w.server_key, &expected);
	key_fingerprint(w.device_key, &device);
	shake(&w, &expected, &client_rc, &server_rc);
	assert_int_equal(client_rc, 0);
	assert_int_equal(server_rc, 0);
	assert_true(tls_peer_fingerprint(w.server, &shown));
	assert_true(sha256_equal(&shown, &device));
	world_fini(&w);
}

static void
test_no_signature_no_connection(void **state)
{
	struct world w = {.device_key = NULL};
	int client_rc, server_rc;

	(void)state;
	world_init(&w, sign_nothing);
	shake(&w, NULL, &client_rc, &server_rc);
	/* Not the client's fault, and worth another try. */
	assert_int_equal(client_rc, CFS_ENET);
	assert_true(server_rc != 0 && server_rc != CFS_EBUSY);
	world_fini(&w);
}

/* Only what a server signs in a handshake. */
static void
test_nothing_else_is_signed(void **state)
{
	struct world w = {.device_key = NULL};
	unsigned char text[64 + 34 + 32], sig[KEY_SIGNATURE_MAX];

	(void)state;
	world_init(&w, sign_nothing);
	memset(text, ' ', 64);
	memset(text + 64, 0, sizeof(text) - 64);
	memcpy(text + 64, "TLS 1.3, server CertificateVerify", 33);
	assert_true(key_sign_handshake(w.server_key, text, sizeof(text), sig, NULL) > 0);
	assert_int_equal(key_sign_handshake(w.server_key, text, sizeof(text) - 1, sig, NULL),
			 CFS_EDENIED);
	assert_int_equal(key_sign_handshake(w.server_key, text, 10, sig, NULL), CFS_EDENIED);
	memcpy(text + 64, "TLS 1.3, client CertificateVerify", 33);
	assert_int_equal(key_sign_handshake(w.server_key, text, sizeof(text), sig, NULL),
			 CFS_EDENIED);
	world_fini(&w);
}

static void
test_warming_up(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;

	(void)state;
	assert_int_equal(tls_warm_up(&err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_key_may_be_elsewhere),
	    cmocka_unit_test(test_no_signature_no_connection),
	    cmocka_unit_test(test_nothing_else_is_signed),
	    cmocka_unit_test(test_warming_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

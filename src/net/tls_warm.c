/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tls.h"

#include <sys/socket.h>

#include "base/io.h"
#include "net/key.h"

/* Room for a certificate of ours. */
#define CERTIFICATE_MAX 1024

struct ends {
	struct tls_key *server_key, *remote_key, *device_key;
	struct tls_ctx *server_ctx, *client_ctx;
	struct stream *server, *client;
};

/* Signs as another process would. */
static int
sign(void *arg, const unsigned char *data, size_t len, unsigned char sig[KEY_SIGNATURE_MAX])
{
	const struct ends *e = arg;

	return key_sign_handshake(e->server_key, data, len, sig, NULL);
}

/* A server that has its key elsewhere goes other ways in OpenSSL. */
static int
make_server(struct ends *e, struct cfs_err *err)
{
	unsigned char cert[CERTIFICATE_MAX];
	int rc = key_generate(KEY_SERVER, &e->server_key, err);

	if (rc == 0)
		rc = key_certificate(e->server_key, cert, sizeof(cert), err);
	if (rc > 0)
		rc = key_remote(cert, (size_t)rc, sign, e, &e->remote_key, err);
	return rc ? rc : tls_server_ctx_new(e->remote_key, &e->server_ctx, err);
}

static int
make_ends(struct ends *e, struct cfs_err *err)
{
	int fds[2] = {-1, -1};
	int rc = make_server(e, err);

	if (rc == 0)
		rc = key_generate(KEY_DEVICE, &e->device_key, err);
	if (rc == 0)
		rc = tls_client_ctx_new(e->device_key, &e->client_ctx, err);
	if (rc == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0 && (rc = tls_stream_new(e->server_ctx, fds[0], &e->server, err)) == 0)
		fds[0] = -1;
	if (rc == 0 && (rc = tls_stream_new(e->client_ctx, fds[1], &e->client, err)) == 0)
		fds[1] = -1;
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	return rc;
}

int
tls_warm_up(struct cfs_err *err)
{
	struct ends e = {.client = NULL};
	int rc = make_ends(&e, err);
	int client = CFS_EBUSY, server = CFS_EBUSY;

	/* By turns, in one thread: what one sends fits the socket. */
	while (rc == 0 && (client == CFS_EBUSY || server == CFS_EBUSY)) {
		if (client == CFS_EBUSY)
			client = tls_handshake(e.client, err);
		if (server == CFS_EBUSY)
			server = tls_handshake(e.server, err);
		rc = client && client != CFS_EBUSY   ? client
		     : server && server != CFS_EBUSY ? server
						     : 0;
	}
	stream_close(e.client);
	stream_close(e.server);
	tls_ctx_free(e.server_ctx);
	tls_ctx_free(e.client_ctx);
	key_free(e.remote_key);
	key_free(e.server_key);
	key_free(e.device_key);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A server that has no room says so before any handshake, and a client's user is told that and nothing else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/time.h"
#include "net/addr.h"
#include "net/dial.h"
#include "net/listen.h"
#include "net/tls.h"

/* has_spoken: the client's first words are there by then. */
static void
refuse(bool has_spoken)
{
	struct listener l = {.count = 0};
	struct cfs_err err = CFS_ERR_INIT;
	struct stream *client;
	struct tls_ctx *ctx;
	int fd, server;

	assert_int_equal(tls_client_ctx_new(NULL, &ctx, NULL), 0);
	assert_int_equal(listen_tcp(&l, "127.0.0.1:0", NULL), 0);
	assert_int_equal(
	    dial_tcp("127.0.0.1", addr_local_port(l.fds[0]), deadline_from_ms(5000), &fd, NULL), 0);
	assert_int_equal(tls_stream_new(ctx, fd, &client, NULL), 0);
	while ((server = listen_accept(l.fds[0], NULL)) == CFS_EBUSY)
		continue;
	if (has_spoken)
		assert_int_equal(tls_handshake(client, NULL), CFS_EBUSY);
	assert_int_equal(send(server, tls_refusal, TLS_REFUSAL_SIZE, 0), TLS_REFUSAL_SIZE);
	fd_close(&server);
	assert_int_equal(tls_client_handshake(client, NULL, deadline_from_ms(5000), NULL, &err),
			 CFS_ENET);
	assert_non_null(strstr(err.text, "too many connections"));
	stream_close(client);
	listener_close(&l);
	tls_ctx_free(ctx);
}

static void
before_the_client_speaks(void **state)
{
	(void)state;
	refuse(false);
}

static void
after_it_has_spoken(void **state)
{
	(void)state;
	refuse(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(before_the_client_speaks),
					   cmocka_unit_test(after_it_has_spoken)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS streams over a socketpair and TCP, with both ends in this process. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "base/time.h"
#include "net/addr.h"
#include "net/dial.h"
#include "net/fdstream.h"
#include "net/listen.h"
#include "net/tls.h"
#include "net/tls_internal.h"

struct world {
	struct tls_key *server_key;
	struct tls_key *device_key;
	struct tls_ctx *server_ctx;
	struct tls_ctx *client_ctx;
	struct tls_ctx *nobody_ctx; /* a client without a key */
	struct stream *server;
	struct stream *client;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct cfs_err err = CFS_ERR_INIT;

	assert_int_equal(key_generate(KEY_SERVER, &w->server_key, &err), 0);
	assert_int_equal(key_generate(KEY_DEVICE, &w->device_key, &err), 0);
	assert_int_equal(tls_server_ctx_new(w->server_key, &w->server_ctx, &err), 0);
	assert_int_equal(tls_client_ctx_new(w->device_key, &w->client_ctx, &err), 0);
	assert_int_equal(tls_client_ctx_new(NULL, &w->nobody_ctx, &err), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	stream_close(w->client);
	stream_close(w->server);
	tls_ctx_free(w->server_ctx);
	tls_ctx_free(w->client_ctx);
	tls_ctx_free(w->nobody_ctx);
	key_free(w->server_key);
	key_free(w->device_key);
	free(w);
	return 0;
}

static void
connect_over(struct world *w, struct tls_ctx *client_ctx, int server_fd, int client_fd)
{
	assert_int_equal(tls_stream_new(w->server_ctx, server_fd, &w->server, NULL), 0);
	assert_int_equal(tls_stream_new(client_ctx, client_fd, &w->client, NULL), 0);
}

static void
connect_pair(struct world *w, struct tls_ctx *client_ctx)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	connect_over(w, client_ctx, fds[0], fds[1]);
}

static void
connect_tcp(struct world *w, struct tls_ctx *client_ctx)
{
	struct listener l = {.count = 0};
	int client;
	int server;

	assert_int_equal(listen_tcp(&l, "127.0.0.1:0", NULL), 0);
	assert_int_equal(
	    dial_tcp("localhost", addr_local_port(l.fds[0]), deadline_from_ms(5000), &client, NULL),
	    0);
	while ((server = listen_accept(l.fds[0], NULL)) == CFS_EBUSY)
		continue;
	assert_true(server >= 0);
	listener_close(&l);
	connect_over(w, client_ctx, server, client);
}

/* Both ends by turns. Returns the client's result; the server's in *server_rc. */
static int
shake(struct world *w, const struct sha256 *expected, struct sha256 *actual, int *server_rc,
      struct cfs_err *err)
{
	int rc = CFS_EBUSY;

	*server_rc = CFS_EBUSY;
	while (rc == CFS_EBUSY || *server_rc == CFS_EBUSY) {
		if (rc == CFS_EBUSY)
			rc = tls_client_handshake(w->client, expected, 0, actual, err);
		if (rc == CFS_ETIMEDOUT)
			rc = CFS_EBUSY;
		if (*server_rc == CFS_EBUSY)
			*server_rc = tls_handshake(w->server, NULL);
		if (rc < 0 && rc != CFS_EBUSY && *server_rc == CFS_EBUSY) {
			stream_close(w->client);
			w->client = NULL;
			*server_rc = tls_handshake(w->server, NULL);
			break;
		}
	}
	return rc;
}

static void
assert_shaken(struct world *w)
{
	int server_rc;

	assert_int_equal(shake(w, NULL, NULL, &server_rc, NULL), 0);
	assert_int_equal(server_rc, 0);
}

static void
test_both_know_each_other(void **state)
{
	struct world *w = *state;
	struct sha256 server;
	struct sha256 device;
	struct sha256 seen;
	int server_rc;

	connect_tcp(w, w->client_ctx);
	key_fingerprint(w->server_key, &server);
	key_fingerprint(w->device_key, &device);
	assert_false(tls_peer_fingerprint(w->server, &seen));
	assert_int_equal(shake(w, &server, &seen, &server_rc, NULL), 0);
	assert_int_equal(server_rc, 0);
	assert_true(sha256_equal(&seen, &server));
	assert_true(tls_peer_fingerprint(w->server, &seen));
	assert_true(sha256_equal(&seen, &device));
	assert_true(tls_peer_fingerprint(w->client, &seen));
	assert_true(sha256_equal(&seen, &server));
}

static void
test_a_client_may_have_no_key(void **state)
{
	struct world *w = *state;
	struct sha256 seen;

	connect_pair(w, w->nobody_ctx);
	assert_shaken(w);
	assert_false(tls_peer_fingerprint(w->server, &seen));
}

static void
test_another_key_is_refused(void **state)
{
	struct world *w = *state;
	struct cfs_err err = CFS_ERR_INIT;
	char text[FINGERPRINT_TEXT_SIZE];
	struct sha256 expected;
	struct sha256 actual;
	struct sha256 seen;
	int server_rc;

	connect_pair(w, w->client_ctx);
	key_fingerprint(w->device_key, &expected);
	assert_int_equal(shake(w, &expected, &seen, &server_rc, &err), CFS_EKEYCHANGED);
	key_fingerprint(w->server_key, &actual);
	assert_true(sha256_equal(&seen, &actual));
	assert_non_null(strstr(err.text, fingerprint_format(text, &expected)));
	assert_non_null(strstr(err.text, fingerprint_format(text, &actual)));
	/* The server has not seen who the client is. */
	assert_true(server_rc < 0);
	assert_false(tls_peer_fingerprint(w->server, &seen));
}

/* Sends size bytes from one to the other in pieces, reads in others; checks order and content. */
static void
transfer(struct stream *from, struct stream *to, size_t size)
{
	unsigned char *out = malloc(size);
	unsigned char *in = malloc(size);
	size_t sent = 0;
	size_t got = 0;

	rand_bytes(out, size);
	while (got < size) {
		size_t piece = min_size(size - sent, (got * 7) % 300000 + 1);
		struct iovec iov[2] = {{out + sent, piece / 3},
				       {out + sent + piece / 3, piece - piece / 3}};
		ssize_t n = sent < size ? stream_writev(from, iov, 2, NULL) : 0;
		int rc;

		assert_true(n >= 0 || n == CFS_EBUSY);
		sent += n > 0 ? (size_t)n : 0;
		rc = stream_flush(from, NULL);
		assert_true(rc == 0 || rc == CFS_EBUSY);
		if (rc == CFS_EBUSY)
			assert_int_not_equal(stream_events(from) & STREAM_WANT_WRITE, 0);
		while ((n = stream_read(to, in + got, min_size(size - got, 100000), NULL)) > 0)
			got += (size_t)n;
		assert_true(n == CFS_EBUSY || got == size);
	}
	assert_memory_equal(in, out, size);
	assert_int_equal(stream_read(to, in, 1, NULL), CFS_EBUSY);
	assert_int_equal(stream_buffered(to), 0);
	free(in);
	free(out);
}

static void
test_bytes_both_ways(void **state)
{
	struct world *w = *state;

	connect_tcp(w, w->client_ctx);
	assert_shaken(w);
	transfer(w->client, w->server, 5000000);
	transfer(w->server, w->client, 5000000);
	transfer(w->client, w->server, 1);
}

/* An owner that reads no more, because it owes too much, must not be woken by what the peer goes on sending. */
static void
test_unread_bytes_wake_nobody(void **state)
{
	struct world *w = *state;

	connect_pair(w, w->client_ctx);
	assert_int_equal(tls_handshake(w->server, NULL), CFS_EBUSY);
	assert_int_equal(stream_events(w->server), STREAM_WANT_READ);
	assert_shaken(w);
	assert_int_equal(stream_events(w->server), 0);
	for (int i = 0; i < 1000; i++) {
		static unsigned char bytes[65536];
		struct iovec iov = {bytes, sizeof bytes};

		stream_writev(w->server, &iov, 1, NULL);
	}
	assert_int_equal(stream_flush(w->server, NULL), CFS_EBUSY);
	assert_int_equal(stream_events(w->server), STREAM_WANT_WRITE);
}

static void
test_suite_and_version(void **state)
{
	struct world *w = *state;
	struct tls_stream *t;

	connect_pair(w, w->client_ctx);
	assert_shaken(w);
	t = (struct tls_stream *)(void *)w->client;
	assert_string_equal(SSL_get_version(t->ssl), "TLSv1.3");
	assert_string_equal(SSL_get_cipher_name(t->ssl), "TLS_AES_128_GCM_SHA256");
}

static void
test_key_updates_are_answered(void **state)
{
	struct world *w = *state;
	struct tls_stream *t;

	connect_pair(w, w->client_ctx);
	assert_shaken(w);
	t = (struct tls_stream *)(void *)w->client;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		transfer(w->client, w->server, 100000);
		transfer(w->server, w->client, 100000);
	}
}

static void
test_orderly_end_and_cut(void **state)
{
	struct world *w = *state;
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char byte;

	connect_pair(w, w->client_ctx);
	assert_shaken(w);
	stream_close(w->client);
	w->client = NULL;
	assert_int_equal(stream_read(w->server, &byte, 1, &err), 0);
	stream_close(w->server);

	connect_pair(w, w->client_ctx);
	assert_shaken(w);
	/* Without close_notify an attacker could have cut the stream: no orderly end. */
	assert_int_equal(shutdown(stream_fd(w->client), SHUT_RDWR), 0);
	assert_int_equal(stream_read(w->server, &byte, 1, &err), CFS_ENET);
	assert_int_equal(err.code, CFS_ENET);
}

static void
test_garbage_instead_of_a_handshake(void **state)
{
	struct world *w = *state;
	unsigned char junk[1000];
	struct cfs_err err = CFS_ERR_INIT;
	int rc = CFS_EBUSY;

	for (int i = 0; i < 50; i++) {
		connect_pair(w, w->client_ctx);
		rand_bytes(junk, sizeof junk);
		if (i % 2)
			memcpy(junk, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
		assert_int_equal(write(stream_fd(w->client), junk, sizeof junk), sizeof junk);
		assert_int_equal(shutdown(stream_fd(w->client), SHUT_WR), 0);
		while ((rc = tls_handshake(w->server, &err)) == CFS_EBUSY)
			continue;
		assert_true(rc == CFS_EPROTO || rc == CFS_ENET);
		stream_close(w->server);
		stream_close(w->client);
		w->server = w->client = NULL;
	}
}

static void
test_deadline(void **state)
{
	struct world *w = *state;
	struct cfs_err err = CFS_ERR_INIT;

	connect_pair(w, w->client_ctx);
	assert_int_equal(tls_client_handshake(w->client, NULL, deadline_from_ms(20), NULL, &err),
			 CFS_ETIMEDOUT);
}

/* What every connection of a daemon costs while it is quiet. */
static void
test_idle_streams_hold_no_buffers(void **state)
{
	struct world *w = *state;
	const struct tls_stream *t;

	connect_tcp(w, w->client_ctx);
	assert_shaken(w);
	transfer(w->client, w->server, 3000000);
	transfer(w->server, w->client, 3000000);
	t = (const struct tls_stream *)(const void *)w->server;
	assert_true(t->out.cap <= 16 * 1024);
	assert_int_equal(SSL_pending(t->ssl), 0);
	assert_int_equal(SSL_has_pending(t->ssl), 0);
}

/* A client that reconnects for weeks makes a context each time. */
static void
test_many_contexts(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 300; i++) {
		struct tls_ctx *ctx = NULL;

		assert_int_equal(tls_client_ctx_new(w->device_key, &ctx, NULL), 0);
		if (i % 100 == 99) {
			connect_pair(w, ctx);
			assert_shaken(w);
			stream_close(w->client);
			stream_close(w->server);
			w->client = w->server = NULL;
		}
		tls_ctx_free(ctx);
	}
}

/* As the daemon does it: the context is made before a fork, connections are served after it. */
static void
test_a_context_crosses_a_fork(void **state)
{
	struct world *w = *state;
	int fds[2];
	pid_t child;
	int status;
	unsigned char byte = 'x';

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	child = fork();
	if (child == 0) {
		struct stream *s = NULL;

		close(fds[1]);
		if (tls_stream_new(w->server_ctx, fds[0], &s, NULL) < 0 ||
		    tls_handshake_until(s, deadline_from_ms(5000), NULL) < 0 ||
		    stream_writev(s, &(struct iovec){&byte, 1}, 1, NULL) != 1 ||
		    stream_flush(s, NULL) < 0)
			_exit(1);
		stream_close(s);
		_exit(0);
	}
	assert_true(child > 0);
	close(fds[0]);
	assert_int_equal(tls_stream_new(w->client_ctx, fds[1], &w->client, NULL), 0);
	assert_int_equal(tls_client_handshake(w->client, NULL, deadline_from_ms(5000), NULL, NULL),
			 0);
	byte = 0;
	while (stream_read(w->client, &byte, 1, NULL) == CFS_EBUSY)
		poll(&(struct pollfd){.fd = fds[1], .events = POLLIN}, 1, 5000);
	assert_int_equal(byte, 'x');
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
test_keys_are_files(void **state)
{
	struct world *w = *state;
	char dir[] = "/tmp/test_tls.XXXXXX";
	char path[64];
	struct tls_key *back = NULL;
	struct cfs_err err = CFS_ERR_INIT;
	struct sha256 a;
	struct sha256 b;
	struct stat st;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/key", dir);
	assert_int_equal(key_load(AT_FDCWD, path, &back, &err), CFS_ENOENT);
	assert_int_equal(key_save(w->device_key, AT_FDCWD, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(key_load(AT_FDCWD, path, &back, &err), 0);
	key_fingerprint(w->device_key, &a);
	key_fingerprint(back, &b);
	assert_true(sha256_equal(&a, &b));
	key_free(back);

	/* Cut anywhere it is no key. */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (off_t size = st.st_size - 40; size > 0; size -= 40) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(key_load(AT_FDCWD, path, &back, &err), CFS_EINVAL);
	}
	close(fd);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_both_know_each_other),           TEST(test_a_client_may_have_no_key),
	    TEST(test_another_key_is_refused),         TEST(test_bytes_both_ways),
	    TEST(test_unread_bytes_wake_nobody),       TEST(test_suite_and_version),
	    TEST(test_key_updates_are_answered),       TEST(test_orderly_end_and_cut),
	    TEST(test_garbage_instead_of_a_handshake), TEST(test_deadline),
	    TEST(test_idle_streams_hold_no_buffers),   TEST(test_many_contexts),
	    TEST(test_a_context_crosses_a_fork),       TEST(test_keys_are_files),

	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

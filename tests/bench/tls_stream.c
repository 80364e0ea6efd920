/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls_stream [MIB] - what the TLS stream and the frames cost over loopback TCP, beside OpenSSL used plainly:
 *
 *   plain    SSL_write() and SSL_read() of 256 KiB on OpenSSL's own socket BIO
 *   ahead    the same with OpenSSL's read-ahead on the reader's side
 *   stream   stream_writev() and stream_read() of 1 MiB
 *   frames   BLOB_PUT frames with 1 MiB of bulk, the bulk straight into its destination
 *
 * The sender is a child process. Each line is the best of three, in MiB/s, and the processor time of the sender and the
 * receiver in that run, in milliseconds a GiB: that one says more on a machine that does other things too.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"
#include "net/addr.h"
#include "net/dial.h"
#include "net/listen.h"
#include "net/tls.h"
#include "net/tls_internal.h"
#include "proto/frame.h"

#define PIECE       (1024 * 1024)
#define PLAIN_PIECE (256 * 1024)

enum way { PLAIN, AHEAD, STREAM, FRAMES, WAYS };

static const char *const names[] = {"plain", "ahead", "stream", "frames"};

struct bench {
	struct tls_ctx *server;
	struct tls_ctx *client;
	size_t total;
	unsigned char *memory; /* PIECE bytes */
};

static void
die(const char *what, const struct cfs_err *err)
{
	fprintf(stderr, "tls_stream: %s: %s\n", what, err ? err->text : "failed");
	exit(1);
}

static void
wait_for(struct stream *s, short more)
{
	struct pollfd p = {.fd = stream_fd(s), .events = (short)(stream_events(s) | more)};

	poll(&p, 1, -1);
}

/* OpenSSL alone, blocking. Configured as our contexts are, but for the read-ahead. */
static SSL *
plain_new(struct tls_ctx *ctx, int fd, bool ahead, bool accept)
{
	SSL *ssl;
	int one = 1;

	SSL_CTX_set_cert_verify_callback(ctx->ssl, NULL, NULL);
	SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_NONE, NULL);
	ssl = SSL_new(ctx->ssl);
	SSL_set_read_ahead(ssl, ahead);
	if (!ahead)
		SSL_set_default_read_buffer_len(ssl, 0);
	SSL_clear_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	fd_set_nonblock(fd, false);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	SSL_set_fd(ssl, fd);
	if ((accept ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
		die("handshake", NULL);
	return ssl;
}

static void
plain_send(const struct bench *b, int fd, bool ahead)
{
	SSL *ssl = plain_new(b->client, fd, ahead, false);
	size_t n;

	for (size_t done = 0; done < b->total; done += n)
		if (SSL_write_ex(ssl, b->memory, min_size(PLAIN_PIECE, b->total - done), &n) != 1)
			die("SSL_write", NULL);
	SSL_read_ex(ssl, b->memory, 1, &n);
	SSL_free(ssl);
}

static uint64_t
plain_receive(const struct bench *b, int fd, bool ahead)
{
	SSL *ssl = plain_new(b->server, fd, ahead, true);
	uint64_t start = now_mono_ns();
	uint64_t took;
	size_t n;

	for (size_t done = 0; done < b->total; done += n)
		if (SSL_read_ex(ssl, b->memory + done % PLAIN_PIECE,
				PLAIN_PIECE - done % PLAIN_PIECE, &n) != 1)
			die("SSL_read", NULL);
	took = now_mono_ns() - start;
	SSL_free(ssl);
	fd_close(&fd);
	return took;
}

static struct stream *
open_stream(struct tls_ctx *ctx, int fd)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct stream *s;

	if (tls_stream_new(ctx, fd, &s, &err) < 0 ||
	    tls_handshake_until(s, deadline_from_ms(5000), &err) < 0)
		die("handshake", &err);
	return s;
}

/* Until the other side closes. */
static void
linger(struct stream *s)
{
	unsigned char byte;

	while (stream_read(s, &byte, 1, NULL) == CFS_EBUSY)
		wait_for(s, POLLIN);
}

static void
stream_send(const struct bench *b, struct stream *s)
{
	struct cfs_err err = CFS_ERR_INIT;
	size_t done = 0;
	int rc;

	while (done < b->total) {
		size_t at = done % PIECE;
		struct iovec iov = {b->memory + at, min_size(PIECE - at, b->total - done)};
		ssize_t n = stream_writev(s, &iov, 1, &err);

		if (n == CFS_EBUSY)
			wait_for(s, POLLOUT);
		else if (n < 0)
			die("stream_writev", &err);
		done += n > 0 ? (size_t)n : 0;
	}
	while ((rc = stream_flush(s, &err)) == CFS_EBUSY)
		wait_for(s, POLLOUT);
	if (rc < 0)
		die("stream_flush", &err);
}

static void
stream_receive(const struct bench *b, struct stream *s)
{
	struct cfs_err err = CFS_ERR_INIT;
	size_t done = 0;

	while (done < b->total) {
		ssize_t n = stream_read(s, b->memory + done % PIECE, PIECE - done % PIECE, &err);

		if (n == CFS_EBUSY)
			wait_for(s, POLLIN);
		else if (n <= 0)
			die("stream_read", &err);
		done += n > 0 ? (size_t)n : 0;
	}
}

static void
frames_send(const struct bench *b, struct stream *s)
{
	struct frame_writer *w = frame_writer_new(s);
	struct iovec piece = {b->memory, PIECE};
	struct frame_bulk bulk = {.pieces = &piece, .count = 1};
	struct m_blob_put_req req = {.tag = 1};
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	for (size_t done = 0; done < b->total; done += PIECE) {
		if (frame_write(w, OP_BLOB_PUT, 0, 1, &msg_blob_put_req, &req, &bulk) < 0)
			die("frame_write", NULL);
		while ((rc = frame_writer_flush(w, &err)) == CFS_EBUSY)
			wait_for(s, POLLOUT);
		if (rc < 0)
			die("frame_writer_flush", &err);
	}
	frame_writer_free(w);
}

static void
frames_receive(const struct bench *b, struct stream *s)
{
	struct frame_reader *r = frame_reader_new(s, FRAME_MAX);
	struct cfs_err err = CFS_ERR_INIT;
	struct frame f;
	size_t done = 0;

	while (done < b->total) {
		int rc = frame_next(r, &f, &err);

		if (rc == FRAME_BULK)
			frame_bulk_into(r, b->memory, f.bulk_left);
		else if (rc == FRAME_BULK_END)
			done += PIECE;
		else if (rc == FRAME_NEED_MORE)
			wait_for(s, POLLIN);
		else
			die("frame_next", &err);
	}
	frame_reader_free(r);
}

static void
send_all(const struct bench *b, enum way way, int fd)
{
	struct stream *s;

	if (way == PLAIN || way == AHEAD) {
		plain_send(b, fd, way == AHEAD);
		return;
	}
	s = open_stream(b->client, fd);
	if (way == STREAM)
		stream_send(b, s);
	else
		frames_send(b, s);
	linger(s);
	stream_close(s);
}

static uint64_t
receive_all(const struct bench *b, enum way way, int fd)
{
	struct stream *s;
	uint64_t start;
	uint64_t took;

	if (way == PLAIN || way == AHEAD)
		return plain_receive(b, fd, way == AHEAD);
	s = open_stream(b->server, fd);
	start = now_mono_ns();
	if (way == STREAM)
		stream_receive(b, s);
	else
		frames_receive(b, s);
	took = now_mono_ns() - start;
	stream_close(s);
	return took;
}

/* User and system time of this process or (who = RUSAGE_CHILDREN) of those waited for. */
static uint64_t
cpu_ns(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

struct result {
	uint64_t took;
	uint64_t send_cpu;
	uint64_t receive_cpu;
};

static struct result
run(const struct bench *b, enum way way)
{
	struct listener l = {.count = 0};
	struct cfs_err err = CFS_ERR_INIT;
	struct result r = {.receive_cpu = cpu_ns(RUSAGE_SELF), .send_cpu = cpu_ns(RUSAGE_CHILDREN)};
	pid_t child;
	int fd;

	if (listen_tcp(&l, "127.0.0.1:0", &err) < 0)
		die("listen", &err);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (dial_tcp("127.0.0.1", addr_local_port(l.fds[0]), deadline_from_ms(5000), &fd,
			     &err) < 0)
			die("dial", &err);
		send_all(b, way, fd);
		_exit(0);
	}
	while ((fd = listen_accept(l.fds[0], &err)) == CFS_EBUSY)
		poll(&(struct pollfd){.fd = l.fds[0], .events = POLLIN}, 1, 5000);
	if (child < 0 || fd < 0)
		die("accept", &err);
	r.took = receive_all(b, way, fd);
	waitpid(child, NULL, 0);
	listener_close(&l);
	r.receive_cpu = cpu_ns(RUSAGE_SELF) - r.receive_cpu;
	r.send_cpu = cpu_ns(RUSAGE_CHILDREN) - r.send_cpu;
	return r;
}

int
main(int argc, char **argv)
{
	struct bench b = {.total = (size_t)(argc > 1 ? atoi(argv[1]) : 1024) * 1024 * 1024};
	struct cfs_err err = CFS_ERR_INIT;
	struct tls_key *key = NULL;

	b.memory = calloc(1, PIECE);
	if (!b.memory || key_generate(KEY_SERVER, &key, &err) < 0)
		die("key", &err);
	for (enum way way = PLAIN; way < WAYS; way++) {
		struct result best = {.took = UINT64_MAX};
		double gib;

		if (tls_server_ctx_new(key, &b.server, &err) < 0 ||
		    tls_client_ctx_new(NULL, &b.client, &err) < 0)
			die("TLS", &err);
		for (int i = 0; i < 3; i++) {
			struct result r = run(&b, way);

			best = r.took < best.took ? r : best;
		}
		gib = (double)b.total / (1024 * 1024 * 1024);
		printf("%-8s %6.0f MiB/s   send %4.0f ms/GiB   receive %4.0f ms/GiB\n", names[way],
		       1024 * gib / ((double)best.took / 1e9), (double)best.send_cpu / 1e6 / gib,
		       (double)best.receive_cpu / 1e6 / gib);
		tls_ctx_free(b.server);
		tls_ctx_free(b.client);
	}
	free(b.memory);
	key_free(key);
	return 0;
}

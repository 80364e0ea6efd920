/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stream - copies one file through one bare TLS 1.3 connection: what a transfer costs when the
 * protocol is free. It is the yardstick for put and get, so it does what a careful person would
 * (large buffers, AES-128-GCM, read-ahead in the TLS layer) and nothing else: no hash, no flush, no
 * check of the certificate, which the server makes up when it starts.
 *
 *   stream serve DIR               prints its port, forks for each connection
 *   stream put PORT FILE NAME      returns when the server has closed the file
 *   stream get PORT NAME FILE
 *   stream ping PORT COUNT         a message of 64 bytes and one back, COUNT times: prints "p50 p99" in
 *                                  microseconds
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10)
#define SUITE        "TLS_AES_128_GCM_SHA256"
#define PING_BYTES   64

struct request {
	uint64_t size; /* of a put, or the count of pings; one machine, so its own byte order */
	char verb;     /* 'p', 'g' or 'r' */
	char name[255];
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void
send_all(SSL *ssl, const void *data, size_t size)
{
	size_t done = 0;
	if (size > 0 && (SSL_write_ex(ssl, data, size, &done) != 1 || done != size))
		die("SSL_write");
}

static void
receive_all(SSL *ssl, void *data, size_t size)
{
	for (size_t at = 0, n = 0; at < size; at += n)
		if (SSL_read_ex(ssl, (char *)data + at, size - at, &n) != 1)
			die("SSL_read");
}

static void
file_to_stream(SSL *ssl, int fd, uint64_t size, char *buffer)
{
	while (size > 0) {
		ssize_t n = read(fd, buffer, size < BUFFER_BYTES ? (size_t)size : BUFFER_BYTES);
		if (n <= 0)
			die("read");
		send_all(ssl, buffer, (size_t)n);
		size -= (uint64_t)n;
	}
}

static void
stream_to_file(SSL *ssl, int fd, uint64_t size, char *buffer)
{
	while (size > 0) {
		size_t want = size < BUFFER_BYTES ? (size_t)size : BUFFER_BYTES, have = 0, n = 0;
		for (; have < want; have += n)
			if (SSL_read_ex(ssl, buffer + have, want - have, &n) != 1)
				die("SSL_read");
		for (size_t at = 0; at < have;) {
			ssize_t w = write(fd, buffer + at, have - at);
			if (w < 0)
				die("write");
			at += (size_t)w;
		}
		size -= have;
	}
}

static int
open_source(int dir, const char *path, uint64_t *size)
{
	struct stat st;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	*size = (uint64_t)st.st_size;
	return fd;
}

static int
open_target(int dir, const char *path)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		die(path);
	return fd;
}

static void
serve_one(SSL *ssl, int dir)
{
	struct request r;
	char *buffer = malloc(BUFFER_BYTES);
	if (buffer == NULL || SSL_accept(ssl) != 1)
		die("accept");
	receive_all(ssl, &r, sizeof r);
	r.name[sizeof r.name - 1] = '\0';
	if (r.verb == 'p') {
		int fd = open_target(dir, r.name);
		stream_to_file(ssl, fd, r.size, buffer);
		if (close(fd) < 0)
			die("close");
		send_all(ssl, "k", 1);
	} else if (r.verb == 'r') {
		for (; r.size > 0; r.size--) {
			receive_all(ssl, buffer, PING_BYTES);
			send_all(ssl, buffer, PING_BYTES);
		}
	} else {
		int fd = open_source(dir, r.name, &r.size);
		send_all(ssl, &r.size, sizeof r.size);
		file_to_stream(ssl, fd, r.size, buffer);
		close(fd);
	}
	SSL_shutdown(ssl);
	free(buffer);
}

static SSL_CTX *
context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, SUITE) != 1)
		die("TLS context");
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, BUFFER_BYTES);
	return ctx;
}

static void
certificate_make(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	if (key == NULL || x == NULL)
		die("key");
	X509_NAME *name = X509_get_subject_name(x);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1,
				   0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) == 0 || SSL_CTX_use_certificate(ctx, x) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		die("certificate");
	X509_free(x);
	EVP_PKEY_free(key);
}

static SSL *
stream_on(SSL_CTX *ctx, int fd)
{
	int nodelay = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay);
	SSL *ssl = SSL_new(ctx);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
		die("SSL_new");
	return ssl;
}

static int
serve(const char *path)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	SSL_CTX *ctx = context_new(TLS_server_method());
	certificate_make(ctx);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (dir < 0 || listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof a) < 0 ||
	    listen(listener, 64) < 0 || getsockname(listener, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	printf("%u\n", ntohs(a.sin_port));
	fflush(stdout);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		/* Those that have ended are waited for, so that their processor time is counted. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (fd < 0)
			continue;
		pid_t pid = fork();
		if (pid == 0) {
			close(listener);
			serve_one(stream_on(ctx, fd), dir);
			_exit(0);
		}
		close(fd);
	}
}

static SSL *
call(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				.sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	SSL_CTX *ctx = context_new(TLS_client_method());
	SSL *ssl = stream_on(ctx, fd);
	SSL_CTX_free(ctx); /* the stream holds it */
	if (SSL_connect(ssl) != 1)
		die("SSL_connect");
	return ssl;
}

static int
copy(char verb, const char *port, const char *file, const char *name)
{
	struct request r = {.verb = verb};
	char *buffer = malloc(BUFFER_BYTES), answer;
	int fd = verb == 'p' ? open_source(AT_FDCWD, file, &r.size) : open_target(AT_FDCWD, file);
	if (buffer == NULL || snprintf(r.name, sizeof r.name, "%s", name) >= (int)sizeof r.name)
		die(name);
	SSL *ssl = call(port);
	send_all(ssl, &r, sizeof r);
	if (verb == 'p') {
		file_to_stream(ssl, fd, r.size, buffer);
		receive_all(ssl, &answer, 1);
	} else {
		receive_all(ssl, &r.size, sizeof r.size);
		stream_to_file(ssl, fd, r.size, buffer);
	}
	if (close(fd) < 0)
		die("close");
	SSL_free(ssl);
	free(buffer);
	return 0;
}

static int
compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
ping(const char *port, size_t count)
{
	struct request r = {.verb = 'r', .size = count};
	char bytes[PING_BYTES] = "ping";
	double *took = calloc(count, sizeof *took);
	if (took == NULL || count == 0)
		die("ping");
	SSL *ssl = call(port);
	send_all(ssl, &r, sizeof r);
	for (size_t i = 0; i < count; i++) {
		double start = now_us();
		send_all(ssl, bytes, sizeof bytes);
		receive_all(ssl, bytes, sizeof bytes);
		took[i] = now_us() - start;
	}
	qsort(took, count, sizeof *took, compare_doubles);
	printf("%.1f %.1f\n", took[count / 2], took[(count * 99 + 99) / 100 - 1]);
	free(took);
	SSL_free(ssl);
	return 0;
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "put") == 0)
		return copy('p', argv[2], argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[1], "get") == 0)
		return copy('g', argv[2], argv[4], argv[3]);
	if (argc == 4 && strcmp(argv[1], "ping") == 0)
		return ping(argv[2], strtoull(argv[3], NULL, 10));
	fprintf(stderr, "usage: stream serve DIR | put PORT FILE NAME | get PORT NAME FILE | "
			"ping PORT COUNT\n");
	return 2;
}

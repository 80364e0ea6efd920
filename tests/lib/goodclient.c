/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "goodclient.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"
#include "net/dial.h"
#include "proto/codec.h"

#define WAIT_MS    60000
#define CONNECT_MS 5000
#define FILE_BYTES 2048u

static _Noreturn void
die(const char *what, const struct cfs_err *err)
{
	(void)fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

void
print_row(const char *name, const char *unit, double value)
{
	(void)printf("%s\t%s\t%.4g\n", name, unit, value);
	(void)fflush(stdout);
}

void
target_init(struct target *t, const char *host, const char *port, const char *keyfile)
{
	struct cfs_err err = CFS_ERR_INIT;

	*t = (struct target){.host = host, .port = (uint16_t)strtoul(port, NULL, 10)};
	if (key_load(AT_FDCWD, keyfile, &t->key, &err) || tls_client_ctx_new(t->key, &t->tls, &err))
		die(keyfile, &err);
}

void
target_fini(struct target *t)
{
	tls_ctx_free(t->tls);
	key_free(t->key);
}

int
target_connect(const struct target *t)
{
	int fd;

	return dial_tcp(t->host, t->port, deadline_from_ms(CONNECT_MS), &fd, NULL) ? -1 : fd;
}

struct caller *
target_sign_in(const struct target *t, struct m_hello_rep *rep, struct cfs_err *err)
{
	struct m_hello_req req = {.version_min = 1, .version_max = 1, .client = STR_LIT("crowd")};
	uint64_t deadline = deadline_from_ms(WAIT_MS);
	struct stream *s = NULL;
	struct caller *caller;
	int fd;

	if (dial_tcp(t->host, t->port, deadline, &fd, err))
		return NULL;
	if (tls_stream_new(t->tls, fd, &s, err)) {
		fd_close(&fd);
		return NULL;
	}
	if (tls_client_handshake(s, NULL, deadline, NULL, err)) {
		stream_close(s);
		return NULL;
	}
	caller = caller_new(s, WAIT_MS);
	if (caller && caller_call(caller, OP_HELLO, 0, &req, NULL, 0, rep, NULL, err)) {
		caller_free(caller);
		return NULL;
	}
	return caller;
}

void
good_start(struct good *g, const struct target *t)
{
	struct m_stream_attach_req attach = {.stream = id128_random(), .create = 1, .inodes = 1024};
	struct m_stream_attach_rep rep;
	struct cfs_err err = CFS_ERR_INIT;

	*g = (struct good){0};
	g->caller = target_sign_in(t, &g->hello, &err);
	if (!g->caller ||
	    caller_call(g->caller, OP_STREAM_ATTACH, 0, &attach, NULL, 0, &rep, NULL, &err))
		die("a good client", &err);
	g->ino = rep.first;
}

/* A small file, on stable storage when it is answered. */
void
good_put(struct good *g, const char *name)
{
	struct m_write_piece piece = {.length = FILE_BYTES, .kind = 1};
	struct m_put_req req = {.ack = g->seq, .dir = g->hello.home, .dir_gen = g->hello.gen};
	unsigned char data[FILE_BYTES] = {1};
	struct buf pieces = BUF_INIT;
	struct m_put_rep rep;
	struct cfs_err err = CFS_ERR_INIT;

	req.flags = 1;
	req.seq = ++g->seq;
	req.name = str_from(name);
	req.ino = g->ino++;
	req.mode = 0644;
	req.size = sizeof(data);
	if (codec_list_append(&req.pieces, &msg_write_piece, &piece, &pieces, 0) ||
	    caller_call(g->caller, OP_PUT, FRAME_DURABLE, &req, data, sizeof(data), &rep, NULL,
			&err))
		die("put", &err);
	g->file = rep.attr;
	buf_fini(&pieces);
}

void
good_look(struct good *g)
{
	struct m_lookup_req req = {
	    .dir = g->hello.home, .gen = g->hello.gen, .name = STR_LIT("crowd-0")};
	struct m_lookup_rep rep;
	struct str bulk;
	struct cfs_err err = CFS_ERR_INIT;

	if (caller_call(g->caller, OP_LOOKUP, 0, &req, NULL, 0, &rep, &bulk, &err))
		die("look-up", &err);
}

void
good_read(struct good *g)
{
	struct m_read_req req = {.ino = g->file.ino, .gen = g->file.gen, .length = FILE_BYTES};
	struct m_read_rep rep;
	struct cfs_err err = CFS_ERR_INIT;
	struct str bulk;

	if (caller_call(g->caller, OP_READ, 0, &req, NULL, 0, &rep, &bulk, &err))
		die("read", &err);
}

void
good_end(struct good *g)
{
	caller_free(g->caller);
}

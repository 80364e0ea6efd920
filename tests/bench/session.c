/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What a session costs without a network: look-ups one at a time, small files pipelined and durable, blobs and reads
 * in a stream; over a socketpair, server and client on the same processors. Prints one line each.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/servertest.h"
#include "base/bytes.h"
#include "base/time.h"

#define LOOKUPS   20000
#define SMALL     3000
#define SMALL_LEN 10000
#define BLOBS     256
#define BLOB_LEN  (4u * 1024 * 1024)
#define WINDOW    4

static double
seconds_since(uint64_t start)
{
	return (double)(now_mono_ns() - start) / 1e9;
}

static void
bench_lookup(struct peer *p)
{
	struct m_attr attr;
	uint64_t start;

	assert_int_equal(peer_put(p, p->home, "f", "x", 1, &attr), 0);
	start = now_mono_ns();
	for (int i = 0; i < LOOKUPS; i++)
		assert_int_equal(peer_lookup(p, p->home, "f", &attr), 0);
	printf("look-up one at a time: %.1f us\n", seconds_since(start) * 1e6 / LOOKUPS);
}

static void
bench_ping(struct peer *p)
{
	struct m_empty req = {0};
	struct m_ping_rep rep;
	uint64_t start = now_mono_ns();

	for (int i = 0; i < LOOKUPS; i++)
		assert_int_equal(peer_call(p, OP_PING, &req, &rep, NULL), 0);
	printf("ping one at a time: %.1f us\n", seconds_since(start) * 1e6 / LOOKUPS);
}

struct sender {
	struct peer *p;
	void (*send)(struct sender *, unsigned);
	struct buf pieces;
	unsigned char *data;
	struct m_attr attr;
};

/* Keeps `window` requests under way until count were answered. */
static void
pipeline(struct sender *s, unsigned count, unsigned window)
{
	union m_any rep;
	unsigned sent = 0, answered = 0;
	struct frame f;

	while (answered < count) {
		while (sent < count && sent - answered < window)
			s->send(s, sent++);
		assert_int_equal(caller_receive(s->p->c, &f, NULL), 0);
		assert_int_equal(caller_decode(&f, &rep, NULL, NULL), 0);
		answered++;
	}
}

static void
send_put(struct sender *s, unsigned i)
{
	struct m_put_req req;
	char name[32];

	(void)snprintf(name, sizeof(name), "small%u", i);
	buf_clear(&s->pieces);
	peer_fill_put(s->p, s->p->home, name, SMALL_LEN, &req, &s->pieces);
	peer_send(s->p, OP_PUT, FRAME_DURABLE, &req, s->data, SMALL_LEN);
}

static void
send_blob(struct sender *s, unsigned i)
{
	struct m_blob_put_req req = {.tag = i + 1};

	memcpy(s->data, &i, sizeof(i));
	peer_send(s->p, OP_BLOB_PUT, 0, &req, s->data, BLOB_LEN);
}

static void
make_big(struct peer *p, struct m_attr *attr)
{
	struct m_put_req req;
	struct m_put_rep rep;
	struct buf pieces = BUF_INIT;

	peer_fill_put(p, p->home, "big", 0, &req, &pieces);
	req.size = (uint64_t)BLOBS * BLOB_LEN;
	for (unsigned i = 0; i < BLOBS; i++) {
		struct m_write_piece piece = {.length = BLOB_LEN, .kind = 2, .tag = i + 1};

		assert_int_equal(
		    codec_list_append(&req.pieces, &msg_write_piece, &piece, &pieces, 0), 0);
	}
	assert_int_equal(peer_call(p, OP_PUT, &req, &rep, NULL), 0);
	*attr = rep.attr;
	buf_fini(&pieces);
}

static void
send_read(struct sender *s, unsigned i)
{
	struct m_read_req req = {.ino = s->attr.ino,
				 .gen = s->attr.gen,
				 .offset = (uint64_t)(i % BLOBS) * BLOB_LEN,
				 .length = BLOB_LEN,
				 .flags = 1};

	peer_send(s->p, OP_READ, 0, &req, NULL, 0);
}

static void
bench_streams(struct peer *p)
{
	struct sender s = {.p = p, .data = malloc(BLOB_LEN)};
	double mib = (double)BLOBS * BLOB_LEN / (1024.0 * 1024.0);
	uint64_t start;
	double t;

	assert_non_null(s.data);
	memset(s.data, 'x', BLOB_LEN);
	s.send = send_put;
	start = now_mono_ns();
	pipeline(&s, SMALL, 200);
	t = seconds_since(start);
	printf("%d small files, durable: %.3f s\n", SMALL, t);
	s.send = send_blob;
	start = now_mono_ns();
	pipeline(&s, BLOBS, WINDOW);
	printf("blobs: %.0f MiB/s\n", mib / seconds_since(start));
	make_big(p, &s.attr);
	s.send = send_read;
	for (int i = 0; i < 2; i++) {
		start = now_mono_ns();
		pipeline(&s, BLOBS, WINDOW);
		printf("reads: %.0f MiB/s\n", mib / seconds_since(start));
	}
	free(s.data);
	buf_fini(&s.pieces);
}

int
main(void)
{
	struct id128 stream = id128_random();
	struct peer p;
	void *state;

	(void)servertest_setup(&state);
	peer_start(state, &p, 'a');
	peer_attach(&p, &stream, true);
	bench_ping(&p);
	bench_lookup(&p);
	bench_streams(&p);
	peer_disconnect(&p);
	return servertest_teardown(&state);
}

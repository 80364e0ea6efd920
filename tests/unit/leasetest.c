/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "leasetest.h"

static void
start(struct servertest *t, struct peer *p)
{
	struct id128 stream = id128_random();

	peer_connect(t, p, 'a');
	p->client = id128_random();
	assert_int_equal(peer_hello(p), 0);
	peer_attach(p, &stream, true);
}

void
scene_begin(struct servertest *t, struct scene *s, uint32_t promise_ms)
{
	servertest_promises(t, promise_ms);
	start(t, &s->a);
	start(t, &s->b);
	assert_int_equal(peer_mkdir(&s->a, s->a.home, "d", &s->dir), 0);
	assert_int_equal(peer_put(&s->a, s->dir.ino, "f", "x", 1, &s->file), 0);
}

void
scene_end(struct scene *s)
{
	peer_disconnect(&s->a);
	peer_disconnect(&s->b);
}

bool
lease(struct peer *p, uint64_t dir, uint8_t back)
{
	const struct m_lease_req req = {.dir = dir, .gen = p->gen, .back = back};
	struct m_lease_rep rep;

	assert_int_equal(peer_call(p, OP_LEASE, &req, &rep, NULL), 0);
	return rep.granted != 0;
}

uint64_t
send_lease(struct peer *p, uint64_t dir, uint8_t back)
{
	const struct m_lease_req req = {.dir = dir, .gen = p->gen, .back = back};

	peer_send(p, OP_LEASE, 0, &req, NULL, 0);
	return p->number;
}

uint64_t
send_lookup(struct peer *p, uint64_t dir, const char *name)
{
	const struct m_lookup_req req = {.dir = dir, .gen = p->gen, .name = str_from(name)};

	peer_send(p, OP_LOOKUP, 0, &req, NULL, 0);
	return p->number;
}

uint64_t
send_unlink(struct peer *p, uint64_t dir, const char *name, bool directory, uint64_t ino)
{
	const struct m_unlink_req req = {.seq = ++p->seq,
					 .dir = dir,
					 .dir_gen = p->gen,
					 .name = str_from(name),
					 .directory = directory,
					 .ino = ino};

	peer_send(p, OP_UNLINK, 0, &req, NULL, 0);
	return p->number;
}

int
status_of(struct peer *p, uint64_t number)
{
	union m_any rep;

	return peer_wait(p, number, &rep);
}

uint64_t
next_recall(struct peer *p)
{
	struct m_recall_push m;
	struct frame f;

	do
		assert_int_equal(caller_receive(p->c, &f, NULL), 0);
	while (f.is_reply);
	assert_int_equal(f.op, OP_RECALL);
	assert_int_equal(frame_decode(&f, &m, NULL, NULL), 0);
	return m.push;
}

void
acknowledge(struct peer *p, uint64_t push)
{
	const struct m_push_ack_req ack = {.push = push};

	peer_send(p, OP_PUSH_ACK, 0, &ack, NULL, 0);
}

void
expect_waiting(struct peer *p)
{
	const struct m_empty req = {0};
	struct m_ping_rep rep;

	assert_int_equal(peer_call(p, OP_PING, &req, &rep, NULL), 0);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Clients that send nonsense, too much, or nothing: the session ends in good order and does nothing. */

#include "servertest.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"

/* A hundred a second: much longer than the times that are set here. */
#define DRIPS 1000u

static void
put_header(unsigned char out[FRAME_HEADER_SIZE], uint32_t size, uint16_t op, uint64_t number)
{
	store_le32(out, size);
	store_le16(out + 4, op);
	store_le16(out + 6, 0);
	store_le64(out + 8, number);
}

/* Sends bytes, ends its side (or waits for the server to), and returns how the session ended. */
static int
feed(struct servertest *t, const void *bytes, size_t len, bool end)
{
	unsigned char answer[4096];
	struct peer p;
	int fd;

	peer_connect_raw(t, &p, 'a', &fd);
	(void)!send(fd, bytes, len, MSG_NOSIGNAL);
	if (end)
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
	while (read(fd, answer, sizeof(answer)) > 0)
		;
	(void)close(fd);
	peer_disconnect(&p);
	return p.result;
}

static void
test_garbage(void **state)
{
	unsigned char bytes[5000];

	for (int i = 0; i < 50; i++) {
		rand_bytes(bytes, sizeof(bytes));
		(void)feed(*state, bytes, 1 + rand_u64() % sizeof(bytes), true);
	}
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(feed(*state, bytes, sizeof(bytes), true), CFS_EPROTO);
	assert_int_equal(feed(*state, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, false), CFS_ETOOBIG);
}

static void
test_huge_and_cut(void **state)
{
	unsigned char bytes[FRAME_HEADER_SIZE + 100] = {0};

	put_header(bytes, UINT32_MAX, OP_HELLO, 1);
	assert_int_equal(feed(*state, bytes, FRAME_HEADER_SIZE, false), CFS_ETOOBIG);
	put_header(bytes, FRAME_MAX_BEFORE_SIGN_IN + 1, OP_BLOB_PUT, 1);
	assert_int_equal(feed(*state, bytes, FRAME_HEADER_SIZE, false), CFS_ETOOBIG);
	/* The end in the middle of a header and of a payload. */
	put_header(bytes, 100, OP_HELLO, 1);
	assert_int_equal(feed(*state, bytes, 7, true), CFS_ENET);
	assert_int_equal(feed(*state, bytes, sizeof(bytes) - 1, true), CFS_ENET);
	assert_int_equal(feed(*state, bytes, 0, true), 0);
}

/* A payload that is not what its operation says is answered, and the connection ends. */
static void
test_malformed(void **state)
{
	unsigned char bytes[FRAME_HEADER_SIZE + 3] = {0};
	struct m_hello_req hello = {.version_min = 1, .version_max = 1};
	struct m_hello_rep rep;
	struct frame f;
	struct peer p;

	put_header(bytes, 3, OP_HELLO, 1);
	assert_int_equal(feed(*state, bytes, sizeof(bytes), false), CFS_EPROTO);
	put_header(bytes, 3, OP_HELLO | FRAME_REPLY, 1);
	assert_int_equal(feed(*state, bytes, sizeof(bytes), false), CFS_EPROTO);
	put_header(bytes, 3, OP_HELLO, 0);
	assert_int_equal(feed(*state, bytes, sizeof(bytes), false), CFS_EPROTO);

	/* After sign-in, over the caller: an unknown tag on a well-formed frame first, to see that it goes on. */
	peer_connect(*state, &p, 'a');
	assert_int_equal(peer_call(&p, OP_HELLO, &hello, &rep, NULL), 0);
	peer_send(&p, OP_PUSH_ACK, 0, &(struct m_push_ack_req){.push = 5}, NULL, 0);
	assert_int_equal(caller_receive(p.c, &f, NULL), 0);
	assert_int_equal(f.flags, 0);
	/* Bulk where none belongs. */
	peer_send(&p, OP_PUSH_ACK, 0, &(struct m_push_ack_req){.push = 5}, "more", 4);
	assert_int_equal(caller_receive(p.c, &f, NULL), 0);
	assert_int_equal(err_from_wire(f.flags), CFS_EPROTO);
	assert_int_equal(caller_receive(p.c, &f, NULL), CFS_ENET);
	peer_disconnect(&p);
	assert_int_equal(p.result, CFS_EPROTO);
}

/* What this build does not know, and what only servers send, is not supported; the connection goes on. */
static void
test_unknown_operation(void **state)
{
	unsigned char unknown[FRAME_HEADER_SIZE + 3] = "", push[FRAME_HEADER_SIZE] = "";
	unsigned char answer[256];
	struct peer p;
	ssize_t n;
	int fd;

	put_header(unknown, 3, 4711, 1);
	put_header(push, 0, OP_GOODBYE, 2);
	peer_connect_raw(*state, &p, 'a', &fd);
	assert_int_equal(write(fd, unknown, sizeof(unknown)), sizeof(unknown));
	n = read(fd, answer, sizeof(answer));
	assert_true(n >= FRAME_HEADER_SIZE);
	assert_int_equal(load_le16(answer + 4), 4711 | FRAME_REPLY);
	assert_int_equal(err_from_wire(load_le16(answer + 6)), CFS_EUNSUPPORTED);
	assert_int_equal(load_le64(answer + 8), 1);
	assert_int_equal(write(fd, push, sizeof(push)), sizeof(push));
	n = read(fd, answer, sizeof(answer));
	assert_true(n >= FRAME_HEADER_SIZE);
	assert_int_equal(err_from_wire(load_le16(answer + 6)), CFS_EUNSUPPORTED);
	(void)close(fd);
	peer_disconnect(&p);
	assert_int_equal(p.result, 0);
}

/* Nothing at all: out after the time for signing in; signed in and silent: after the idle time. */
static void
test_silence(void **state)
{
	struct servertest *t = *state;
	struct frame f;
	struct peer p;

	t->conf.signin_ms = 100;
	assert_int_equal(feed(t, "", 0, false), CFS_ETIMEDOUT);
	t->conf.signin_ms = 20000;
	t->conf.idle_ms = 300;
	peer_start(t, &p, 'a');
	assert_int_equal(caller_receive(p.c, &f, NULL), CFS_ENET);
	peer_disconnect(&p);
	assert_int_equal(p.result, CFS_ETIMEDOUT);
}

/* Sends a byte now and then until the session ends it; how many, DRIPS if it does not. */
static size_t
drip(int fd)
{
	struct pollfd w = {.fd = fd, .events = POLLIN};
	unsigned char answer[1024];
	size_t sent = 0;

	while (sent < DRIPS) {
		sent += send(fd, "", 1, MSG_NOSIGNAL) == 1;
		if (poll(&w, 1, 10) > 0 && read(fd, answer, sizeof(answer)) <= 0)
			break;
	}
	return sent;
}

/* A byte now and then is not something said: a message that never gets whole buys no time, neither before sign-in nor behind. */
static void
test_slow_senders(void **state)
{
	struct servertest *t = *state;
	struct m_hello_req hello = {.version_min = 1, .version_max = 1};
	unsigned char head[FRAME_HEADER_SIZE], answer[1024];
	struct buf frame = BUF_INIT, payload = BUF_INIT;
	struct peer p;
	int fd;

	t->conf.signin_ms = 300;
	put_header(head, FRAME_MAX_BEFORE_SIGN_IN, OP_HELLO, 1);
	peer_connect_raw(t, &p, 'a', &fd);
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	assert_in_range(drip(fd), 2, DRIPS - 1);
	(void)close(fd);
	peer_disconnect(&p);
	assert_int_equal(p.result, CFS_ETIMEDOUT);

	t->conf.signin_ms = 20000;
	t->conf.idle_ms = 300;
	assert_int_equal(codec_encode(&msg_hello_req, &hello, &payload), 0);
	assert_int_equal(frame_append(&frame, OP_HELLO, 0, 1, payload.data, payload.len), 0);
	put_header(head, 3000000, OP_BLOB_PUT, 2);
	assert_int_equal(buf_append(&frame, head, sizeof(head)), 0);
	peer_connect_raw(t, &p, 'a', &fd);
	assert_int_equal(write(fd, frame.data, frame.len), frame.len);
	assert_true(read(fd, answer, sizeof(answer)) > 0);
	assert_in_range(drip(fd), 2, DRIPS - 1);
	(void)close(fd);
	peer_disconnect(&p);
	assert_int_equal(p.result, CFS_ETIMEDOUT);
	buf_fini(&frame);
	buf_fini(&payload);
}

/* A blob cut off in the middle leaves nothing, and what was whole before it counts. */
static void
test_cut_blob(void **state)
{
	struct id128 stream = id128_random();
	unsigned char head[FRAME_HEADER_SIZE + 8] = "", junk[100000] = "";
	struct m_hello_req hello = {.version_min = 1, .version_max = 1};
	unsigned char answer[1024];
	struct buf frame = BUF_INIT, payload = BUF_INIT;
	struct m_attr attr;
	struct peer p, q;
	int fd;

	peer_start(*state, &q, 'a');
	peer_attach(&q, &stream, true);
	assert_int_equal(peer_put(&q, q.home, "f", "x", 1, &attr), 0);

	peer_connect_raw(*state, &p, 'a', &fd);
	assert_int_equal(codec_encode(&msg_hello_req, &hello, &payload), 0);
	assert_int_equal(frame_append(&frame, OP_HELLO, 0, 1, payload.data, payload.len), 0);
	assert_int_equal(write(fd, frame.data, frame.len), frame.len);
	assert_true(read(fd, answer, sizeof(answer)) > 0);
	put_header(head, 3000000, OP_BLOB_PUT, 2);
	head[FRAME_HEADER_SIZE] = 1;
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	assert_int_equal(io_write_full(fd, junk, sizeof(junk)), 0);
	(void)close(fd);
	peer_disconnect(&p);
	assert_int_equal(p.result, CFS_ENET);
	assert_int_equal(peer_lookup(&q, q.home, "f", &attr), 0);
	peer_disconnect(&q);
	buf_fini(&frame);
	buf_fini(&payload);
}

/* A client that asks and never reads: the session stops reading it, and goes when it goes. */
static void
test_never_reads(void **state)
{
	struct m_hello_req hello = {.version_min = 1, .version_max = 1};
	struct buf frames = BUF_INIT, payload = BUF_INIT;
	struct m_readdir_req list = {.dir = 1, .max_bytes = 1 << 20};
	struct peer p;
	size_t sent = 0;
	int fd;

	assert_int_equal(codec_encode(&msg_hello_req, &hello, &payload), 0);
	assert_int_equal(frame_append(&frames, OP_HELLO, 0, 1, payload.data, payload.len), 0);
	buf_clear(&payload);
	assert_int_equal(codec_encode(&msg_readdir_req, &list, &payload), 0);
	for (unsigned i = 0; i < 50000; i++)
		assert_int_equal(
		    frame_append(&frames, OP_READDIR, 0, 2 + i, payload.data, payload.len), 0);
	peer_connect_raw(*state, &p, 'a', &fd);
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	/* Until it takes no more for a while. */
	for (struct pollfd w = {.fd = fd, .events = POLLOUT}; sent < frames.len;) {
		ssize_t n = send(fd, frames.data + sent, frames.len - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (poll(&w, 1, 300) <= 0)
			break;
	}
	assert_true(sent < frames.len);
	(void)close(fd);
	peer_disconnect(&p);
	buf_fini(&frames);
	buf_fini(&payload);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_garbage),           TEST(test_huge_and_cut), TEST(test_malformed),
	    TEST(test_unknown_operation), TEST(test_silence),      TEST(test_slow_senders),
	    TEST(test_cut_blob),          TEST(test_never_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

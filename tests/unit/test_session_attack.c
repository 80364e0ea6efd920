/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What a user who is signed in must not be able to do: to the server, to another user, or by chance to the own files. */

#include "servertest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "base/time.h"
#include "store/impl.h"

/* As many pieces as make the list of them longer than what a frame has room for beside 4 MiB of bulk. */
#define PIECES      4096u
#define PIECE_BYTES 1024u

#define WAITING_READS 80u /* of 4 MiB each */
#define UNDER_WAY     16u

/* The address sanitizer keeps what was freed for a while: then only the answers are looked at. */
#if defined(CFS_SAN_ADDRESS)
#define MEMORY_COUNTS false
#else
#define MEMORY_COUNTS true
#endif

static void
start(void **state, struct peer *p, char who)
{
	struct id128 stream = id128_random();

	peer_start(*state, p, who);
	peer_attach(p, &stream, true);
}

static int
create_unnamed(struct peer *p, struct m_attr *attr)
{
	struct m_create_req req = {.seq = ++p->seq, .ino = p->next_ino++, .type = 1, .mode = 0644};
	struct m_attr_rep rep;
	int rc = peer_call(p, OP_CREATE, &req, &rep, NULL);

	*attr = rep.attr;
	return rc;
}

/* From the end to the start, so that no piece grows the one before it. */
static void
write_scattered(struct peer *p, const struct m_attr *attr, const unsigned char *bytes)
{
	struct m_write_piece piece = {.length = PIECE_BYTES, .kind = 1};
	struct buf list = BUF_INIT;
	struct m_write_rep rep;
	struct m_write_req req = {.ino = attr->ino, .gen = attr->gen};

	assert_int_equal(codec_list_append(&req.pieces, &msg_write_piece, &piece, &list, 0), 0);
	for (unsigned i = PIECES; i > 0; i--) {
		req.seq = ++p->seq;
		req.ack = req.seq - 1;
		req.offset = (uint64_t)(i - 1) * PIECE_BYTES;
		assert_int_equal(
		    peer_call_bulk(p, OP_WRITE, 0, &req, bytes + req.offset, PIECE_BYTES, &rep), 0);
	}
	buf_fini(&list);
}

/* Reads as far as the answers go, asking on. */
static void
read_on(struct peer *p, const struct m_attr *attr, uint32_t flags, unsigned char *out)
{
	struct m_read_req req = {.ino = attr->ino, .gen = attr->gen, .flags = flags};
	struct m_read_rep rep;
	struct str bulk;

	while (req.offset < attr->size) {
		req.length = (uint32_t)min_u64(attr->size - req.offset, STORE_BLOB_MAX);
		assert_int_equal(peer_call(p, OP_READ, &req, &rep, &bulk), 0);
		assert_in_range(bulk.len, 1, req.length);
		memcpy(out + req.offset, bulk.p, bulk.len);
		req.offset += bulk.len;
	}
}

/* A file of very many pieces, as a database leaves behind, is read like any other: no answer may outgrow a frame. */
static void
test_scattered_file(void **state)
{
	const size_t size = (size_t)PIECES * PIECE_BYTES;
	unsigned char *bytes = malloc(size), *out = malloc(size);
	struct m_attr attr;
	struct m_sum_rep sum;
	struct sha256 want;
	struct peer p;

	assert_non_null(bytes);
	assert_non_null(out);
	rand_bytes(bytes, size);
	start(state, &p, 'a');
	assert_int_equal(peer_put(&p, p.home, "f", NULL, 0, &attr), 0);
	write_scattered(&p, &attr, bytes);
	assert_int_equal(peer_lookup(&p, p.home, "f", &attr), 0);
	assert_int_equal(attr.size, size);
	for (uint32_t flags = 0; flags < 2; flags++) {
		memset(out, 0, size);
		read_on(&p, &attr, flags, out);
		assert_memory_equal(out, bytes, size);
	}
	assert_int_equal(peer_call(&p, OP_SUM,
				   &(struct m_inode_req){.ino = attr.ino, .gen = attr.gen}, &sum,
				   NULL),
			 0);
	assert_int_equal(sha256_once(NULL, bytes, size, &want), 0);
	assert_true(sha256_equal(&sum.hash, &want));
	peer_disconnect(&p);
	assert_int_equal(p.result, 0);
	free(bytes);
	free(out);
}

/* What is being uploaded is nobody else's to see, whatever number they guess. */
static void
test_unnamed_is_private(void **state)
{
	struct m_read_req read = {.length = 100};
	struct m_inode_req look = {0};
	struct m_attr_rep rep;
	struct m_read_rep read_rep;
	struct m_sum_rep sum;
	struct peer a, b;
	struct m_attr attr;

	start(state, &a, 'a');
	start(state, &b, 'b');
	assert_int_equal(create_unnamed(&a, &attr), 0);
	look.ino = read.ino = attr.ino;
	assert_int_equal(peer_call(&a, OP_GETATTR, &look, &rep, NULL), 0);
	assert_int_equal(peer_call(&b, OP_GETATTR, &look, &rep, NULL), CFS_ESTALE);
	assert_int_equal(peer_call(&b, OP_READ, &read, &read_rep, NULL), CFS_ESTALE);
	assert_int_equal(peer_call(&b, OP_SUM, &look, &sum, NULL), CFS_ESTALE);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

static int
count_receipts(struct peer *p)
{
	struct m_events_req req = {.max = 100, .filter = 3};
	struct m_events_rep rep;

	assert_int_equal(peer_call(p, OP_EVENTS, &req, &rep, NULL), 0);
	return (int)rep.events.count;
}

/* Whoever reads another's file is told of, also when the client does not say that it is a download. */
static void
test_reads_are_told_of(void **state)
{
	struct m_attr attr;
	struct buf out = BUF_INIT;
	struct peer a, b;

	start(state, &a, 'a');
	assert_int_equal(peer_put(&a, a.home, "f", "secret", 6, &attr), 0);
	peer_start(*state, &b, 'b');
	assert_int_equal(peer_read(&b, &attr, 0, &out), 0);
	assert_int_equal(out.len, 6);
	assert_int_equal(count_receipts(&a), 1);
	/* The owner's own reads are nobody's business. */
	assert_int_equal(peer_read(&a, &attr, 0, &out), 0);
	assert_int_equal(count_receipts(&a), 1);
	peer_disconnect(&a);
	peer_disconnect(&b);
	buf_fini(&out);
}

static void
keep_until_done(struct servertest *t, int64_t shift_ns)
{
	struct store *keeper;
	bool more = true;

	assert_int_equal(store_open(&t->store_conf, t->shared, &keeper, NULL), 0);
	keeper->clock_shift_ns = shift_ns;
	while (more)
		assert_int_equal(store_keep(keeper, 1000, &more, NULL), 0);
	store_close(keeper);
}

/*
 * A session that was quiet for more than a day has reserved ids left that the keeper took for abandoned: it must not use
 * them.
 */
static void
test_ids_that_expired(void **state)
{
	unsigned char bytes[70000];
	struct m_blob_put_req req = {.tag = 1};
	struct m_blob_put_rep rep;
	struct peer p;

	start(state, &p, 'a');
	rand_bytes(bytes, sizeof(bytes));
	assert_int_equal(peer_call_bulk(&p, OP_BLOB_PUT, 0, &req, bytes, sizeof(bytes), &rep), 0);
	keep_until_done(*state, 25 * 3600 * NS_PER_S);
	req.tag = 2;
	bytes[0]++;
	assert_int_equal(peer_call_bulk(&p, OP_BLOB_PUT, 0, &req, bytes, sizeof(bytes), &rep), 0);
	peer_disconnect(&p);
}

/* The same bytes once more, long after: what was found is not removed before it can be named. */
static void
test_found_blob_stays(void **state)
{
	const int64_t hour_ns = 3600 * NS_PER_S;
	struct m_write_piece piece = {.length = 70000, .kind = 3};
	struct m_blob_put_req req = {.tag = 1};
	struct m_blob_put_rep first, again;
	struct buf list = BUF_INIT;
	unsigned char bytes[70000];
	struct m_put_req put;
	struct m_put_rep rep;
	struct peer p;

	start(state, &p, 'a');
	rand_bytes(bytes, sizeof(bytes));
	assert_int_equal(peer_call_bulk(&p, OP_BLOB_PUT, 0, &req, bytes, sizeof(bytes), &first), 0);
	p.store->clock_shift_ns = 23 * hour_ns;
	req.tag = 2;
	assert_int_equal(peer_call_bulk(&p, OP_BLOB_PUT, 0, &req, bytes, sizeof(bytes), &again), 0);
	assert_true(id128_equal(&first.blob, &again.blob));
	keep_until_done(*state, 25 * hour_ns);
	peer_fill_put(&p, p.home, "f", 0, &put, &list);
	put.size = piece.length;
	piece.blob = again.blob;
	assert_int_equal(codec_list_append(&put.pieces, &msg_write_piece, &piece, &list, 0), 0);
	assert_int_equal(peer_call(&p, OP_PUT, &put, &rep, NULL), 0);
	peer_disconnect(&p);
	buf_fini(&list);
}

/* A number of /proc/self/status, in KiB. */
static size_t
own_memory(const char *what)
{
	char line[256];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtoul(line + strlen(what) + 1, NULL, 10);
	(void)fclose(f);
	return kib;
}

/* A file that is one whole blob. */
static void
put_blob(struct peer *p, const char *name, struct m_attr *attr)
{
	struct m_write_piece piece = {.length = STORE_BLOB_MAX, .kind = 3};
	unsigned char *bytes = calloc(1, STORE_BLOB_MAX);
	struct m_blob_put_req blob = {.tag = 1};
	struct m_blob_put_rep blob_rep;
	struct buf list = BUF_INIT;
	struct m_put_req req;
	struct m_put_rep rep;

	assert_non_null(bytes);
	assert_int_equal(peer_call_bulk(p, OP_BLOB_PUT, 0, &blob, bytes, STORE_BLOB_MAX, &blob_rep),
			 0);
	peer_fill_put(p, p->home, name, 0, &req, &list);
	req.size = STORE_BLOB_MAX;
	piece.blob = blob_rep.blob;
	assert_int_equal(codec_list_append(&req.pieces, &msg_write_piece, &piece, &list, 0), 0);
	assert_int_equal(peer_call(p, OP_PUT, &req, &rep, NULL), 0);
	*attr = rep.attr;
	buf_fini(&list);
	free(bytes);
}

/* Reads that wait for a buffer must not hold what they are to read: many at once would take any amount of memory. */
static void
test_memory_of_waiting_reads(void **state)
{
	struct m_write_piece piece = {.length = STORE_INLINE_MAX, .kind = 1};
	struct m_write_req req = {0};
	struct m_read_req read = {.length = STORE_BLOB_MAX};
	unsigned char bytes[STORE_INLINE_MAX];
	struct m_write_rep rep;
	struct buf list = BUF_INIT;
	struct m_attr attr;
	struct frame f;
	struct peer p;
	size_t before;

	start(state, &p, 'a');
	rand_bytes(bytes, sizeof(bytes));
	assert_int_equal(peer_put(&p, p.home, "f", NULL, 0, &attr), 0);
	req.ino = read.ino = attr.ino;
	assert_int_equal(codec_list_append(&req.pieces, &msg_write_piece, &piece, &list, 0), 0);
	for (; req.offset < STORE_BLOB_MAX; req.offset += STORE_INLINE_MAX) {
		req.ack = p.seq;
		req.seq = ++p.seq;
		assert_int_equal(peer_call_bulk(&p, OP_WRITE, 0, &req, bytes, sizeof(bytes), &rep),
				 0);
	}
	put_blob(&p, "blob", &attr);
	before = own_memory("VmHWM:");
	/* All buffers are given to reads of blobs, which take a moment. */
	for (unsigned i = 0; i < WAITING_READS + 8; i++) {
		read.ino = i < 8 ? attr.ino : req.ino;
		peer_send(&p, OP_READ, 0, &read, NULL, 0);
	}
	for (unsigned i = 0; i < WAITING_READS + 8; i++) {
		do
			assert_int_equal(caller_receive(p.c, &f, NULL), 0);
		while (!f.is_reply);
		assert_int_equal(f.flags, 0);
	}
	if (MEMORY_COUNTS)
		assert_in_range(own_memory("VmHWM:") - before, 0, 128 * 1024);
	peer_disconnect(&p);
	buf_fini(&list);
}

static void *
acknowledge_all(void *arg)
{
	struct m_invalidate_push m;
	struct m_push_ack_req ack;
	struct peer *p = arg;
	struct frame f;

	while (caller_receive(p->c, &f, NULL) == 0) {
		if (f.op != OP_INVALIDATE || frame_decode(&f, &m, NULL, NULL))
			continue;
		ack.push = m.push;
		peer_send(p, OP_PUSH_ACK, 0, &ack, NULL, 0);
	}
	return NULL;
}

static uint32_t
mode_of(struct peer *p, const struct m_attr *attr)
{
	const struct m_inode_req req = {.ino = attr->ino, .gen = attr->gen};
	struct m_attr_rep rep;

	assert_int_equal(peer_call(p, OP_GETATTR, &req, &rep, NULL), 0);
	return rep.attr.mode;
}

/*
 * A client that sends on and on has so many requests under way, here changes whose answers wait for another client, and the
 * rest waits in the network: it is not read. Others are served meanwhile, and nothing is lost.
 */
static void
test_requests_under_way(void **state)
{
	struct servertest *t = *state;
	struct m_setattr_req req = {.valid = 1};
	uint64_t deadline = deadline_from_ms(20000);
	struct peer holder, a, b;
	struct m_attr_rep rep;
	struct m_attr attr;
	pthread_t thread;

	servertest_promises(t, 30000);
	t->conf.requests_in_flight = UNDER_WAY;
	start(state, &b, 'b');
	start(state, &a, 'a');
	assert_int_equal(peer_put(&a, a.home, "f", "x", 1, &attr), 0);
	peer_connect(t, &holder, 'a');
	holder.client = id128_random();
	assert_int_equal(peer_hello(&holder), 0);
	assert_int_equal(peer_lookup(&holder, a.home, "f", &attr), 0);
	assert_true(attr.promise_ms > 0);
	req.ino = attr.ino;
	req.gen = attr.gen;
	for (req.mode = 1; req.mode <= 8 * UNDER_WAY; req.mode++) {
		req.seq = ++a.seq;
		peer_send(&a, OP_SETATTR, 0, &req, NULL, 0);
	}
	while (mode_of(&b, &attr) != UNDER_WAY)
		assert_false(deadline_passed(deadline));
	assert_int_equal(peer_put(&b, b.home, "g", "x", 1, NULL), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(mode_of(&b, &attr), UNDER_WAY);
	assert_int_equal(pthread_create(&thread, NULL, acknowledge_all, &holder), 0);
	assert_int_equal(peer_wait(&a, a.number, &rep), 0);
	assert_int_equal(rep.attr.mode, 8 * UNDER_WAY);
	assert_int_equal(shutdown_line(&holder), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	peer_disconnect(&holder);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_scattered_file),     TEST(test_unnamed_is_private),
	    TEST(test_reads_are_told_of),  TEST(test_ids_that_expired),
	    TEST(test_found_blob_stays),   TEST(test_memory_of_waiting_reads),
	    TEST(test_requests_under_way),
	};

	return cmocka_run_group_tests_name("session_attack", tests, NULL, NULL);
}

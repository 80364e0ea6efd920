/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames over a socketpair: whole, dribbled, with bulk, against limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "net/fdstream.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "proto/frame_head.h"

#define BULK_SIZE (1024 * 1024 + 17)

struct pair {
	struct stream *a;
	struct stream *b;
	struct frame_writer *writer; /* to a */
	struct frame_reader *reader; /* from b */
	unsigned char *bulk;         /* BULK_SIZE bytes */
	int released;
};

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof *p);
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p->a = fdstream_new(fds[0]);
	p->b = fdstream_new(fds[1]);
	p->writer = frame_writer_new(p->a);
	p->reader = frame_reader_new(p->b, FRAME_MAX);
	p->bulk = malloc(BULK_SIZE);
	for (size_t i = 0; i < BULK_SIZE; i++)
		p->bulk[i] = (unsigned char)(i * 7 + i / 251);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	frame_writer_free(p->writer);
	frame_reader_free(p->reader);
	stream_close(p->a);
	stream_close(p->b);
	free(p->bulk);
	free(p);
	return 0;
}

static void
released(void *arg)
{
	++*(int *)arg;
}

/* Sends and receives until something arrives. */
static int
next(struct pair *p, struct frame *f, struct cfs_err *err)
{
	for (;;) {
		int rc = frame_next(p->reader, f, err);

		if (rc != FRAME_NEED_MORE)
			return rc;
		rc = frame_writer_flush(p->writer, err);
		assert_true(rc == 0 || rc == CFS_EBUSY);
	}
}

static void
queue_lookup(struct pair *p, uint64_t number)
{
	struct m_lookup_req req = {.dir = number * 3, .name = STR_LIT("file")};

	assert_int_equal(
	    frame_write(p->writer, OP_LOOKUP, FRAME_DURABLE, number, &msg_lookup_req, &req, NULL),
	    0);
}

static void
assert_lookup(const struct frame *f, uint64_t number)
{
	struct m_lookup_req req;

	assert_int_equal(f->op, OP_LOOKUP);
	assert_false(f->is_reply);
	assert_int_equal(f->flags, FRAME_DURABLE);
	assert_true(f->number == number);
	assert_ptr_equal(frame_message(f), &msg_lookup_req);
	assert_int_equal(frame_decode(f, &req, NULL, NULL), 0);
	assert_true(req.dir == number * 3);
	assert_true(str_is(req.name, "file"));
}

static void
test_many_small_frames(void **state)
{
	struct pair *p = *state;
	struct frame f;

	for (uint64_t i = 1; i <= 10000; i++)
		queue_lookup(p, i);
	for (uint64_t i = 1; i <= 10000; i++) {
		assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
		assert_lookup(&f, i);
	}
	assert_int_equal(frame_next(p->reader, &f, NULL), FRAME_NEED_MORE);
	assert_false(frame_reader_pending(p->reader));
	assert_int_equal(frame_writer_queued(p->writer), 0);
}

/* Who sees nothing come in need not look. */
static void
test_who_found_nothing_is_starved(void **state)
{
	struct pair *p = *state;
	struct frame f;

	assert_false(frame_reader_starved(p->reader));
	assert_int_equal(frame_next(p->reader, &f, NULL), FRAME_NEED_MORE);
	assert_true(frame_reader_starved(p->reader));
	queue_lookup(p, 1);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_false(frame_reader_starved(p->reader));
	assert_int_equal(frame_next(p->reader, &f, NULL), FRAME_NEED_MORE);
	assert_true(frame_reader_starved(p->reader));
}

/* All bytes that a writer makes of one BLOB_PUT and one LOOKUP. */
static size_t
make_bytes(struct pair *p, size_t bulk_size, unsigned char *out, size_t size)
{
	struct m_blob_put_req req = {.tag = 5};
	struct iovec piece = {.iov_base = p->bulk, .iov_len = bulk_size};
	struct frame_bulk bulk = {
	    .pieces = &piece, .count = 1, .release = released, .arg = &p->released};
	size_t n = 0;
	ssize_t got;

	assert_int_equal(frame_write(p->writer, OP_BLOB_PUT, 0, 1, &msg_blob_put_req, &req, &bulk),
			 0);
	queue_lookup(p, 2);
	assert_int_equal(frame_writer_queued(p->writer),
			 2 * FRAME_HEADER_SIZE + 8 + bulk_size + 22);
	while (frame_writer_queued(p->writer) > 0) {
		int rc = frame_writer_flush(p->writer, NULL);

		assert_true(rc == 0 || rc == CFS_EBUSY);
		while ((got = stream_read(p->b, out + n, size - n, NULL)) > 0)
			n += (size_t)got;
	}
	assert_int_equal(p->released, 1);
	return n;
}

static void
test_one_byte_dribbles(void **state)
{
	struct pair *p = *state;
	size_t size = 70000;
	unsigned char *bytes = malloc(size + 100);
	unsigned char *dst = calloc(1, size);
	size_t n = make_bytes(p, size, bytes, size + 100);
	struct frame f;
	struct m_blob_put_req req;
	int seen[FRAME_EOF + 1] = {0};

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(write(stream_fd(p->a), bytes + i, 1), 1);
		for (;;) {
			int rc = frame_next(p->reader, &f, NULL);

			assert_true(rc >= 0);
			if (rc == FRAME_NEED_MORE)
				break;
			seen[rc]++;
			if (rc == FRAME_COMPLETE)
				assert_lookup(&f, 2);
			if (rc == FRAME_BULK) {
				assert_in_range(i, FRAME_HEADER_SIZE + 8 - 1,
						FRAME_HEADER_SIZE + 2 * 8);
				assert_int_equal(frame_decode(&f, &req, NULL, NULL), 0);
				assert_int_equal(f.bulk_left, size);
				frame_bulk_into(p->reader, dst, size);
			}
		}
	}
	assert_int_equal(seen[FRAME_BULK], 1);
	assert_int_equal(seen[FRAME_BULK_END], 1);
	assert_int_equal(seen[FRAME_COMPLETE], 1);
	assert_memory_equal(dst, p->bulk, size);
	free(dst);
	free(bytes);
}

/* In pieces, part of it dropped, with a pause in which the caller has no room. */
static void
test_bulk_in_pieces(void **state)
{
	struct pair *p = *state;
	struct m_read_rep rep = {.version = 3, .size = BULK_SIZE};
	struct m_read_rep back;
	struct iovec pieces[2] = {{p->bulk, 100000}, {p->bulk + 100000, BULK_SIZE - 100000}};
	struct frame_bulk bulk = {
	    .pieces = pieces, .count = 2, .release = released, .arg = &p->released};
	unsigned char *dst = calloc(1, BULK_SIZE);
	struct frame f;

	assert_int_equal(
	    frame_write(p->writer, OP_READ | FRAME_REPLY, 0, 9, &msg_read_rep, &rep, &bulk), 0);
	queue_lookup(p, 10);
	assert_int_equal(next(p, &f, NULL), FRAME_BULK);
	assert_true(f.is_reply);
	assert_int_equal(f.op, OP_READ);
	assert_int_equal(frame_decode(&f, &back, NULL, NULL), 0);
	assert_true(back.version == 3);
	assert_int_equal(next(p, &f, NULL), FRAME_BULK);
	assert_int_equal(f.bulk_left, BULK_SIZE);
	frame_bulk_into(p->reader, dst, 10);
	assert_int_equal(next(p, &f, NULL), FRAME_BULK);
	assert_int_equal(f.bulk_left, BULK_SIZE - 10);
	frame_bulk_into(p->reader, NULL, 200000);
	assert_int_equal(next(p, &f, NULL), FRAME_BULK);
	assert_int_equal(frame_decode(&f, &back, NULL, NULL), 0);
	frame_bulk_into(p->reader, dst + 200010, SIZE_MAX);
	assert_int_equal(next(p, &f, NULL), FRAME_BULK_END);
	assert_true(f.number == 9);
	assert_memory_equal(dst, p->bulk, 10);
	assert_int_equal(dst[10], 0);
	assert_memory_equal(dst + 200010, p->bulk + 200010, BULK_SIZE - 200010);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_lookup(&f, 10);
	assert_int_equal(p->released, 1);
	free(dst);
}

static void
test_small_bulk_comes_complete(void **state)
{
	struct pair *p = *state;
	unsigned char bytes[40000];
	struct m_blob_put_req req;
	struct str bulk;
	struct frame f;
	size_t n = make_bytes(p, 30000, bytes, sizeof bytes);

	assert_int_equal(write(stream_fd(p->a), bytes, n), (ssize_t)n);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_int_equal(frame_decode(&f, &req, &bulk, NULL), 0);
	assert_true(req.tag == 5);
	assert_int_equal(bulk.len, 30000);
	assert_memory_equal(bulk.p, p->bulk, 30000);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_lookup(&f, 2);
}

static void
test_errors_are_replies(void **state)
{
	struct pair *p = *state;
	struct m_error_rep rep;
	struct frame f;

	assert_int_equal(frame_write_error(p->writer, OP_READ, 77, CFS_ENOENT, "no such thing"), 0);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_true(f.is_reply);
	assert_int_equal(err_from_wire(f.flags), CFS_ENOENT);
	assert_ptr_equal(frame_message(&f), &msg_error_rep);
	assert_int_equal(frame_decode(&f, &rep, NULL, NULL), 0);
	assert_true(str_is(rep.text, "no such thing"));
}

static void
send_head(struct pair *p, uint32_t size, uint16_t op)
{
	struct frame_head head = {.size = size, .op = op, .number = 1};
	unsigned char bytes[FRAME_HEADER_SIZE];

	frame_head_put(bytes, &head);
	assert_int_equal(write(stream_fd(p->a), bytes, sizeof bytes), sizeof bytes);
}

static void
test_limits(void **state)
{
	struct pair *p = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct frame f;

	frame_reader_set_max(p->reader, FRAME_MAX_BEFORE_SIGN_IN);
	send_head(p, FRAME_MAX_BEFORE_SIGN_IN + 1, OP_HELLO);
	assert_int_equal(next(p, &f, &err), CFS_ETOOBIG);
	assert_int_equal(err.code, CFS_ETOOBIG);
}

static void
test_unknown_operations_are_handed_out(void **state)
{
	struct pair *p = *state;
	struct frame f;
	union m_any any;

	send_head(p, 3, 0x7abc);
	assert_int_equal(write(stream_fd(p->a), "abc", 3), 3);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_null(f.desc);
	assert_int_equal(f.op, 0x7abc);
	assert_int_equal(frame_decode(&f, &any, NULL, NULL), CFS_EUNSUPPORTED);
	queue_lookup(p, 4);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_lookup(&f, 4);
}

static void
test_the_end(void **state)
{
	struct pair *p = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct frame f;

	queue_lookup(p, 1);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	send_head(p, 100, OP_LOOKUP);
	assert_int_equal(shutdown(stream_fd(p->a), SHUT_WR), 0);
	assert_int_equal(frame_next(p->reader, &f, &err), CFS_ENET);

	frame_reader_free(p->reader);
	p->reader = frame_reader_new(p->b, FRAME_MAX);
	assert_int_equal(frame_next(p->reader, &f, &err), FRAME_EOF);
}

static void
test_unsent_bulk_is_released(void **state)
{
	struct pair *p = *state;
	struct m_blob_put_req req = {.tag = 5};
	struct iovec piece = {.iov_base = p->bulk, .iov_len = BULK_SIZE};
	struct frame_bulk bulk = {
	    .pieces = &piece, .count = 1, .release = released, .arg = &p->released};

	for (int i = 0; i < 100; i++)
		assert_int_equal(
		    frame_write(p->writer, OP_BLOB_PUT, 0, 1, &msg_blob_put_req, &req, &bulk), 0);
	assert_int_equal(frame_writer_flush(p->writer, NULL), CFS_EBUSY);
	assert_int_not_equal(stream_events(p->a) & STREAM_WANT_WRITE, 0);
	assert_true(p->released < 100);
	frame_writer_free(p->writer);
	p->writer = NULL;
	assert_int_equal(p->released, 100);
}

static void
test_too_much_is_not_queued(void **state)
{
	struct pair *p = *state;
	struct m_blob_put_req req = {.tag = 5};
	struct iovec pieces[5];
	struct frame_bulk bulk = {
	    .pieces = pieces, .count = 5, .release = released, .arg = &p->released};
	struct frame f;

	for (int i = 0; i < 5; i++)
		pieces[i] = (struct iovec){p->bulk, BULK_SIZE};
	assert_int_equal(frame_write(p->writer, OP_BLOB_PUT, 0, 1, &msg_blob_put_req, &req, &bulk),
			 CFS_ETOOBIG);
	assert_int_equal(frame_writer_queued(p->writer), 0);
	assert_int_equal(p->released, 0);
	queue_lookup(p, 4);
	assert_int_equal(next(p, &f, NULL), FRAME_COMPLETE);
	assert_lookup(&f, 4);
}

/* Random bytes end in an error or are waited for; never in anything worse. */
static void
test_garbage(void **state)
{
	struct pair *p = *state;

	for (unsigned seed = 0; seed < 300; seed++) {
		struct frame_reader *r = frame_reader_new(p->b, 1 << 20);
		unsigned char junk[512];
		union m_any any;
		struct frame f;
		int rc;

		rand_bytes(junk, sizeof junk);
		if (seed % 2) /* a believable head */
			frame_head_put(junk, &(struct frame_head){
						 .size = seed * 400,
						 .op = op_table[seed % op_table_count].number});
		assert_int_equal(write(stream_fd(p->a), junk, sizeof junk), sizeof junk);
		while ((rc = frame_next(r, &f, NULL)) > FRAME_NEED_MORE) {
			frame_decode(&f, &any, NULL, NULL);
			if (rc == FRAME_BULK)
				frame_bulk_into(r, NULL, f.bulk_left);
		}
		while (stream_read(p->b, junk, sizeof junk, NULL) > 0)
			continue;
		frame_reader_free(r);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_many_small_frames),
	    TEST(test_who_found_nothing_is_starved),
	    TEST(test_one_byte_dribbles),
	    TEST(test_bulk_in_pieces),
	    TEST(test_small_bulk_comes_complete),
	    TEST(test_errors_are_replies),
	    TEST(test_limits),
	    TEST(test_unknown_operations_are_handed_out),
	    TEST(test_the_end),
	    TEST(test_unsent_bulk_is_released),
	    TEST(test_too_much_is_not_queued),
	    TEST(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Blobs by tag and by id, reads in pieces, sums, downloads that owners are told of. */

#include "servertest.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/rand.h"

#define BIG (3u * 1024 * 1024)

struct content {
	struct peer p;
	unsigned char *bytes; /* 4 MiB, random */
};

static void
start(void **state, struct content *c)
{
	struct id128 stream = id128_random();

	c->bytes = malloc(STORE_BLOB_MAX);
	assert_non_null(c->bytes);
	rand_bytes(c->bytes, STORE_BLOB_MAX);
	peer_start(*state, &c->p, 'a');
	peer_attach(&c->p, &stream, true);
}

static void
stop(struct content *c)
{
	peer_disconnect(&c->p);
	free(c->bytes);
}

static void
send_blob(struct peer *p, uint64_t tag, const void *data, size_t len)
{
	struct m_blob_put_req req = {.tag = tag};

	peer_send(p, OP_BLOB_PUT, 0, &req, data, len);
}

static void
send_put_of(struct peer *p, const char *name, const struct m_write_piece *pieces, unsigned count)
{
	struct buf list = BUF_INIT;
	struct m_put_req req;

	peer_fill_put(p, p->home, name, 0, &req, &list);
	for (unsigned i = 0; i < count; i++) {
		req.size += pieces[i].length;
		assert_int_equal(
		    codec_list_append(&req.pieces, &msg_write_piece, &pieces[i], &list, 0), 0);
	}
	peer_send(p, OP_PUT, 0, &req, NULL, 0);
	buf_fini(&list);
}

/* A change names tags whose blobs are still on their way; a look-up sent behind it does not wait for them. */
static void
test_tags_before_completion(void **state)
{
	struct m_write_piece pieces[] = {
	    {.length = BIG, .kind = 2, .tag = 1},
	    {.length = 100, .kind = 2, .tag = 2, .blob_offset = 7},
	    {.length = 4096, .kind = 0},
	    {.length = 70000, .kind = 2, .tag = 3},
	};
	struct m_read_req read = {.length = STORE_BLOB_MAX};
	struct m_read_rep rep;
	struct m_put_rep put;
	struct m_read_piece piece;
	struct content c;
	struct str bulk;

	start(state, &c);
	send_blob(&c.p, 1, c.bytes, BIG);
	send_blob(&c.p, 2, c.bytes + 1, 200);
	send_blob(&c.p, 3, c.bytes, 70000);
	send_put_of(&c.p, "f", pieces, 4);
	assert_int_equal(peer_wait(&c.p, c.p.number, &put), 0);
	assert_int_equal(put.attr.size, BIG + 100 + 4096 + 70000);

	read.ino = put.attr.ino;
	assert_int_equal(peer_call(&c.p, OP_READ, &read, &rep, &bulk), 0);
	assert_int_equal(rep.size, put.attr.size);
	assert_int_equal(bulk.len, BIG + 100 + 70000);
	assert_memory_equal(bulk.p, c.bytes, BIG);
	assert_memory_equal(bulk.p + BIG, c.bytes + 8, 100);
	assert_memory_equal(bulk.p + BIG + 100, c.bytes, 70000);
	assert_true(list_next(&rep.pieces, &piece));
	assert_int_equal(piece.length, BIG);
	assert_int_equal(piece.has_hash, 1);
	stop(&c);
}

/* An answer names the blob; the same bytes are stored once; ids work in later changes. */
static void
test_blob_answer(void **state)
{
	struct m_blob_put_req req = {.tag = 9};
	struct m_blob_put_rep first, second;
	struct m_write_piece piece = {.length = 100000, .kind = 3};
	struct m_put_rep put;
	struct sha256 hash;
	struct content c;

	start(state, &c);
	assert_int_equal(sha256_once(NULL, c.bytes, 100000, &hash), 0);
	assert_int_equal(peer_call_bulk(&c.p, OP_BLOB_PUT, 0, &req, c.bytes, 100000, &first), 0);
	assert_int_equal(first.length, 100000);
	assert_true(sha256_equal(&first.hash, &hash));
	assert_int_equal(peer_call_bulk(&c.p, OP_BLOB_PUT, 0, &req, c.bytes, 100000, &second),
			 CFS_EINVAL);
	req.tag = 10;
	assert_int_equal(peer_call_bulk(&c.p, OP_BLOB_PUT, 0, &req, c.bytes, 100000, &second), 0);
	assert_true(id128_equal(&first.blob, &second.blob));
	req.tag = 0;
	assert_int_equal(peer_call_bulk(&c.p, OP_BLOB_PUT, 0, &req, c.bytes, 1, &second),
			 CFS_EINVAL);
	req.tag = 11;
	assert_int_equal(peer_call_bulk(&c.p, OP_BLOB_PUT, 0, &req, NULL, 0, &second), CFS_EINVAL);
	piece.blob = first.blob;
	send_put_of(&c.p, "by-id", &piece, 1);
	assert_int_equal(peer_wait(&c.p, c.p.number, &put), 0);
	piece = (struct m_write_piece){.length = 1, .kind = 2, .tag = 12345};
	send_put_of(&c.p, "unknown-tag", &piece, 1);
	assert_int_equal(peer_wait(&c.p, c.p.number, &put), CFS_EBLOBGONE);
	piece = (struct m_write_piece){.length = 1, .kind = 3, .blob = id128_random()};
	send_put_of(&c.p, "unknown-id", &piece, 1);
	assert_int_equal(peer_wait(&c.p, c.p.number, &put), CFS_EBLOBGONE);
	stop(&c);
}

/* More blobs than there are buffers: all of them arrive. */
static void
test_many_blobs(void **state)
{
	struct m_blob_put_rep rep;
	struct content c;
	struct frame f;

	start(state, &c);
	for (uint64_t i = 1; i <= 24; i++) {
		store_le64(c.bytes, i);
		send_blob(&c.p, i, c.bytes, i % 3 ? STORE_BLOB_MAX : 1000);
	}
	for (unsigned i = 0; i < 24; i++) {
		assert_int_equal(caller_receive(c.p.c, &f, NULL), 0);
		assert_int_equal(caller_decode(&f, &rep, NULL, NULL), 0);
	}
	stop(&c);
}

static void
make_file(struct content *c, const char *name, struct m_attr *attr)
{
	struct m_write_piece pieces[] = {
	    {.length = BIG, .kind = 2, .tag = 1000},
	    {.length = 1 << 20, .kind = 0},
	    {.length = 50000, .kind = 2, .tag = 1001},
	};
	struct m_put_rep put;

	send_blob(&c->p, 1000, c->bytes, BIG);
	send_blob(&c->p, 1001, c->bytes, 50000);
	send_put_of(&c->p, name, pieces, 3);
	assert_int_equal(peer_wait(&c->p, c->p.number, &put), 0);
	*attr = put.attr;
}

static void
test_sum(void **state)
{
	static const unsigned char zeros[1 << 20];
	struct sha256_ctx *ctx = sha256_new();
	struct m_inode_req req = {0};
	struct m_sum_rep rep;
	struct sha256 hash;
	struct m_attr attr;
	struct content c;

	start(state, &c);
	make_file(&c, "f", &attr);
	sha256_update(ctx, c.bytes, BIG);
	sha256_update(ctx, zeros, sizeof(zeros));
	sha256_update(ctx, c.bytes, 50000);
	assert_int_equal(sha256_final(ctx, &hash), 0);
	sha256_free(ctx);
	req.ino = attr.ino;
	for (int i = 0; i < 2; i++) { /* computed, then stored */
		assert_int_equal(peer_call(&c.p, OP_SUM, &req, &rep, NULL), 0);
		assert_true(sha256_equal(&rep.hash, &hash));
		assert_int_equal(rep.size, attr.size);
	}
	assert_int_equal(peer_put(&c.p, c.p.home, "small", "abc", 3, &attr), 0);
	req.ino = attr.ino;
	assert_int_equal(sha256_once(NULL, "abc", 3, &hash), 0);
	assert_int_equal(peer_call(&c.p, OP_SUM, &req, &rep, NULL), 0);
	assert_true(sha256_equal(&rep.hash, &hash));
	assert_int_equal(peer_put(&c.p, c.p.home, "empty", "", 0, &attr), 0);
	req.ino = attr.ino;
	assert_int_equal(sha256_once(NULL, "", 0, &hash), 0);
	assert_int_equal(peer_call(&c.p, OP_SUM, &req, &rep, NULL), 0);
	assert_true(sha256_equal(&rep.hash, &hash));
	req.ino = c.p.home;
	assert_int_not_equal(peer_call(&c.p, OP_SUM, &req, &rep, NULL), 0);
	stop(&c);
}

static void
test_read_rules(void **state)
{
	struct m_read_req req = {.length = STORE_BLOB_MAX + 1};
	struct m_read_rep rep;
	struct m_attr attr;
	struct content c;
	struct str bulk;

	start(state, &c);
	make_file(&c, "f", &attr);
	req.ino = attr.ino;
	assert_int_equal(peer_call(&c.p, OP_READ, &req, &rep, &bulk), CFS_EINVAL);
	req.length = STORE_BLOB_MAX;
	req.version = attr.version + 1;
	assert_int_equal(peer_call(&c.p, OP_READ, &req, &rep, &bulk), CFS_ECONFLICT);
	req.version = attr.version;
	req.flags = 1; /* to an extent's end */
	assert_int_equal(peer_call(&c.p, OP_READ, &req, &rep, &bulk), 0);
	assert_true(bulk.len == BIG);
	req.offset = attr.size + 5;
	assert_int_equal(peer_call(&c.p, OP_READ, &req, &rep, &bulk), 0);
	assert_int_equal(bulk.len, 0);
	assert_int_equal(rep.pieces.count, 0);
	req.offset = BIG - 10;
	req.length = 20;
	req.flags = 0;
	assert_int_equal(peer_call(&c.p, OP_READ, &req, &rep, &bulk), 0);
	assert_int_equal(bulk.len, 10); /* the rest is hole */
	assert_int_equal(rep.pieces.count, 2);
	stop(&c);
}

static unsigned
receipts(struct peer *p, struct m_event *last)
{
	struct m_events_req req = {.max = 100, .filter = 1 | 2};
	struct m_events_rep rep;

	assert_int_equal(peer_call(p, OP_EVENTS, &req, &rep, NULL), 0);
	for (struct list it = rep.events; list_next(&it, last);)
		;
	return rep.events.count;
}

static int
read_part(struct peer *p, const struct m_attr *attr, uint64_t offset, uint32_t length,
	  uint32_t flags)
{
	struct m_read_req req = {.ino = attr->ino,
				 .offset = offset,
				 .length = length,
				 .flags = flags,
				 .version = attr->version};
	struct m_read_rep rep;

	return peer_call(p, OP_READ, &req, &rep, NULL);
}

/* The server counts what it sent: all bytes in whatever pieces make a download, and its event is there when they are. */
static void
test_download_events(void **state)
{
	struct m_events_seen_req seen = {0};
	struct m_empty empty;
	struct m_attr attr;
	struct m_event event;
	struct content c;
	struct peer b;

	start(state, &c);
	make_file(&c, "f", &attr);
	peer_start(*state, &b, 'b');
	/* Not counted: one's own. */
	assert_int_equal(read_part(&c.p, &attr, 0, STORE_BLOB_MAX, 2), 0);
	assert_int_equal(read_part(&c.p, &attr, STORE_BLOB_MAX, STORE_BLOB_MAX, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 0);
	/* The end first, twice, then the beginning. */
	assert_int_equal(read_part(&b, &attr, 1000000, STORE_BLOB_MAX, 2), 0);
	assert_int_equal(read_part(&b, &attr, 1000000, STORE_BLOB_MAX, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 0);
	assert_int_equal(read_part(&b, &attr, 0, 1000001, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 1);
	assert_int_equal(event.kind, 1);
	assert_int_equal(event.complete, 1);
	assert_int_equal(event.bytes, attr.size);
	assert_true(str_is(event.user, "bob"));
	assert_true(str_is(event.path, "/alice/f"));
	/* Seen: told no more. */
	seen.upto = event.id;
	assert_int_equal(peer_call(&c.p, OP_EVENTS_SEEN, &seen, &empty, NULL), 0);
	assert_int_equal(receipts(&c.p, &event), 0);
	peer_disconnect(&b);
	stop(&c);
}

static void
test_small_and_opened_downloads(void **state)
{
	struct m_attr small, none, big;
	struct m_event event;
	struct content c;
	struct peer b;

	start(state, &c);
	assert_int_equal(peer_put(&c.p, c.p.home, "small", "abc", 3, &small), 0);
	assert_int_equal(peer_put(&c.p, c.p.home, "none", "", 0, &none), 0);
	make_file(&c, "big", &big);
	peer_start(*state, &b, 'b');
	assert_int_equal(read_part(&b, &small, 0, 100, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 1);
	assert_true(str_is(event.path, "/alice/small"));
	assert_int_equal(read_part(&b, &none, 0, 100, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 2);
	assert_int_equal(read_part(&b, &big, 0, 100, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 2);
	/* What was only begun is told of when the reader leaves. */
	peer_disconnect(&b);
	assert_int_equal(receipts(&c.p, &event), 3);
	assert_int_equal(event.complete, 0);
	assert_int_equal(event.bytes, 100);
	stop(&c);
}

/* One device's count goes on over its connections, whichever of them ends first. */
static void
test_download_in_pieces_over_connections(void **state)
{
	struct m_attr attr;
	struct m_event event;
	struct content c;
	struct peer b, b2;

	start(state, &c);
	make_file(&c, "f", &attr);
	/* Cut off in the middle, and gone on with. */
	peer_start(*state, &b, 'b');
	assert_int_equal(read_part(&b, &attr, 0, 1000000, 2), 0);
	peer_disconnect(&b);
	assert_int_equal(receipts(&c.p, &event), 1);
	assert_int_equal(event.complete, 0);
	peer_start(*state, &b, 'b');
	assert_int_equal(read_part(&b, &attr, 1000000, 1000000, 2), 0);
	peer_disconnect(&b);
	/* Opened is told once. */
	assert_int_equal(receipts(&c.p, &event), 1);
	peer_start(*state, &b, 'b');
	assert_int_equal(read_part(&b, &attr, 2000000, STORE_BLOB_MAX, 2), 0);
	/* What was opened a moment ago is complete now. */
	assert_int_equal(receipts(&c.p, &event), 1);
	assert_int_equal(event.complete, 1);
	assert_int_equal(event.bytes, attr.size);
	peer_disconnect(&b);
	assert_int_equal(receipts(&c.p, &event), 1);

	/* Two at a time, none of which has it whole. */
	make_file(&c, "g", &attr);
	peer_start(*state, &b, 'b');
	peer_start(*state, &b2, 'b');
	assert_int_equal(read_part(&b, &attr, 0, 1000000, 2), 0);
	assert_int_equal(read_part(&b2, &attr, 1000000, STORE_BLOB_MAX, 2), 0);
	assert_int_equal(receipts(&c.p, &event), 1);
	peer_disconnect(&b);
	peer_disconnect(&b2);
	assert_int_equal(receipts(&c.p, &event), 2);
	assert_int_equal(event.complete, 1);
	assert_true(str_is(event.path, "/alice/g"));
	stop(&c);
}

/* Which blobs a file consists of: for its owner alone, since who has them need not be sent them again. */
static void
test_map(void **state)
{
	struct m_write_piece pieces[] = {
	    {.length = 65536, .kind = 2, .tag = 1, .blob_offset = 4096},
	    {.length = 4096, .kind = 0},
	};
	struct m_map_req map = {.length = UINT64_MAX};
	struct m_map_piece piece;
	struct m_blob_put_rep blob;
	struct m_map_rep rep;
	struct m_put_rep put;
	struct content c;
	struct peer b;

	start(state, &c);
	send_blob(&c.p, 1, c.bytes, 80000);
	assert_int_equal(peer_wait(&c.p, c.p.number, &blob), 0);
	send_put_of(&c.p, "f", pieces, 2);
	assert_int_equal(peer_wait(&c.p, c.p.number, &put), 0);
	map.ino = put.attr.ino;
	map.gen = put.attr.gen;
	map.offset = 1;
	assert_int_equal(peer_call(&c.p, OP_MAP, &map, &rep, NULL), 0);
	assert_int_equal(rep.attr.version, put.attr.version);
	assert_int_equal(rep.attr.size, 65536 + 4096);
	assert_int_equal(rep.pieces.count, 2);
	assert_true(list_next(&rep.pieces, &piece));
	assert_int_equal(piece.kind, 2);
	assert_int_equal(piece.length, 65535);
	assert_int_equal(piece.blob_offset, 4097);
	assert_true(id128_equal(&piece.blob, &blob.blob));
	assert_true(list_next(&rep.pieces, &piece));
	assert_int_equal(piece.kind, 0);
	assert_int_equal(piece.length, 4096);
	map.ino = c.p.home;
	assert_int_equal(peer_call(&c.p, OP_MAP, &map, &rep, NULL), CFS_EISDIR);
	map.ino = put.attr.ino;
	peer_start(*state, &b, 'b');
	assert_int_equal(peer_call(&b, OP_MAP, &map, &rep, NULL), CFS_EDENIED);
	peer_disconnect(&b);
	stop(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_tags_before_completion),
	    TEST(test_blob_answer),
	    TEST(test_many_blobs),
	    TEST(test_sum),
	    TEST(test_read_rules),
	    TEST(test_download_events),
	    TEST(test_small_and_opened_downloads),
	    TEST(test_download_in_pieces_over_connections),
	    TEST(test_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

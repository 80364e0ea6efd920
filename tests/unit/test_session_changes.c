/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Changes: pipelined, in order, each exactly once whatever happens to the connection. */

#include "servertest.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define MANY 500

static void
send_put(struct peer *p, const char *name, uint16_t flags)
{
	struct buf pieces = BUF_INIT;
	struct m_put_req req;

	peer_fill_put(p, p->home, name, 5, &req, &pieces);
	peer_send(p, OP_PUT, flags, &req, "12345", 5);
	buf_fini(&pieces);
}

/* Every answer comes, once, and says done; half of them asked for stable storage. */
static void
test_pipelined(void **state)
{
	struct id128 stream = id128_random();
	bool answered[MANY] = {false};
	struct m_readdir_req list = {.max_bytes = 1 << 20};
	struct m_readdir_rep rep;
	struct frame f;
	uint64_t first;
	struct peer p;
	char name[32];

	peer_start(*state, &p, 'a');
	peer_attach(&p, &stream, true);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		send_put(&p, name, i % 2 ? FRAME_DURABLE : 0);
	}
	first = p.number - MANY + 1;
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(caller_receive(p.c, &f, NULL), 0);
		assert_int_equal(f.flags, 0);
		assert_in_range(f.number, first, first + MANY - 1);
		assert_false(answered[f.number - first]);
		answered[f.number - first] = true;
	}
	list.dir = p.home;
	assert_int_equal(peer_call(&p, OP_READDIR, &list, &rep, NULL), 0);
	assert_int_equal(rep.entries.count, MANY);
	assert_int_equal(rep.eof, 1);
	peer_disconnect(&p);
}

/* A client that sends everything and then ends its side still gets every answer. */
static void
test_rename_chain_in_order(void **state)
{
	struct id128 stream = id128_random();
	struct m_rename_req req = {0};
	struct m_attr_rep rep;
	struct m_attr attr;
	char from[32], to[32];
	struct peer p;

	peer_start(*state, &p, 'a');
	peer_attach(&p, &stream, true);
	send_put(&p, "n0", 0);
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(from, sizeof(from), "n%u", i);
		(void)snprintf(to, sizeof(to), "n%u", i + 1);
		req.seq = ++p.seq;
		req.dir = req.to_dir = p.home;
		req.name = str_from(from);
		req.to_name = str_from(to);
		peer_send(&p, OP_RENAME, 0, &req, NULL, 0);
	}
	assert_int_equal(peer_wait(&p, p.number, &rep), 0);
	assert_int_equal(peer_lookup(&p, p.home, "n50", &attr), 0);
	assert_int_equal(peer_lookup(&p, p.home, "n49", &attr), CFS_ENOENT);
	peer_disconnect(&p);
}

static void
unlink_req(struct peer *p, uint64_t seq, const char *name, struct m_unlink_req *req)
{
	*req = (struct m_unlink_req){.seq = seq, .dir = p->home, .name = str_from(name)};
}

/* What was done is not done again: the repeated number gets the answer that was stored, done or refused. */
static void
test_replay(void **state)
{
	struct id128 stream = id128_random();
	struct m_setattr_req other = {.seq = 2};
	struct m_attr_rep other_rep;
	struct cfs_err why = CFS_ERR_INIT;
	struct m_unlink_req req;
	struct m_unlink_rep rep;
	struct peer p, again;

	peer_start(*state, &p, 'a');
	peer_attach(&p, &stream, true);
	assert_int_equal(peer_put(&p, p.home, "a", "x", 1, NULL), 0);
	unlink_req(&p, ++p.seq, "a", &req);
	assert_int_equal(peer_call(&p, OP_UNLINK, &req, &rep, NULL), 0);
	unlink_req(&p, ++p.seq, "b", &req);
	assert_int_equal(peer_call(&p, OP_UNLINK, &req, &rep, NULL), CFS_ENOENT);
	peer_disconnect(&p);

	peer_start(*state, &again, 'a');
	peer_attach(&again, &stream, true);
	assert_int_equal(again.seq, 3);
	unlink_req(&again, 2, "a", &req);
	assert_int_equal(peer_call_bulk(&again, OP_UNLINK, FRAME_DURABLE, &req, NULL, 0, &rep), 0);
	unlink_req(&again, 3, "b", &req);
	assert_int_equal(peer_call(&again, OP_UNLINK, &req, &rep, NULL), CFS_ENOENT);
	/* The answer of another operation is no answer to this one. */
	other.ino = again.home;
	assert_int_equal(
	    caller_call(again.c, OP_SETATTR, 0, &other, NULL, 0, &other_rep, NULL, &why),
	    CFS_EPROTO);
	assert_string_equal(why.text, "SETATTR: the change of this number was another operation");
	/* A gap, and a number whose answer was acknowledged. */
	unlink_req(&again, 9, "b", &req);
	assert_int_equal(peer_call(&again, OP_UNLINK, &req, &rep, NULL), CFS_ESTREAMLOST);
	unlink_req(&again, 4, "b", &req);
	req.ack = 3;
	assert_int_equal(peer_call(&again, OP_UNLINK, &req, &rep, NULL), CFS_ENOENT);
	unlink_req(&again, 2, "a", &req);
	assert_int_equal(peer_call(&again, OP_UNLINK, &req, &rep, NULL), CFS_ESTREAMLOST);
	peer_disconnect(&again);
}

/* One WRITE of many places is one change: all of it or, for a tag that is not known, nothing; sent again it is not done again. */
static void
test_write_with_gaps(void **state)
{
	static const char before[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct m_write_piece pieces[] = {
	    {.length = 2, .kind = 1, .skip = 5},
	    {.length = 3, .kind = 1, .skip = 1},
	    {.length = 1, .kind = 1},
	    {.length = 4, .kind = 2, .tag = 7, .skip = 10},
	};
	struct m_blob_put_req blob = {.tag = 7};
	struct m_blob_put_rep blob_rep;
	struct id128 stream = id128_random();
	struct m_write_req req = {.offset = 1};
	struct buf list = BUF_INIT, have = BUF_INIT;
	struct m_write_rep rep;
	struct m_attr attr;
	struct peer p;

	peer_start(*state, &p, 'a');
	peer_attach(&p, &stream, true);
	assert_int_equal(peer_put(&p, p.home, "f", before, sizeof(before) - 1, &attr), 0);
	req.ino = attr.ino;
	req.gen = attr.gen;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
		    codec_list_append(&req.pieces, &msg_write_piece, &pieces[i], &list, 0), 0);
	req.seq = ++p.seq;
	assert_int_equal(peer_call_bulk(&p, OP_WRITE, 0, &req, "ABCDEF", 6, &rep), CFS_EBLOBGONE);
	assert_int_equal(peer_read(&p, &attr, 0, &have), 0);
	assert_memory_equal(have.data, before, sizeof(before) - 1);
	assert_int_equal(peer_call_bulk(&p, OP_BLOB_PUT, 0, &blob, "blob", 4, &blob_rep), 0);
	req.seq = ++p.seq;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(peer_call_bulk(&p, OP_WRITE, 0, &req, "ABCDEF", 6, &rep), 0);
		assert_int_equal(rep.offset, 1);
		assert_int_equal(rep.attr.version, attr.version + 1);
	}
	assert_int_equal(peer_read(&p, &rep.attr, 0, &have), 0);
	assert_int_equal(have.len, sizeof(before) - 1);
	assert_memory_equal(have.data, "012345AB8CDEFdefghijklmblobrstuvwxyz", have.len);
	buf_fini(&list);
	buf_fini(&have);
	peer_disconnect(&p);
}

/* The older of two connections on one stream can change nothing any more. */
static void
test_superseded(void **state)
{
	struct id128 stream = id128_random();
	struct peer old, fresh;
	struct m_attr attr;

	peer_start(*state, &old, 'a');
	peer_attach(&old, &stream, true);
	peer_start(*state, &fresh, 'a');
	peer_attach(&fresh, &stream, true);
	assert_int_equal(peer_put(&old, old.home, "late", "x", 1, NULL), CFS_ESUPERSEDED);
	assert_int_equal(peer_put(&fresh, fresh.home, "now", "x", 1, NULL), 0);
	assert_int_equal(peer_lookup(&fresh, fresh.home, "late", &attr), CFS_ENOENT);
	peer_disconnect(&old);
	peer_disconnect(&fresh);
}

static void
test_streams(void **state)
{
	struct id128 stream = id128_random(), unknown = id128_random();
	struct m_stream_attach_req req = {.stream = unknown};
	struct m_stream_attach_rep rep;
	struct m_inodes_req inodes = {.inodes = 10};
	struct m_inodes_rep range;
	struct peer a, b;

	peer_start(*state, &a, 'a');
	peer_start(*state, &b, 'b');
	/* No stream: no change, no numbers. */
	assert_int_equal(peer_put(&a, a.home, "f", "x", 1, NULL), CFS_ESTREAMLOST);
	assert_int_equal(peer_call(&a, OP_INODES, &inodes, &range, NULL), CFS_ESTREAMLOST);
	assert_int_equal(peer_call(&a, OP_STREAM_ATTACH, &req, &rep, NULL), CFS_ESTREAMLOST);
	peer_attach(&a, &stream, true);
	assert_int_equal(peer_call(&a, OP_INODES, &inodes, &range, NULL), 0);
	assert_int_equal(range.count, 10);
	/* Another user's stream is as unknown as any. */
	req.stream = stream;
	assert_int_equal(peer_call(&b, OP_STREAM_ATTACH, &req, &rep, NULL), CFS_ESTREAMLOST);
	req.create = 1;
	assert_int_equal(peer_call(&b, OP_STREAM_ATTACH, &req, &rep, NULL), CFS_ESTREAMLOST);
	req.inodes = 70000;
	assert_int_equal(peer_call(&a, OP_STREAM_ATTACH, &req, &rep, NULL), CFS_EINVAL);
	peer_disconnect(&a);
	peer_disconnect(&b);
}

/* SYNC stands behind the changes sent before it. */
static void
test_sync(void **state)
{
	struct id128 stream = id128_random();
	struct m_sync_req req = {0};
	struct m_empty rep;
	struct frame f;
	uint64_t put;
	struct peer p;

	peer_start(*state, &p, 'a');
	assert_int_equal(peer_call(&p, OP_SYNC, &req, &rep, NULL), 0);
	peer_attach(&p, &stream, true);
	send_put(&p, "f", 0);
	put = p.number;
	peer_send(&p, OP_SYNC, 0, &req, NULL, 0);
	assert_int_equal(caller_receive(p.c, &f, NULL), 0);
	assert_int_equal(f.number, put);
	assert_int_equal(caller_receive(p.c, &f, NULL), 0);
	assert_int_equal(f.number, p.number);
	assert_int_equal(f.flags, 0);
	peer_disconnect(&p);
}

/* A change that is no valid request ends the connection, after those before it and without those behind it. */
static void
test_malformed_change(void **state)
{
	struct id128 stream = id128_random();
	struct m_write_piece piece = {.length = 5, .kind = 1};
	struct buf pieces = BUF_INIT;
	struct m_write_req bad = {0};
	struct m_attr attr;
	struct peer p;
	uint64_t first;
	union m_any rep;

	peer_start(*state, &p, 'a');
	peer_attach(&p, &stream, true);
	send_put(&p, "before", 0);
	first = p.number;
	bad.seq = ++p.seq;
	bad.ino = p.next_ino - 1;
	assert_int_equal(codec_list_append(&bad.pieces, &msg_write_piece, &piece, &pieces, 0), 0);
	/* Not malformed, but wrong: bytes are missing. */
	peer_send(&p, OP_WRITE, 0, &bad, NULL, 0);
	assert_int_equal(peer_wait(&p, first, &rep), 0);
	assert_int_equal(peer_wait(&p, p.number, &rep), CFS_EINVAL);
	assert_int_equal(peer_lookup(&p, p.home, "before", &attr), 0);
	assert_int_equal(attr.size, 5);
	peer_disconnect(&p);
	buf_fini(&pieces);
}

static void
test_other_users_tree(void **state)
{
	struct servertest *t = *state;
	struct id128 stream = id128_random(), other = id128_random();
	struct m_unlink_req req;
	struct m_attr attr, found;
	struct buf data = BUF_INIT;
	struct m_unlink_rep rep;
	struct peer a, b;

	peer_start(t, &a, 'a');
	peer_attach(&a, &stream, true);
	assert_int_equal(peer_put(&a, a.home, "f", "secret", 6, &attr), 0);
	peer_start(t, &b, 'b');
	peer_attach(&b, &other, true);
	/* Shared: read, but change nothing. */
	assert_int_equal(peer_lookup(&b, a.home, "f", &found), 0);
	assert_int_equal(peer_read(&b, &found, 0, &data), 0);
	assert_memory_equal(data.data, "secret", 6);
	assert_int_equal(peer_put(&b, a.home, "g", "x", 1, NULL), CFS_EDENIED);
	assert_int_equal(peer_mkdir(&b, a.home, "d", NULL), CFS_EDENIED);
	unlink_req(&b, ++b.seq, "f", &req);
	req.dir = a.home;
	assert_int_equal(peer_call(&b, OP_UNLINK, &req, &rep, NULL), CFS_EDENIED);
	assert_int_equal(peer_mkdir(&b, b.root, "carol", NULL), CFS_EDENIED);
	peer_disconnect(&b);
	/* Private: not even there. */
	t->conf.trees_private = true;
	peer_start(t, &b, 'b');
	assert_int_equal(peer_lookup(&b, a.home, "f", &found), CFS_ENOENT);
	assert_int_equal(peer_lookup(&b, b.root, "alice", &found), CFS_ENOENT);
	assert_int_equal(peer_read(&b, &attr, 0, &data), CFS_ENOENT);
	assert_int_equal(peer_lookup(&b, b.root, "bob", &found), 0);
	peer_disconnect(&b);
	peer_disconnect(&a);
	buf_fini(&data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_pipelined),
	    TEST(test_rename_chain_in_order),
	    TEST(test_replay),
	    TEST(test_write_with_gaps),
	    TEST(test_superseded),
	    TEST(test_streams),
	    TEST(test_sync),
	    TEST(test_malformed_change),
	    TEST(test_other_users_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A whole session over a store in memory: any bytes as a stranger's connection, or any requests of somebody who is signed
 * in. Everything that the server sends must decode, the store must be sound at the end, and another user's file must be
 * as it was.
 *
 * The first byte says who: 0 a stranger's raw bytes, 1 alice's raw bytes, 2 alice's requests, 3 an admin's. The second is
 * the size of arrivals. Requests are made from the rest as from a tape (tape.h): the operation by its place in the table,
 * flags, the fields; the numbers of changes are put in, because no mutation would find them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../contract/storetest.h"
#include "../lib/bytestream.h"
#include "../lib/tape.h"
#include "base/bytes.h"
#include "base/log.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "server/session.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX  ((size_t)16 * 1024 * 1024)
#define REQUESTS 200u
#define INODES   64u
#define TEXT     "bob's own"

enum who { WHO_A_STRANGER, WHO_ALICE_RAW, WHO_ALICE, WHO_AN_ADMIN, WHO_COUNT };

static const struct sha256 alices_key = {.b = {'a'}};

static void
must(int rc)
{
	if (rc < 0)
		abort();
}

/* Alice's device, and bob's one file. */
static void
populate(struct storetest *t, struct inode_attr *bobs)
{
	const struct id128 id = {.b = {'b'}};
	const struct content_piece piece = {
	    .kind = PIECE_INLINE, .length = sizeof TEXT, .data = TEXT};
	struct put_args put = {
	    .dir = t->bob_home,
	    .name = st_str("f"),
	    .stream = id,
	    .make_inode = true,
	    .mode = 0600,
	    .size = sizeof TEXT,
	    .pieces = &piece,
	    .piece_count = 1,
	};
	struct stream_state st;
	uint64_t commit, replaced;

	must(stream_attach(t->s, t->bob.id, &id, true, 1, &st, NULL));
	put.ino = st.first_ino;
	must(store_begin(t->s, NULL));
	must(people_device_add(t->s, t->alice.id, &alices_key, "laptop", NULL));
	must(content_put(t->s, &t->b, &put, bobs, &replaced, NULL));
	must(store_commit(t->s, &commit, NULL));
}

/* ---- what the client sends */

static void
add_frame(struct buf *in, unsigned op, uint16_t flags, uint64_t number, const void *payload,
	  size_t len)
{
	must(frame_append(in, op, flags, number, payload, len));
}

static void
add_message(struct buf *in, unsigned op, uint64_t number, const struct msg_desc *desc,
	    const void *msg)
{
	struct buf payload = BUF_INIT;

	must(codec_encode(desc, msg, &payload));
	add_frame(in, op, 0, number, payload.data, payload.len);
	buf_fini(&payload);
}

/* Signed in, with a stream and some numbers for inodes. */
static void
add_greeting(struct buf *in, bool admin)
{
	const struct m_hello_req hello = {.version_min = 1, .version_max = 1};
	const struct m_stream_attach_req attach = {
	    .stream = {.b = {'a'}}, .create = 1, .inodes = INODES};

	add_message(in, OP_HELLO, 1, &msg_hello_req, &hello);
	if (!admin)
		add_message(in, OP_STREAM_ATTACH, 2, &msg_stream_attach_req, &attach);
}

/* A change gets the number that is its turn, now and then another. */
static void
number_change(union m_any *req, uint8_t flags, uint64_t *seq)
{
	if ((flags & 0xf0) == 0xf0)
		return;
	++*seq;
	change_set_numbers(req, (struct change_numbers){*seq, *seq - 1});
}

static void
add_request(struct buf *in, struct tape *t, uint64_t number, uint64_t *seq)
{
	const struct op_desc *op = &op_table[tape_byte(t) % op_table_count];
	uint8_t flags = tape_byte(t);
	struct buf payload = BUF_INIT, scratch = BUF_INIT;
	struct str bulk;
	union m_any req;

	/* Working on a password takes a tenth of a second, on purpose. */
	if (op->number == OP_HELLO)
		return;
	memset(&req, 0, sizeof req);
	if (!buf_reserve(&scratch, TAPE_SCRATCH))
		abort();
	tape_fill(t, op->request, &req, &scratch);
	if (op->how & HOW_CHANGE)
		number_change(&req, flags, seq);
	if (op->number == OP_ADMIN_USER_SET)
		req.admin_user_set_req.password = (struct str){0};
	must(codec_encode(op->request, &req, &payload));
	if (op->how & HOW_BULK_IN) {
		bulk = tape_bytes(t, (size_t)tape_byte(t) * 16);
		must(buf_append(&payload, bulk.p, bulk.len));
	}
	add_frame(in, op->number, flags & 1, number, payload.data, payload.len);
	buf_fini(&payload);
	buf_fini(&scratch);
}

/* Numbers that the store knows or may be asked to use. */
static void
add_requests(struct buf *in, const struct storetest *t, const struct inode_attr *bobs,
	     const uint8_t *p, size_t size)
{
	uint64_t hints[16] = {1, t->home.ino, t->bob_home.ino, bobs->ino};
	struct tape tape = {.p = p, .left = size, .hints = hints, .hint_count = ARRAY_SIZE(hints)};
	uint64_t seq = 0;

	/* Ranges are given one behind the other: the next one is alice's new stream's. */
	for (size_t i = 4; i < ARRAY_SIZE(hints); i++)
		hints[i] = bobs->ino + i - 3;
	for (uint64_t number = 10; tape.left > 0 && number < 10 + REQUESTS; number++)
		add_request(in, &tape, number, &seq);
}

/* ---- what the server sent */

static void
check_output(struct byte_stream *sent)
{
	struct byte_stream b;
	struct frame_reader *r;
	union m_any msg;
	struct frame f;
	struct str bulk;
	int rc;

	if (sent->truncated || !byte_stream_init(&b, sent->out.data, sent->out.len, SIZE_MAX, 0))
		return;
	r = frame_reader_new(&b.base, FRAME_MAX);
	if (!r)
		abort();
	while ((rc = frame_next(r, &f, NULL)) != FRAME_EOF) {
		must(rc);
		/* An unknown operation's number comes back with the refusal. */
		if (rc == FRAME_COMPLETE && f.desc)
			must(frame_decode(&f, &msg, &bulk, NULL));
		if (rc == FRAME_BULK)
			frame_bulk_into(r, NULL, f.bulk_left);
	}
	frame_reader_free(r);
	byte_stream_fini(&b);
}

static void
report(void *arg, const char *fault)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", fault);
}

static void
check_store(struct storetest *t, const struct inode_attr *was)
{
	struct inode_attr now;

	if (store_check(t->s, report, NULL, NULL) != 0)
		abort();
	must(names_lookup(t->s, &t->b, t->bob_home, st_str("f"), &now, NULL));
	if (now.ino != was->ino || now.version != was->version || now.mode != was->mode ||
	    now.nlink != was->nlink || now.size != was->size || now.ctime_ns != was->ctime_ns)
		abort();
}

static void
serve(struct storetest *t, enum who who, const struct buf *in, size_t arrival)
{
	const struct session_conf conf = {
	    .requests_in_flight = 64,
	    .signin_ms = 20000,
	    .idle_ms = 20000,
	    .heartbeat_ms = 10000,
	    .address = "files.example:7440",
	    .listen = "",
	};
	struct byte_stream stream;
	struct session_args args = {
	    .stream = &stream.base,
	    .store = t->s,
	    .conf = &conf,
	    .peer = {.has_key = who == WHO_ALICE_RAW || who == WHO_ALICE,
		     .key = alices_key,
		     .admin = who == WHO_AN_ADMIN,
		     .address = "fuzzer"},
	    .hub_fd = -1,
	};

	if (!byte_stream_init(&stream, in->data, in->len, arrival, OUT_MAX))
		abort();
	(void)session_run(&args);
	if (stream.closed != 1)
		abort();
	check_output(&stream);
	byte_stream_fini(&stream);
}

/* What a session logs of bad input would slow the fuzzer down. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	atomic_store(&log_level_now, -1);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inode_attr bobs;
	struct storetest *t;
	struct buf in = BUF_INIT;
	void *state = NULL;
	enum who who;

	if (size < 2)
		return 0;
	who = data[0] % WHO_COUNT;
	if (storetest_memory_setup(&state) != 0)
		abort();
	t = state;
	populate(t, &bobs);
	if (who == WHO_ALICE || who == WHO_AN_ADMIN) {
		add_greeting(&in, who == WHO_AN_ADMIN);
		add_requests(&in, t, &bobs, data + 2, size - 2);
	} else {
		must(buf_append(&in, data + 2, size - 2));
	}
	serve(t, who, &in, data[1] > 0 ? (size_t)data[1] * 64 : SIZE_MAX);
	if (who != WHO_AN_ADMIN)
		check_store(t, &bobs);
	buf_fini(&in);
	(void)storetest_teardown(&state);
	return 0;
}

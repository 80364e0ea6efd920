/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A client against a server that answers what no server should: it fails, soon, and holds what it promises its callers. */

#include "hostile.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"
#include "client/cfs.h"
#include "proto/codec.h"
#include "proto/frame.h"

/* ---- a directory that goes round in a circle */

static void
answer_circle(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_dirent entry = {.cookie = 7, .name = STR_LIT("again"), .attr = {.ino = 9}};
	struct m_readdir_rep rep = {.parent = 1};
	struct buf list = BUF_INIT;

	(void)h;
	assert_int_equal(codec_list_append(&rep.entries, &msg_dirent, &entry, &list, 0), 0);
	hostile_reply(out, op, number, &rep, NULL, 0);
	buf_fini(&list);
}

static int
count_entry(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	(void)name;
	(void)cookie;
	(void)attr;
	return ++*(unsigned *)arg > 1000 ? 1 : 0;
}

static void
circular_listing(void **state)
{
	struct hostile h = {.answer = answer_circle};
	struct cfs *c = hostile_start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned count = 0;
	bool eof;

	(void)state;
	assert_int_equal(
	    cfs_readdir(c, (struct cfs_ref){256, 1}, 0, count_entry, &count, &eof, NULL, &err),
	    CFS_EPROTO);
	assert_false(eof);
	hostile_stop(&h, c);
}

static void
answer_same_name(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_entry entry = {.name = STR_LIT("again"), .type = 1};
	struct m_names_rep rep = {0};
	struct buf list = BUF_INIT;

	(void)h;
	assert_int_equal(codec_list_append(&rep.entries, &msg_entry, &entry, &list, 0), 0);
	hostile_reply(out, op, number, &rep, NULL, 0);
	buf_fini(&list);
}

static int
count_name(void *arg, const char *name, enum cfs_type type)
{
	(void)name;
	(void)type;
	return ++*(unsigned *)arg > 1000 ? 1 : 0;
}

static void
circular_names(void **state)
{
	struct hostile h = {.answer = answer_same_name};
	struct cfs *c = hostile_start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned count = 0;

	(void)state;
	assert_int_equal(cfs_names(c, (struct cfs_ref){256, 1}, "a", count_name, &count, &err),
			 CFS_EPROTO);
	assert_int_equal(count, 1);
	hostile_stop(&h, c);
}

/* ---- goodbye */

static void
answer_goodbye(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	const struct m_goodbye_push push = {.reason = STR_LIT("enough"), .retry_ms = h->retry_ms};
	struct buf payload = BUF_INIT;

	(void)op;
	(void)number;
	assert_int_equal(codec_encode(&msg_goodbye_push, &push, &payload), 0);
	assert_int_equal(frame_append(out, OP_GOODBYE, 0, 0, payload.data, payload.len), 0);
	buf_fini(&payload);
	h->hang_up = true;
}

static void
note_end(void *arg, int code, const char *text)
{
	assert_string_equal(text, "enough");
	*(int *)arg = code;
}

static int
no_event(void *arg, const struct cfs_event *e)
{
	(void)arg;
	(void)e;
	return 0;
}

/* "0 do not by yourself": no line is made until somebody asks for it, whatever is called. */
static void
sent_away(void **state)
{
	struct hostile h = {.answer = answer_goodbye};
	struct cfs *c = hostile_start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err),
				 CFS_ENOTSIGNEDIN);
		assert_string_equal(err.text, "enough");
	}
	assert_int_equal(h.lines, 1);
	cfs_come_back(c);
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err), CFS_ENOTSIGNEDIN);
	assert_int_equal(h.lines, 2);
	hostile_stop(&h, c);
}

/* One that says when is tried again. */
static void
sent_away_for_a_while(void **state)
{
	struct hostile h = {.answer = answer_goodbye, .retry_ms = 1};
	struct cfs *c = hostile_start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;

	(void)state;
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err), CFS_ENET);
	assert_true(h.lines > 1);
	hostile_stop(&h, c);
}

/* The answer to SUBSCRIBE is right; goodbye comes with the next one. */
static void
answer_subscribe(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	const struct m_subscribe_rep rep = {0};

	if (op->number == OP_SUBSCRIBE)
		hostile_reply(out, op, number, &rep, NULL, 0);
	else
		answer_goodbye(h, op, number, out);
}

static void
subscription_sent_away(void **state)
{
	struct hostile h = {.answer = answer_subscribe};
	struct cfs *c = hostile_start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	int code = 0;
	const struct cfs_subscribe how = {.event = no_event, .ended = note_end, .arg = &code};
	struct cfs_subscription *sub;
	struct cfs_attr attr;

	(void)state;
	assert_int_equal(cfs_subscribe(c, &how, &sub, NULL, &err), 0);
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, &err), CFS_ENOTSIGNEDIN);
	assert_int_equal(cfs_subscription_wait(sub, &err), CFS_ENOTSIGNEDIN);
	cfs_unsubscribe(sub);
	assert_int_equal(code, CFS_ENOTSIGNEDIN);
	assert_int_equal(h.lines, 1);
	hostile_stop(&h, c);
}

/* ---- an answer of very many pieces */

#define MANY 100000u
/* Putting holes back at a cost of the square of their number takes longer. */
#ifdef CFS_SAN_THREAD
#define MANY_SECONDS 60u
#else
#define MANY_SECONDS 3u
#endif

static void
answer_many_pieces(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	static const unsigned char bytes[MANY / 2];
	struct m_read_piece data = {.length = 1, .kind = 1}, hole = {.length = 1};
	struct m_read_rep rep = {.version = 1, .size = MANY};
	struct buf list = BUF_INIT;

	(void)h;
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(codec_list_append(&rep.pieces, &msg_read_piece,
						   i % 2 == 0 ? &data : &hole, &list, 0),
				 0);
	hostile_reply(out, op, number, &rep, bytes, sizeof(bytes));
	buf_fini(&list);
}

static void
many_pieces_of_a_read(void **state)
{
	/* It takes its time to be made, on a busy machine or under a sanitizer. */
	struct hostile h = {.answer = answer_many_pieces, .answer_ms = 60000};
	const struct cfs_attr attr = {
	    .ref = {300, 1}, .type = CFS_FILE, .size = MANY, .version = 1, .owner = 1};
	struct cfs *c = hostile_start(&h);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = malloc(MANY);
	uint64_t began = now_mono_ns();
	struct cfs_file *f;

	(void)state;
	assert_non_null(p);
	assert_int_equal(cfs_file_open(c, &attr, false, &f, &err), 0);
	assert_int_equal(cfs_file_pread(f, p, MANY, 0, &err), CFS_EPROTO);
	assert_true(now_mono_ns() - began < MANY_SECONDS * (uint64_t)NS_PER_S);
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(p);
	hostile_stop(&h, c);
}

/* ---- anything at all */

/* A frame of the request's own operation, or another, with bytes that mean nothing, or an error that nobody knows. */
static void
answer_noise(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	unsigned char noise[300];
	size_t len = (size_t)rand_r(&h->seed) % sizeof(noise);
	unsigned kind = (unsigned)rand_r(&h->seed) % 8;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = rand_r(&h->seed) % 3 == 0 ? 0 : (unsigned char)rand_r(&h->seed);
	if (kind == 0)
		number++;
	if (kind == 1)
		number = 0;
	(void)frame_append(out,
			   kind == 2   ? OP_READ | FRAME_REPLY
			   : kind == 3 ? op->number
				       : op->number | FRAME_REPLY,
			   kind == 4 ? (uint16_t)rand_r(&h->seed) : 0, number, noise, len);
	if (kind == 5)
		(void)buf_append(out, noise, len);
}

static void
any_answer(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		struct hostile h = {.answer = answer_noise, .seed = round};
		const struct cfs_attr attr = {
		    .ref = {300, 1}, .type = CFS_FILE, .size = 5000, .version = 1, .owner = 1};
		struct cfs *c = hostile_start(&h);
		struct cfs_err err = CFS_ERR_INIT;
		unsigned char bytes[5000];
		char target[4096];
		unsigned count = 0;
		struct cfs_attr out;
		struct cfs_file *f;
		bool eof;

		(void)cfs_stat(c, "a/b", false, &out, &err);
		(void)cfs_readlink(c, attr.ref, target, &err);
		(void)cfs_readdir(c, attr.ref, 0, count_entry, &count, &eof, NULL, &err);
		assert_int_equal(cfs_file_open(c, &attr, true, &f, &err), 0);
		assert_true(cfs_file_pread(f, bytes, sizeof(bytes), 0, &err) <=
			    (ssize_t)sizeof(bytes));
		(void)cfs_file_pwrite(f, bytes, sizeof(bytes), 0, &err);
		(void)cfs_file_close(f, &err);
		hostile_stop(&h, c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(circular_listing),
	    cmocka_unit_test(circular_names),
	    cmocka_unit_test(sent_away),
	    cmocka_unit_test(sent_away_for_a_while),
	    cmocka_unit_test(subscription_sent_away),
	    cmocka_unit_test(many_pieces_of_a_read),
	    cmocka_unit_test(any_answer),
	};

	return cmocka_run_group_tests_name("client_hostile", tests, NULL, NULL);
}

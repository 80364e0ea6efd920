/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A client against a server that is older than it is: what that does not know is done without. */

#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "proto/codec.h"
#include "proto/frame.h"

#define OLD_SIZE 1000000u

/* Each file is one hole. */
static void
answer_read(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	struct m_read_rep rep = {.version = 1, .size = OLD_SIZE, .promise_ms = 10000};
	struct m_read_piece hole = {0};
	struct m_read_req req;
	struct buf list = BUF_INIT;

	(void)h;
	assert_int_equal(
	    codec_decode(op->request, hostile_asked.payload, hostile_asked.len, &req, NULL), 0);
	hole.length = (uint32_t)min_u64(req.length, OLD_SIZE - min_u64(req.offset, OLD_SIZE));
	assert_int_equal(codec_list_append(&rep.pieces, &msg_read_piece, &hole, &list, 0), 0);
	hostile_reply(out, op, number, &rep, NULL, 0);
	buf_fini(&list);
}

static void
answer_as_old(struct hostile *h, const struct op_desc *op, uint64_t number, struct buf *out)
{
	const struct m_error_rep error = {.text = STR_LIT("what?")};
	struct buf payload = BUF_INIT;

	if (op->number == OP_MAP)
		atomic_fetch_add(&h->maps, 1);
	if (op->number == OP_READ) {
		answer_read(h, op, number, out);
		return;
	}
	assert_int_equal(codec_encode(&msg_error_rep, &error, &payload), 0);
	assert_int_equal(frame_append(out, op->number | FRAME_REPLY, (uint16_t)-CFS_EUNSUPPORTED,
				      number, payload.data, payload.len),
			 0);
	buf_fini(&payload);
}

static void
read_old(struct cfs *c)
{
	static const unsigned char zeros[100000];
	const struct cfs_attr attr = {
	    .ref = {300, 1}, .type = CFS_FILE, .size = OLD_SIZE, .version = 1, .owner = 1};
	unsigned char *p = malloc(sizeof(zeros));
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_file *f;

	assert_non_null(p);
	assert_int_equal(cfs_file_open(c, &attr, false, &f, &err), 0);
	for (uint64_t at = 0; at < OLD_SIZE; at += sizeof(zeros)) {
		memset(p, 1, sizeof(zeros));
		assert_int_equal(cfs_file_pread(f, p, sizeof(zeros), at, &err), sizeof(zeros));
		assert_memory_equal(p, zeros, sizeof(zeros));
	}
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(p);
}

/* It is asked for once a line, and files are read as if there were no cache. */
static void
server_without_map(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char dir[300], path[320];
	struct hostile h = {.answer = answer_as_old, .answer_ms = 60000, .cache_dir = dir};
	struct cfs_attr attr;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/cfs-old-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	struct cfs *c = hostile_start(&h);
	for (int i = 0; i < 3; i++)
		read_old(c);
	assert_int_equal(atomic_load(&h.maps), 1);
	/* It may have learned it while it was away. */
	atomic_store(&h.hang_up, true);
	assert_int_equal(cfs_getattr(c, (struct cfs_ref){256, 1}, &attr, NULL), CFS_EUNSUPPORTED);
	for (int i = 0; i < 3; i++)
		read_old(c);
	assert_int_equal(h.lines, 2);
	assert_int_equal(atomic_load(&h.maps), 2);
	hostile_stop(&h, c);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "index" : "parts");
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(server_without_map),
	};

	return cmocka_run_group_tests_name("client_old", tests, NULL, NULL);
}

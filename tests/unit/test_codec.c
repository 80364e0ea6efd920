/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every message of ops.def, by a loop over the table: random values there and back, every truncation, trailing bytes,
 * lists that lie about their count, garbage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/codec.h"
#include "proto/trace.h"

static const struct msg_desc *const messages[] = {
#define MESSAGE(name) &msg_##name,
#include "proto/ops.def"
};

/* A small generator with a fixed seed: a failure can be seen again. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = *seed;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
fill_random(void *p, size_t n, uint64_t *seed)
{
	for (size_t i = 0; i < n; i++)
		((unsigned char *)p)[i] = (unsigned char)next_random(seed);
}

/* What a random message points into. Lists are built in a buffer each. */
struct material {
	char bytes[300];
	struct buf lists[8];
	size_t list_count;
};

static void
make_message(const struct msg_desc *desc, void *msg, struct material *m, uint64_t *seed)
{
	memset(msg, 0, desc->size);
	for (size_t i = 0; i < desc->count; i++) {
		const struct field_desc *f = &desc->fields[i];
		void *at = (unsigned char *)msg + f->offset;
		static const size_t sizes[] = {
		    [KIND_U8] = 1,  [KIND_U16] = 2, [KIND_U32] = 4,  [KIND_U64] = 8,
		    [KIND_I64] = 8, [KIND_ID] = 16, [KIND_HASH] = 32};

		if (f->kind == KIND_STR || f->kind == KIND_SECRET) {
			*(struct str *)at =
			    (struct str){.p = m->bytes, .len = next_random(seed) % sizeof m->bytes};
		} else if (f->kind == KIND_NESTED) {
			make_message(f->nested, at, m, seed);
		} else if (f->kind == KIND_LIST) {
			struct buf *b = &m->lists[m->list_count++];
			uint64_t n = next_random(seed) % 5;

			assert_true(m->list_count <= ARRAY_SIZE(m->lists));
			for (uint64_t k = 0; k < n; k++) {
				union m_any element;

				make_message(f->nested, &element, m, seed);
				assert_int_equal(codec_list_append(at, f->nested, &element, b, 0),
						 0);
			}
		} else if (f->kind != KIND_NONE) {
			fill_random(at, sizes[f->kind], seed);
		}
	}
}

static void
material_init(struct material *m, uint64_t *seed)
{
	memset(m, 0, sizeof *m);
	fill_random(m->bytes, sizeof m->bytes, seed);
}

static void
material_fini(struct material *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->lists); i++)
		buf_fini(&m->lists[i]);
}

static void
test_there_and_back(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(messages) * 50; i++) {
		const struct msg_desc *desc = messages[i % ARRAY_SIZE(messages)];
		struct buf once = BUF_INIT;
		struct buf twice = BUF_INIT;
		struct material m;
		union m_any msg;
		union m_any back;
		size_t offset;

		material_init(&m, &seed);
		make_message(desc, &msg, &m, &seed);
		assert_int_equal(codec_encode(desc, &msg, &once), 0);
		assert_true(once.len >= desc->wire_min);
		assert_int_equal(codec_decode(desc, once.data, once.len, &back, NULL), 0);
		assert_int_equal(codec_encode(desc, &back, &twice), 0);
		assert_int_equal(once.len, twice.len);
		if (once.len > 0)
			assert_memory_equal(once.data, twice.data, once.len);

		/* Bulk behind it is found; without bulk it is an error. */
		assert_int_equal(buf_append(&once, "BULK", 4), 0);
		assert_int_equal(codec_decode(desc, once.data, once.len, &back, &offset), 0);
		assert_int_equal(offset, twice.len);
		assert_int_equal(codec_decode(desc, once.data, once.len, &back, NULL), CFS_EPROTO);
		buf_fini(&once);
		buf_fini(&twice);
		material_fini(&m);
	}
}

/* Every cut is refused, and from exactly as many bytes on as there are, so that a sanitizer sees a read behind them. */
static void
test_every_truncation(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		const struct msg_desc *desc = messages[i];
		struct buf b = BUF_INIT;
		struct material m;
		union m_any msg;
		size_t offset;

		material_init(&m, &seed);
		make_message(desc, &msg, &m, &seed);
		assert_int_equal(codec_encode(desc, &msg, &b), 0);
		for (size_t n = 0; n < b.len; n++) {
			unsigned char *cut = malloc(n + 1);
			size_t total = b.len + 10;

			memcpy(cut + 1, b.data, n);
			assert_int_equal(codec_decode(desc, cut + 1, n, &msg, NULL), CFS_EPROTO);
			assert_int_equal(codec_decode(desc, cut + 1, n, &msg, &offset), CFS_EPROTO);
			assert_int_equal(
			    codec_decode_prefix(desc, cut + 1, n, total, &msg, &offset), CFS_EBUSY);
			free(cut);
		}
		assert_int_equal(
		    codec_decode_prefix(desc, b.data, b.len, b.len + 10, &msg, &offset), 0);
		assert_int_equal(offset, b.len);
		buf_fini(&b);
		material_fini(&m);
	}
}

static void
test_garbage(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(messages) * 2000; i++) {
		const struct msg_desc *desc = messages[i % ARRAY_SIZE(messages)];
		size_t n = next_random(&seed) % 400;
		unsigned char *p = malloc(n + 1);
		char text[200];
		union m_any msg;
		size_t offset;

		fill_random(p, n, &seed);
		/* Small numbers pass for lengths and counts more often. */
		for (size_t k = 0; k < n; k++)
			p[k] = next_random(&seed) % 3 ? p[k] & 3 : p[k];
		if (codec_decode(desc, p, n, &msg, &offset) == 0) {
			assert_true(offset <= n);
			trace_message(text, sizeof text, desc, &msg);
			assert_true(strlen(text) < sizeof text);
		}
		free(p);
	}
}

static void
test_a_count_is_not_trusted(void **state)
{
	unsigned char p[9 + 4 + 10] = {0};
	struct m_readdir_rep rep;
	size_t offset;

	(void)state;
	memset(p + 9, 0xff, 4);
	assert_int_equal(codec_decode(&msg_readdir_rep, p, sizeof p, &rep, NULL), CFS_EPROTO);
	/* Hopeless already now, though more is to come. */
	assert_int_equal(codec_decode_prefix(&msg_readdir_rep, p, sizeof p, 1 << 20, &rep, &offset),
			 CFS_EPROTO);
	p[9] = 2;
	memset(p + 10, 0, 3);
	assert_int_equal(codec_decode_prefix(&msg_readdir_rep, p, sizeof p, 1 << 20, &rep, &offset),
			 CFS_EBUSY);
	p[9] = 0;
	assert_int_equal(codec_decode(&msg_readdir_rep, p, 17, &rep, NULL), 0);
	assert_int_equal(rep.entries.count, 0);
}

static void
test_lists_are_walked(void **state)
{
	struct m_readdir_rep rep = {.eof = 1, .parent = 7};
	struct m_readdir_rep back;
	struct m_dirent entry = {.attr = {.ino = 9}};
	struct buf elements = BUF_INIT;
	struct buf b = BUF_INIT;
	struct list it;
	uint64_t n = 0;

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++) {
		entry.cookie = i;
		entry.name = STR_LIT("entry");
		assert_int_equal(codec_list_append(&rep.entries, &msg_dirent, &entry, &elements, 0),
				 0);
	}
	assert_int_equal(codec_encode(&msg_readdir_rep, &rep, &b), 0);
	assert_int_equal(codec_decode(&msg_readdir_rep, b.data, b.len, &back, NULL), 0);
	assert_int_equal(back.entries.count, 1000);
	it = back.entries;
	while (list_next(&it, &entry)) {
		assert_true(entry.cookie == ++n);
		assert_true(str_is(entry.name, "entry"));
		assert_true(entry.attr.ino == 9);
	}
	assert_true(n == 1000);
	assert_int_equal(it.len, 0);
	buf_fini(&b);
	buf_fini(&elements);
}

static void
test_too_long_a_string_is_not_encoded(void **state)
{
	struct buf b = BUF_INIT;
	struct buf large = BUF_INIT;
	struct m_error_rep rep = {0};

	(void)state;
	assert_non_null(buf_reserve(&large, 65536));
	memset(large.data, 'x', 65536);
	rep.text = (struct str){.p = (char *)large.data, .len = 65536};
	assert_int_equal(codec_encode(&msg_error_rep, &rep, &b), CFS_EINVAL);
	assert_int_equal(b.len, 0);
	rep.text.len--;
	assert_int_equal(codec_encode(&msg_error_rep, &rep, &b), 0);
	assert_int_equal(b.len, 65537 + 4);
	buf_fini(&b);
	buf_fini(&large);
}

static void
test_the_table(void **state)
{
	struct m_unlink_req req;
	unsigned last = 0;

	(void)state;
	for (size_t i = 0; i < op_table_count; i++) {
		const struct op_desc *op = &op_table[i];

		assert_true(op->number > last && op->number < 0x8000);
		last = op->number;
		assert_ptr_equal(op_find(op->number), op);
		assert_string_equal(op_name(op->number), op->name);
		if (op->how & HOW_CHANGE) {
			assert_string_equal(op->request->fields[0].name, "seq");
			assert_string_equal(op->request->fields[1].name, "ack");
			assert_int_equal(op->request->fields[1].kind, KIND_U64);
		}
	}
	assert_null(op_find(0));
	assert_null(op_find(15));
	assert_null(op_find(60000));
	assert_string_equal(op_name(60000), "op?");
	change_set_numbers(&req, (struct change_numbers){.seq = 5, .ack = 4});
	assert_true(req.seq == 5 && req.ack == 4);
	assert_true(change_numbers(&req).seq == 5 && change_numbers(&req).ack == 4);
}

static void
test_trace_hides_and_escapes(void **state)
{
	struct m_hello_req req = {.version_min = 1,
				  .user = STR_LIT("al\n\"ice\xff"),
				  .secret = STR_LIT("hunter2"),
				  .device = STR_LIT("x")};
	char text[256];

	(void)state;
	trace_message(text, sizeof text, &msg_hello_req, &req);
	assert_non_null(strstr(text, "user=\"al\\x0a\\\"ice\\xff\""));
	assert_non_null(strstr(text, "secret=(7 secret bytes)"));
	assert_null(strstr(text, "hunter2"));
	trace_message(text, 20, &msg_hello_req, &req);
	assert_true(strlen(text) < 20);
	assert_string_equal(text + strlen(text) - 3, "...");
	trace_message(text, 1, &msg_hello_req, &req);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_every_truncation),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_a_count_is_not_trusted),
	    cmocka_unit_test(test_lists_are_walked),
	    cmocka_unit_test(test_too_long_a_string_is_not_encoded),
	    cmocka_unit_test(test_the_table),
	    cmocka_unit_test(test_trace_hides_and_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

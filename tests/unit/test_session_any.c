/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Requests of every kind, well formed and otherwise anything: fields from the numbers and names that mean something, and
 * from those that no client sends. Every one is answered, the store stays sound, and another user's tree is as it was.
 */

#include "servertest.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rand.h"

#define ROUNDS 6000u

struct any {
	struct peer p;
	struct id128 stream;
	unsigned seed;
	uint64_t foreign[3]; /* bob's: his tree, a file, an upload */
	struct id128 blobs[2];
	uint64_t tag;
	struct buf lists, bulk;
	uint64_t made[64]; /* inodes that were made, in a ring */
	unsigned made_count;
};

static unsigned
pick(struct any *a, unsigned n)
{
	return (unsigned)rand_r(&a->seed) % n;
}

static uint64_t
any_number(struct any *a)
{
	static const uint64_t edges[] = {
	    0,
	    1,
	    2,
	    3,
	    4,
	    8,
	    255,
	    4096,
	    32768,
	    100000,
	    UINT32_MAX,
	    (UINT64_C(1) << 62) - 1,
	    UINT64_C(1) << 62,
	    (UINT64_C(1) << 62) + 1,
	    INT64_MAX,
	    UINT64_C(1) << 63,
	    UINT64_MAX,
	};
	switch (pick(a, 8)) {
	case 0:
	case 1:
		return edges[pick(a, ARRAY_SIZE(edges))];
	case 2:
		return a->foreign[pick(a, 3)];
	case 3:
		return a->p.home;
	case 4:
		return a->p.next_ino++;
	default:
		return a->made_count > 0 ? a->made[pick(a, (unsigned)min_u64(a->made_count, 64))]
					 : a->p.home;
	}
}

static struct str
any_name(struct any *a)
{
	static const char *const names[] = {
	    "a",      "b",      "c",      "d",     "e",   "..",     ".", "",           "a/b",
	    "/bob/f", "../bob", "d/../a", "alice", "bob", "\xff\n", "/", "//alice//d",
	};
	static char longest[300];

	memset(longest, 'x', sizeof(longest));
	if (pick(a, 20) == 0)
		return (struct str){.p = longest, .len = 200 + pick(a, 100)};
	return str_from(names[pick(a, pick(a, 2) == 0 ? 5 : ARRAY_SIZE(names))]);
}

static struct list
any_pieces(struct any *a)
{
	struct list list = {0};
	size_t start = a->lists.len;

	for (unsigned n = pick(a, 6); n > 0; n--) {
		struct m_write_piece p = {
		    .length = pick(a, 4) == 0 ? (uint32_t)any_number(a) : 1 + pick(a, 40000),
		    .kind = (uint8_t)pick(a, 5),
		    .blob_offset = pick(a, 3) == 0 ? (uint32_t)any_number(a) : pick(a, 100),
		    .tag = 1 + (a->tag > 0 ? (uint64_t)pick(a, (unsigned)a->tag + 1) : 0),
		    .blob = a->blobs[pick(a, 2)],
		};

		if (p.kind == 1 && p.length <= CFS_INLINE_MAX && buf_reserve(&a->bulk, p.length)) {
			memset(a->bulk.data + a->bulk.len, 'p', p.length);
			buf_commit(&a->bulk, p.length);
		}
		assert_int_equal(codec_list_append(&list, &msg_write_piece, &p, &a->lists, start),
				 0);
	}
	return list;
}

static void fill(struct any *a, const struct msg_desc *desc, void *msg);

static struct list
any_list(struct any *a, const struct msg_desc *desc)
{
	struct list list = {0};
	size_t start = a->lists.len;
	union m_any element;

	if (desc == &msg_write_piece)
		return any_pieces(a);
	for (unsigned n = pick(a, 4); n > 0; n--) {
		memset(&element, 0, sizeof(element));
		fill(a, desc, &element);
		assert_int_equal(codec_list_append(&list, desc, &element, &a->lists, start), 0);
	}
	return list;
}

/* Generations, and numbers of what is to be made, are right most of the time: else little would ever be done. */
static bool
fill_rightly(struct any *a, const struct msg_desc *desc, const struct field_desc *f, void *to)
{
	bool makes = desc == &msg_create_req || desc == &msg_put_req;

	if (pick(a, 8) == 0)
		return false;
	if (f->kind == KIND_U32 && strstr(f->name, "gen"))
		*(uint32_t *)to = pick(a, 2);
	else if (f->kind == KIND_U64 && strcmp(f->name, "ino") == 0 && makes)
		*(uint64_t *)to = a->p.next_ino++;
	else if (f->kind == KIND_U32 && strcmp(f->name, "flags") == 0 && makes)
		*(uint32_t *)to = 1;
	else if (f->kind == KIND_U8 && strcmp(f->name, "type") == 0)
		*(uint8_t *)to = (uint8_t)(1 + pick(a, 2));
	else if (f->kind == KIND_STR && strcmp(f->name, "target") == 0)
		*(struct str *)to = (struct str){0};
	else
		return false;
	return true;
}

static void
fill(struct any *a, const struct msg_desc *desc, void *msg)
{
	for (size_t i = 0; i < desc->count; i++) {
		const struct field_desc *f = &desc->fields[i];
		void *to = (char *)msg + f->offset;

		if (fill_rightly(a, desc, f, to))
			continue;
		switch (f->kind) {
		case KIND_U8:
			*(uint8_t *)to = (uint8_t)pick(a, pick(a, 10) == 0 ? 256 : 9);
			break;
		case KIND_U16:
			*(uint16_t *)to = (uint16_t)any_number(a);
			break;
		case KIND_U32:
			*(uint32_t *)to = pick(a, 2) == 0 ? pick(a, 2) : (uint32_t)any_number(a);
			break;
		case KIND_U64:
		case KIND_I64:
			*(uint64_t *)to = any_number(a);
			break;
		case KIND_STR:
		case KIND_SECRET:
			*(struct str *)to = any_name(a);
			break;
		case KIND_LIST:
			*(struct list *)to = any_list(a, f->nested);
			break;
		case KIND_NESTED:
			fill(a, f->nested, to);
			break;
		case KIND_NONE:
		case KIND_ID:
		case KIND_HASH:
			break;
		}
	}
}

static bool
is_asked(const struct op_desc *op)
{
	return op->who == WHO_USER && (op->how & HOW_PUSH) == 0 && op->number != OP_STREAM_ATTACH &&
	       op->number != OP_DEVICE_REVOKE && op->number != OP_SUM;
}

/* One request and its answer. */
static void
one(struct any *a)
{
	const struct op_desc *op = &op_table[pick(a, (unsigned)op_table_count)];
	union m_any req, rep;

	if (!is_asked(op))
		return;
	memset(&req, 0, sizeof(req));
	buf_clear(&a->lists);
	buf_clear(&a->bulk);
	assert_non_null(buf_reserve(&a->lists, 4096));
	fill(a, op->request, &req);
	if (op->how & HOW_CHANGE)
		change_set_numbers(&req, (struct change_numbers){a->p.seq + 1, a->p.seq});
	if (op->number == OP_BLOB_PUT) {
		req.blob_put_req.tag = ++a->tag;
		assert_int_equal(buf_append(&a->bulk, "some bytes of a blob", 1 + pick(a, 20)), 0);
	}
	if ((op->how & HOW_BULK_IN) == 0)
		buf_clear(&a->bulk);
	peer_send(&a->p, op->number, pick(a, 20) == 0 ? FRAME_DURABLE : 0, &req, a->bulk.data,
		  a->bulk.len);
	if (peer_wait(&a->p, a->p.number, &rep) == 0 && op->number == OP_CREATE)
		a->made[a->made_count++ % 64] = rep.attr_rep.attr.ino;
	if (op->how & HOW_CHANGE)
		a->p.seq++;
	if (op->number == OP_BLOB_PUT)
		a->blobs[0] = rep.blob_put_rep.blob;
	if (a->p.next_ino + 100 > a->p.end_ino)
		peer_attach(&a->p, &a->stream, false);
}

static void
report(void *arg, const char *fault)
{
	(void)arg;
	print_error("%s\n", fault);
}

/* The same each time, unless somebody looks for more. */
static unsigned
first_seed(void)
{
	const char *text = getenv("CFS_TEST_SEED");

	return text ? (unsigned)strtoul(text, NULL, 10) : 20;
}

static void
anything(void **state)
{
	struct servertest *t = *state;
	struct any a = {.seed = first_seed(), .lists = BUF_INIT, .bulk = BUF_INIT};
	struct m_create_req upload = {.type = 1};
	struct m_attr_rep rep;
	struct m_attr mine, after;
	struct buf out = BUF_INIT;
	struct id128 stream = id128_random();
	struct store *s;
	struct peer b;

	print_message("seed %u\n", a.seed);
	peer_start(t, &b, 'b');
	peer_attach(&b, &stream, true);
	assert_int_equal(peer_put(&b, b.home, "f", "bob's own", 9, &mine), 0);
	upload.seq = ++b.seq;
	upload.ino = b.next_ino++;
	assert_int_equal(peer_call(&b, OP_CREATE, &upload, &rep, NULL), 0);
	a.foreign[0] = b.home;
	a.foreign[1] = mine.ino;
	a.foreign[2] = upload.ino;
	peer_start(t, &a.p, 'a');
	a.stream = id128_random();
	peer_attach(&a.p, &a.stream, true);
	for (unsigned i = 0; i < ROUNDS; i++)
		one(&a);
	peer_disconnect(&a.p);
	assert_int_equal(a.p.result, 0);

	assert_int_equal(peer_lookup(&b, b.home, "f", &after), 0);
	assert_int_equal(after.ino, mine.ino);
	assert_int_equal(after.version, mine.version);
	assert_int_equal(after.mode, mine.mode);
	assert_int_equal(after.nlink, mine.nlink);
	assert_int_equal(after.ctime, mine.ctime);
	assert_int_equal(peer_read(&b, &after, 0, &out), 0);
	assert_int_equal(out.len, 9);
	assert_memory_equal(out.data, "bob's own", 9);
	peer_disconnect(&b);
	assert_int_equal(store_open(&t->store_conf, t->shared, &s, NULL), 0);
	assert_int_equal(store_check(s, report, NULL, NULL), 0);
	store_close(s);
	buf_fini(&out);
	buf_fini(&a.lists);
	buf_fini(&a.bulk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(anything),
	};

	return cmocka_run_group_tests_name("session_any", tests, NULL, NULL);
}

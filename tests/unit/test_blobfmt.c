/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/blobfmt.h"

#define FRAME STORE_FRAME_RAW
#define SIZE  (5 * FRAME + 777) /* of the blob that most tests use */

/* A backend in front of another that counts its reads. */
struct counting {
	struct blob_backend base;
	struct blob_backend *inner;
	unsigned reads;
};

static struct blob_backend *
inner(struct blob_backend *b)
{
	return CONTAINER_OF(b, struct counting, base)->inner;
}

static int
counting_put(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	     struct cfs_err *err)
{
	return inner(b)->ops->put(inner(b), id, iov, count, err);
}

static int
counting_read(struct blob_backend *b, const struct id128 *id, uint64_t offset,
	      const struct iovec *iov, int count, struct cfs_err *err)
{
	CONTAINER_OF(b, struct counting, base)->reads++;
	return inner(b)->ops->read(inner(b), id, offset, iov, count, err);
}

static int
counting_size(struct blob_backend *b, const struct id128 *id, uint64_t *out, struct cfs_err *err)
{
	return inner(b)->ops->size(inner(b), id, out, err);
}

static int
counting_remove(struct blob_backend *b, const struct id128 *id, struct cfs_err *err)
{
	return inner(b)->ops->remove(inner(b), id, err);
}

static int
counting_sync_removed(struct blob_backend *b, struct cfs_err *err)
{
	return inner(b)->ops->sync_removed(inner(b), err);
}

static void
counting_idle(struct blob_backend *b)
{
	inner(b)->ops->idle(inner(b));
}

static void
counting_close(struct blob_backend *b)
{
	blob_close(inner(b));
}

static const struct blob_ops counting_ops = {
    .name = "counting",
    .put = counting_put,
    .read = counting_read,
    .size = counting_size,
    .remove = counting_remove,
    .sync_removed = counting_sync_removed,
    .idle = counting_idle,
    .close = counting_close,
};

struct fixture {
	struct counting c;
	struct blob_backend *b;
	struct id128 id; /* SIZE bytes of raw are stored under it */
	unsigned char *raw, *got;
	struct cfs_err err;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint32_t stored;

	if (f == NULL || blob_memory_open(&f->c.inner, NULL) != 0 ||
	    blob_backend_init(&f->c.base, &counting_ops, NULL) != 0)
		return -1;
	f->b = &f->c.base;
	f->id = id128_random();
	f->raw = malloc(STORE_BLOB_MAX);
	f->got = calloc(1, STORE_BLOB_MAX);
	if (f->raw == NULL || f->got == NULL)
		return -1;
	rand_bytes(f->raw, STORE_BLOB_MAX);
	*state = f;
	return blobfmt_write(f->b, &f->id, f->raw, SIZE, &stored, NULL);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	blob_close(f->b);
	free(f->raw);
	free(f->got);
	free(f);
	return 0;
}

static int
read_range(struct fixture *f, uint32_t offset, uint32_t length)
{
	return blobfmt_read(f->b, &f->id, SIZE, offset, length, NULL, f->got, &f->err);
}

/* Puts the stored form back under its id with n bytes at offset changed, cut to keep bytes. */
static void
damage(struct fixture *f, uint32_t offset, size_t n, size_t keep)
{
	unsigned char *bytes = malloc(blobfmt_stored_size(SIZE));
	struct iovec iov = {bytes, 0};
	uint64_t stored = 0;

	assert_non_null(bytes);
	assert_int_equal(blob_size(f->b, &f->id, &stored, NULL), 0);
	iov.iov_len = stored;
	assert_int_equal(blob_read(f->b, &f->id, 0, &iov, 1, NULL), 0);
	assert_int_equal(blob_remove(f->b, &f->id, NULL), 0);
	for (size_t i = 0; i < n; i++)
		bytes[offset + i] ^= 0x10;
	iov.iov_len = keep;
	assert_int_equal(blob_put(f->b, &f->id, &iov, 1, NULL), 0);
	free(bytes);
}

static const uint32_t head = 128; /* of a blob of 6 frames: 40 + 6 * 8, up to a multiple of 64 */

static void
every_size_comes_back(void **state)
{
	static const uint32_t sizes[] = {1,         2,         FRAME - 1,          FRAME,
					 FRAME + 1, 3 * FRAME, STORE_BLOB_MAX - 1, STORE_BLOB_MAX};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct id128 id = id128_random();
		uint32_t stored = 0;
		uint64_t on_disk = 0;

		assert_int_equal(blobfmt_write(f->b, &id, f->raw, sizes[i], &stored, NULL), 0);
		assert_int_equal(stored, blobfmt_stored_size(sizes[i]));
		assert_int_equal(blob_size(f->b, &id, &on_disk, NULL), 0);
		assert_int_equal(stored, on_disk);
		memset(f->got, 0, sizes[i]);
		assert_int_equal(blobfmt_read(f->b, &id, sizes[i], 0, sizes[i], NULL, f->got, NULL),
				 0);
		assert_memory_equal(f->got, f->raw, sizes[i]);
	}
}

static void
every_range_comes_back(void **state)
{
	static const uint32_t edges[] = {0,
					 1,
					 4096,
					 FRAME - 1,
					 FRAME,
					 FRAME + 1,
					 2 * FRAME - 1,
					 3 * FRAME,
					 5 * FRAME - 1,
					 5 * FRAME,
					 SIZE - 1,
					 SIZE};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		for (size_t j = i + 1; j < ARRAY_SIZE(edges); j++) {
			uint32_t n = edges[j] - edges[i];

			if ((i + j) % 2 == 0)
				blob_idle(f->b);
			f->got[n] = 0xa5;
			assert_int_equal(read_range(f, edges[i], n), 0);
			assert_memory_equal(f->got, f->raw + edges[i], n);
			assert_int_equal(f->got[n], 0xa5);
		}
	}
}

static void
impossible_ranges_are_refused(void **state)
{
	struct fixture *f = *state;
	struct id128 id = id128_random();
	uint32_t stored;

	assert_int_equal(read_range(f, 0, 0), CFS_EINVAL);
	assert_int_equal(read_range(f, SIZE, 1), CFS_EINVAL);
	assert_int_equal(read_range(f, SIZE - 1, 2), CFS_EINVAL);
	assert_int_equal(read_range(f, 1, UINT32_MAX), CFS_EINVAL);
	assert_int_equal(blobfmt_write(f->b, &id, f->raw, 0, &stored, NULL), CFS_EINVAL);
	assert_int_equal(blobfmt_write(f->b, &id, f->raw, STORE_BLOB_MAX + 1, &stored, NULL),
			 CFS_EINVAL);
}

/* The bytes of the format, so that it never changes by accident. */
static void
the_format_is_this(void **state)
{
	static const char expected[] = "43465362"
				       "0100"
				       "0000"
				       "05000000"
				       "45000000"
				       "00112233445566778899aabbccddeeff"
				       "c3a97c4f"
				       "d15c4939"
				       "40000000"
				       "4cbb719a"
				       "00000000000000000000000000000000"
				       "68656c6c6f";
	struct fixture *f = *state;
	unsigned char bytes[128];
	char hex[HEX_SIZE(128)];
	struct iovec iov = {bytes, 69};
	struct id128 id;
	uint32_t stored = 0;

	assert_int_equal(id128_parse(&id, "00112233445566778899aabbccddeeff"), 0);
	assert_int_equal(blobfmt_write(f->b, &id, "hello", 5, &stored, NULL), 0);
	assert_int_equal(stored, 69);
	assert_int_equal(blob_read(f->b, &id, 0, &iov, 1, NULL), 0);
	hex_encode(hex, bytes, 69);
	assert_string_equal(hex, expected);
}

static void
a_damaged_frame_takes_only_its_range(void **state)
{
	struct fixture *f = *state;

	damage(f, head + 2 * FRAME + 100, 1, blobfmt_stored_size(SIZE));
	assert_int_equal(read_range(f, 0, SIZE), CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "bytes 131072-196607 of it"));
	assert_int_equal(read_range(f, 2 * FRAME, 1), CFS_ECORRUPT);
	assert_int_equal(read_range(f, 2 * FRAME - 1, 2), CFS_ECORRUPT);
	assert_int_equal(read_range(f, 3 * FRAME - 1, 2), CFS_ECORRUPT);
	assert_int_equal(read_range(f, 0, 2 * FRAME), 0);
	assert_memory_equal(f->got, f->raw, 2 * FRAME);
	assert_int_equal(read_range(f, 3 * FRAME, SIZE - 3 * FRAME), 0);
	assert_memory_equal(f->got, f->raw + 3 * FRAME, SIZE - 3 * FRAME);
}

static void
damaged_neighbours_are_told_together(void **state)
{
	struct fixture *f = *state;

	damage(f, head + 2 * FRAME - 1, 2, blobfmt_stored_size(SIZE));
	assert_int_equal(read_range(f, 0, SIZE), CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "bytes 65536-196607 of it"));
}

static void
the_last_frame_is_named_to_its_end(void **state)
{
	struct fixture *f = *state;

	damage(f, blobfmt_stored_size(SIZE) - 1, 1, blobfmt_stored_size(SIZE));
	assert_int_equal(read_range(f, SIZE - 1, 1), CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "bytes 327680-328456 of it"));
	assert_int_equal(read_range(f, 0, 5 * FRAME), 0);
}

/* No byte of header, table and padding may change unseen. */
static void
any_damage_of_the_head_is_seen(void **state)
{
	struct fixture *f = *state;

	for (uint32_t at = 0; at < head; at++) {
		damage(f, at, 1, blobfmt_stored_size(SIZE));
		assert_int_equal(read_range(f, 3 * FRAME + 5, 10), CFS_ECORRUPT);
		assert_non_null(strstr(f->err.text, "bytes 0-328456 of it"));
		damage(f, at, 1, blobfmt_stored_size(SIZE));
		assert_int_equal(read_range(f, 3 * FRAME + 5, 10), 0);
	}
}

static void
what_is_left_of_a_cut_blob_is_read(void **state)
{
	struct fixture *f = *state;

	damage(f, 0, 0, head + 3 * FRAME + 10);
	assert_int_equal(read_range(f, 0, SIZE), CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "bytes 196618-328456 of it"));
	assert_int_equal(read_range(f, 3 * FRAME, 5), CFS_ECORRUPT);
	assert_int_equal(read_range(f, FRAME + 1, 2 * FRAME - 1), 0);
	assert_memory_equal(f->got, f->raw + FRAME + 1, 2 * FRAME - 1);
	damage(f, 0, 0, 1);
	assert_int_equal(read_range(f, 0, 1), CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "bytes 0-328456 of it"));
}

static void
another_length_or_blob_is_seen(void **state)
{
	struct fixture *f = *state;
	struct id128 other = id128_random();
	uint32_t stored = blobfmt_stored_size(SIZE);
	unsigned char *bytes = malloc(stored);
	struct iovec iov = {bytes, stored};

	for (int known = 0; known < 2; known++) {
		assert_int_equal(blobfmt_read(f->b, &f->id, SIZE - 1, 0, 1, NULL, f->got, &f->err),
				 CFS_ECORRUPT);
		assert_int_equal(read_range(f, 0, 1), 0);
	}
	assert_non_null(bytes);
	assert_int_equal(blob_read(f->b, &f->id, 0, &iov, 1, NULL), 0);
	assert_int_equal(blob_put(f->b, &other, &iov, 1, NULL), 0);
	assert_int_equal(blobfmt_read(f->b, &other, SIZE, 0, 1, NULL, f->got, &f->err),
			 CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "another blob"));
	free(bytes);
}

static void
the_hash_is_of_the_whole_blob(void **state)
{
	struct fixture *f = *state;
	struct sha256 hash;

	assert_int_equal(sha256_once(NULL, f->raw, SIZE, &hash), 0);
	assert_int_equal(blobfmt_read(f->b, &f->id, SIZE, 0, SIZE, &hash, f->got, NULL), 0);
	assert_memory_equal(f->got, f->raw, SIZE);
	assert_int_equal(blobfmt_read(f->b, &f->id, SIZE, 70000, 9, &hash, f->got, NULL), 0);
	assert_memory_equal(f->got, f->raw + 70000, 9);
	hash.b[31] ^= 1;
	assert_int_equal(blobfmt_read(f->b, &f->id, SIZE, 0, SIZE, &hash, f->got, &f->err),
			 CFS_ECORRUPT);
	assert_int_equal(blobfmt_read(f->b, &f->id, SIZE, 9, 1, &hash, f->got, &f->err),
			 CFS_ECORRUPT);
	assert_non_null(strstr(f->err.text, "SHA-256"));
}

static void
reads_are_few(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_range(f, 0, SIZE), 0);
	assert_int_equal(f->c.reads, 1);
	blob_idle(f->b);
	assert_int_equal(read_range(f, 2 * FRAME + 5, 4096), 0);
	assert_int_equal(f->c.reads, 3);
	assert_int_equal(read_range(f, 4 * FRAME - 5, 4096), 0);
	assert_int_equal(f->c.reads, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_size_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_range_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(impossible_ranges_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_format_is_this, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_damaged_frame_takes_only_its_range, setup, teardown),
	    cmocka_unit_test_setup_teardown(damaged_neighbours_are_told_together, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_last_frame_is_named_to_its_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(any_damage_of_the_head_is_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_left_of_a_cut_blob_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_length_or_blob_is_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_hash_is_of_the_whole_blob, setup, teardown),
	    cmocka_unit_test_setup_teardown(reads_are_few, setup, teardown),
	};

	return cmocka_run_group_tests_name("blobfmt", tests, NULL, NULL);
}

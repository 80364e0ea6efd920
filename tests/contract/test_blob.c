/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every keeper of blobs must do: one suite, run over each backend. */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/blob.h"
#include "store/blobfmt.h"

struct fixture {
	struct blob_backend *b;
	char folder[256]; /* of the directory backend, or empty */
};

static int
memory_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL || blob_memory_open(&f->b, NULL) != 0)
		return -1;
	*state = f;
	return 0;
}

static int
dir_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");
	int fd;

	if (f == NULL)
		return -1;
	snprintf(f->folder, sizeof(f->folder), "%s/blob.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || blob_dir_create(fd, NULL) != 0 || blob_dir_open(fd, &f->b, NULL) != 0)
		return -1;
	close(fd);
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	blob_close(f->b);
	if (f->folder[0] != '\0')
		nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static struct blob_backend *
backend(void **state)
{
	const struct fixture *f = *state;

	return f->b;
}

static void
put_text(struct blob_backend *b, const struct id128 *id, char *text)
{
	struct iovec iov = {text, strlen(text)};
	struct cfs_err err = CFS_ERR_INIT;

	assert_int_equal(blob_put(b, id, &iov, 1, &err), 0);
}

static void
what_was_put_is_read(void **state)
{
	struct id128 id = id128_random();
	char first[] = "one ", nothing[] = "", second[] = "and two", a[16] = "", c[16] = "";
	struct iovec in[] = {{first, 4}, {nothing, 0}, {second, 7}};
	struct iovec out[] = {{a, 3}, {c, 8}};
	uint64_t size = 0;

	assert_int_equal(blob_put(backend(state), &id, in, 3, NULL), 0);
	assert_int_equal(blob_size(backend(state), &id, &size, NULL), 0);
	assert_int_equal(size, 11);
	assert_int_equal(blob_read(backend(state), &id, 0, out, 2, NULL), 0);
	assert_string_equal(a, "one");
	assert_string_equal(c, " and two");
	out[0].iov_len = 2;
	out[1].iov_len = 1;
	assert_int_equal(blob_read(backend(state), &id, 8, out, 2, NULL), 0);
	assert_string_equal(a, "twe");
	assert_string_equal(c, "oand two");
}

static void
an_id_is_used_once(void **state)
{
	struct id128 id = id128_random();
	char old[] = "old", new[] = "new", got[4] = "";
	struct iovec in = {new, 3}, out = {got, 3};
	struct cfs_err err = CFS_ERR_INIT;
	char hex[ID128_HEX_SIZE];

	put_text(backend(state), &id, old);
	assert_int_equal(blob_put(backend(state), &id, &in, 1, &err), CFS_EEXIST);
	assert_non_null(strstr(err.text, id128_hex(hex, &id)));
	assert_int_equal(blob_read(backend(state), &id, 0, &out, 1, NULL), 0);
	assert_string_equal(got, "old");
}

static void
absent_and_short_are_told_apart(void **state)
{
	struct id128 id = id128_random(), other = id128_random();
	char text[] = "0123456789", got[16];
	struct iovec out = {got, 4};
	uint64_t size;

	put_text(backend(state), &id, text);
	assert_int_equal(blob_read(backend(state), &other, 0, &out, 1, NULL), CFS_ENOENT);
	assert_int_equal(blob_size(backend(state), &other, &size, NULL), CFS_ENOENT);
	assert_int_equal(blob_read(backend(state), &id, 7, &out, 1, NULL), CFS_ECORRUPT);
	assert_int_equal(blob_read(backend(state), &id, 10, &out, 1, NULL), CFS_ECORRUPT);
	assert_int_equal(blob_read(backend(state), &id, 4000, &out, 1, NULL), CFS_ECORRUPT);
	assert_int_equal(blob_read(backend(state), &id, 6, &out, 1, NULL), 0);
}

static void
removed_is_gone_and_twice_is_fine(void **state)
{
	struct id128 id = id128_random();
	char text[] = "x", got;
	struct iovec out = {&got, 1};
	uint64_t size;

	put_text(backend(state), &id, text);
	assert_int_equal(blob_read(backend(state), &id, 0, &out, 1, NULL), 0);
	assert_int_equal(blob_remove(backend(state), &id, NULL), 0);
	assert_int_equal(blob_sync_removed(backend(state), NULL), 0);
	assert_int_equal(blob_read(backend(state), &id, 0, &out, 1, NULL), CFS_ENOENT);
	assert_int_equal(blob_size(backend(state), &id, &size, NULL), CFS_ENOENT);
	assert_int_equal(blob_remove(backend(state), &id, NULL), 0);
}

static void
nonsense_is_refused(void **state)
{
	struct id128 id = id128_random(), zero = {{0}};
	char text[] = "x";
	struct iovec in = {text, 1}, empty = {text, 0}, many[BLOB_IOV_MAX + 1];
	struct iovec huge[] = {{text, SIZE_MAX}, {text, 2}};

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = in;
	assert_int_equal(blob_put(backend(state), &zero, &in, 1, NULL), CFS_EINVAL);
	assert_int_equal(blob_put(backend(state), &id, &in, 0, NULL), CFS_EINVAL);
	assert_int_equal(blob_put(backend(state), &id, &empty, 1, NULL), CFS_EINVAL);
	assert_int_equal(blob_put(backend(state), &id, many, BLOB_IOV_MAX + 1, NULL), CFS_EINVAL);
	assert_int_equal(blob_put(backend(state), &id, huge, 2, NULL), CFS_EINVAL);
	assert_int_equal(blob_read(backend(state), &id, UINT64_MAX, &in, 1, NULL), CFS_EINVAL);
	assert_int_equal(blob_read(backend(state), &id, 0, &in, 1, NULL), CFS_ENOENT);
	assert_int_equal(blob_put(backend(state), &id, many, BLOB_IOV_MAX, NULL), 0);
}

static void
large_ones_arrive_whole(void **state)
{
	const size_t n = STORE_BLOB_MAX + 4096;
	struct id128 id = id128_random();
	unsigned char *in = malloc(n), *out = calloc(1, n);
	struct iovec parts[] = {{in, 100}, {in + 100, n - 100}}, whole = {out, n};

	assert_non_null(in);
	assert_non_null(out);
	rand_bytes(in, n);
	assert_int_equal(blob_put(backend(state), &id, parts, 2, NULL), 0);
	assert_int_equal(blob_read(backend(state), &id, 0, &whole, 1, NULL), 0);
	assert_memory_equal(in, out, n);
	free(in);
	free(out);
}

/* Waiting for nothing, a read gives what was put, or says that it would have to wait; what is wrong is for the other to tell. */
static void
reads_that_do_not_wait(void **state)
{
	enum { LENGTH = 300000 };
	struct id128 id = id128_random(), absent = id128_random();
	unsigned char *raw = malloc(LENGTH), got[5000];
	unsigned there = 0;
	uint32_t stored;

	assert_non_null(raw);
	for (size_t i = 0; i < LENGTH; i++)
		raw[i] = (unsigned char)(i * 31 >> 5);
	assert_int_equal(blobfmt_write(backend(state), &id, raw, LENGTH, &stored, NULL), 0);
	assert_int_equal(blobfmt_read(backend(state), &id, LENGTH, 0, 1, NULL, got, NULL), 0);
	for (uint32_t at = 0; at < LENGTH; at += 4999) {
		uint32_t n = LENGTH - at < sizeof(got) ? LENGTH - at : sizeof(got);
		int rc = blobfmt_read_now(backend(state), &id, LENGTH, at, n, got);

		if (rc == 0) {
			assert_memory_equal(got, raw + at, n);
			there++;
		} else {
			assert_int_equal(rc, CFS_EBUSY);
		}
	}
	print_message("%u of 61 reads found it in memory\n", there);
	assert_int_equal(blobfmt_read_now(backend(state), &id, LENGTH, LENGTH - 1, 2, got),
			 CFS_EBUSY);
	assert_int_equal(blobfmt_read_now(backend(state), &id, LENGTH + 1, 0, 2, got), CFS_EBUSY);
	assert_int_equal(blobfmt_read_now(backend(state), &absent, LENGTH, 0, 2, got), CFS_EBUSY);
	free(raw);
}

static void
reads_go_on_after_idling(void **state)
{
	struct id128 id = id128_random();
	char text[] = "x", got = 0;
	struct iovec out = {&got, 1};

	put_text(backend(state), &id, text);
	assert_int_equal(blob_read(backend(state), &id, 0, &out, 1, NULL), 0);
	blob_idle(backend(state));
	assert_int_equal(blob_read(backend(state), &id, 0, &out, 1, NULL), 0);
	assert_int_equal(got, 'x');
}

static void
space_is_told(void **state)
{
	uint64_t total = 0, left = 0;

	assert_int_equal(blob_space(backend(state), &total, &left, NULL), 0);
	assert_true(total > 0);
	assert_true(left <= total);
}

/* More blobs than descriptors are kept, by several threads that read one another's. */
#define THREADS 4
#define ROUNDS  24

struct crowd {
	struct blob_backend *b;
	struct id128 ids[THREADS][ROUNDS];
	pthread_barrier_t halfway;
};
struct member {
	struct crowd *crowd;
	unsigned self;
	bool failed;
};

static bool
read_number(struct blob_backend *b, const struct id128 *id, uint64_t expected)
{
	uint64_t got = 0;
	struct iovec out = {&got, sizeof(got)};

	return blob_read(b, id, 0, &out, 1, NULL) == 0 && got == expected;
}

static void *
member_run(void *arg)
{
	struct member *m = arg;
	struct crowd *c = m->crowd;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t value = m->self * 1000 + i;
		struct iovec in = {&value, sizeof(value)};

		m->failed |= blob_put(c->b, &c->ids[m->self][i], &in, 1, NULL) != 0;
	}
	pthread_barrier_wait(&c->halfway);
	for (unsigned i = 0; i < THREADS * ROUNDS; i++) {
		unsigned who = (m->self + i) % THREADS, which = i / THREADS;

		m->failed |= !read_number(c->b, &c->ids[who][which], who * 1000 + which);
	}
	pthread_barrier_wait(&c->halfway);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t size;

		m->failed |= blob_remove(c->b, &c->ids[m->self][i], NULL) != 0;
		m->failed |= blob_size(c->b, &c->ids[m->self][i], &size, NULL) != CFS_ENOENT;
	}
	return NULL;
}

static void
threads_share_it(void **state)
{
	struct crowd c = {.b = backend(state)};
	struct member members[THREADS];
	pthread_t threads[THREADS];

	assert_int_equal(pthread_barrier_init(&c.halfway, NULL, THREADS), 0);
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < ROUNDS; i++) {
			c.ids[t][i] = id128_random();
			c.ids[t][i].b[0] = (unsigned char)(i % 2); /* few folders */
		}
	for (unsigned t = 0; t < THREADS; t++) {
		members[t] = (struct member){.crowd = &c, .self = t};
		assert_int_equal(pthread_create(&threads[t], NULL, member_run, &members[t]), 0);
	}
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	for (unsigned t = 0; t < THREADS; t++)
		assert_false(members[t].failed);
	pthread_barrier_destroy(&c.halfway);
}

static int
run(const char *backend_name, CMFixtureFunction setup)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_put_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_id_is_used_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(absent_and_short_are_told_apart, setup, teardown),
	    cmocka_unit_test_setup_teardown(removed_is_gone_and_twice_is_fine, setup, teardown),
	    cmocka_unit_test_setup_teardown(nonsense_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_ones_arrive_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(reads_that_do_not_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(reads_go_on_after_idling, setup, teardown),
	    cmocka_unit_test_setup_teardown(space_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(threads_share_it, setup, teardown),
	};

	return cmocka_run_group_tests_name(backend_name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run("blob: memory", memory_setup);

	failed += run("blob: dir", dir_setup);
	return failed == 0 ? 0 : 1;
}

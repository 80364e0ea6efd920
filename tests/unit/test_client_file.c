/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Open files: what is read and written in any order is what a local file would hold. */

#include "clienttest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static struct cfs_file *
create_file(struct cfs *c, const char *name, struct cfs_attr *attr)
{
	const struct cfs_identity *who = cfs_whoami(c);
	struct cfs_create a = {.dir = {.ino = who->home, .gen = who->gen},
			       .name = name,
			       .type = CFS_FILE,
			       .mode = 0644};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_file *f;

	if (cfs_create(c, &a, CFS_VISIBLE, NULL, attr, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(cfs_file_open(c, attr, true, &f, &err), 0);
	return f;
}

static void
sequential(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = make_bytes(19 * MIB + 7, 5);
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);

	for (size_t at = 0; at < 19 * MIB + 7; at += 100000) {
		size_t n = 19 * MIB + 7 - at < 100000 ? 19 * MIB + 7 - at : 100000;

		write_at(f, p + at, n, at);
	}
	assert_int_equal(cfs_file_size(f), 19 * MIB + 7);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.size, 19 * MIB + 7);
	assert_int_equal(cfs_file_fsync(f, &err), 0);
	assert_int_equal(cfs_file_close(f, &err), 0);
	f = open_file(c, "f", false);
	for (size_t at = 0; at < 19 * MIB + 7; at += 131072) {
		size_t n = 19 * MIB + 7 - at < 131072 ? 19 * MIB + 7 - at : 131072;

		expect_at(f, p + at, n, at);
	}
	assert_int_equal(cfs_file_pread(f, p, 10, 19 * MIB + 7, &err), 0);
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(p);
	cfs_close(c);
}

/* Written backwards in pieces that nothing joins, as a database does: read on, the answers are shorter than what was asked for. */
static void
many_pieces(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = make_bytes(4 * MIB, 6);
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);

	for (size_t at = 4 * MIB; at > 0; at -= KIB)
		write_at(f, p + at - KIB, KIB, at - KIB);
	assert_int_equal(cfs_file_close(f, &err), 0);
	f = open_file(c, "f", false);
	for (size_t at = 0; at < 4 * MIB; at += 131072)
		expect_at(f, p + at, 131072, at);
	expect_at(f, p, 4 * MIB, 0);
	assert_int_equal(cfs_file_close(f, &err), 0);
	expect_content(c, "f", 4 * MIB, 6);
	free(p);
	cfs_close(c);
}

/* A shadow in memory says what must be there, whatever the order of writes, reads, truncations and flushes. */
static void
any_order(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	const size_t max = 3 * MIB;
	unsigned char *shadow = calloc(1, max), *noise = make_bytes(max, 9);
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);
	size_t size = 0;
	unsigned seed = 4711;

	assert_non_null(shadow);
	for (unsigned i = 0; i < 1500; i++) {
		size_t at = (size_t)rand_r(&seed) % (max - 70000);
		size_t n = 1 + (size_t)rand_r(&seed) % (i % 7 == 0 ? 69000 : 5000);

		switch (rand_r(&seed) % 8) {
		case 0:
			if (size > 0) {
				at %= size;
				n = n < size - at ? n : size - at;
				expect_at(f, shadow + at, n, at);
			}
			break;
		case 1:
			if (i % 10 == 0) {
				struct cfs_setattr s = {.ref = attr.ref, .valid = 8, .size = at};

				assert_int_equal(cfs_setattr(c, &s, CFS_VISIBLE, NULL, &err), 0);
				assert_int_equal(cfs_file_truncate(f, at, &err), 0);
				if (at < size)
					memset(shadow + at, 0, size - at);
				size = at;
			}
			break;
		case 2:
			if (i % 5 == 0)
				assert_int_equal(cfs_file_flush(f, NULL, &err), 0);
			break;
		default:
			write_at(f, noise + at, n, at);
			memcpy(shadow + at, noise + at, n);
			size = size > at + n ? size : at + n;
		}
		assert_int_equal(cfs_file_size(f), size);
	}
	assert_int_equal(cfs_file_close(f, &err), 0);
	f = open_file(c, "f", false);
	assert_int_equal(cfs_file_size(f), size);
	expect_at(f, shadow, size, 0);
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(shadow);
	free(noise);
	cfs_close(c);
}

static void
times_stay(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);
	struct cfs_setattr s = {.ref = attr.ref, .valid = 32, .mtime_ns = 1234567890};

	write_at(f, "hello", 5, 0);
	assert_int_equal(cfs_setattr(c, &s, CFS_VISIBLE, &attr, &err), 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.mtime_ns, 1234567890);
	assert_int_equal(attr.size, 5);
	assert_int_equal(cfs_file_close(f, &err), 0);
	cfs_close(c);
}

/* What nobody may: found out when it is sent, told by the next call, and not again. */
static void
tells_errors_once(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs_file *f;
	char two[2];

	assert_int_equal(put_bytes(c, "f", 100, 1), 0);
	cfs_close(c);
	c = client_start(*state, 'b', NULL);
	assert_int_equal(cfs_stat(c, "/alice/f", false, &attr, &err), 0);
	assert_int_equal(cfs_file_open(c, &attr, true, &f, &err), 0);
	write_at(f, "x", 1, 0);
	/* A read that meets it does not take it from the one who has to know. */
	assert_int_equal(cfs_file_pread(f, two, 2, 0, &err), CFS_EDENIED);
	assert_int_equal(cfs_file_flush(f, NULL, &err), CFS_EDENIED);
	assert_int_equal(cfs_file_flush(f, NULL, &err), 0);
	assert_int_equal(cfs_file_close(f, &err), 0);
	cfs_close(c);
}

struct reader {
	struct cfs_file *f;
	const unsigned char *want;
	size_t size;
	unsigned seed;
	bool ok;
};

static void *
read_about(void *arg)
{
	struct reader *r = arg;
	unsigned char *have = malloc(200000);

	r->ok = have != NULL;
	for (unsigned i = 0; i < 200 && r->ok; i++) {
		size_t at =
		    i % 3 == 0 ? (size_t)rand_r(&r->seed) % r->size : (size_t)i * 131072 % r->size;
		size_t n = 1 + (size_t)rand_r(&r->seed) % 199999;

		n = n < r->size - at ? n : r->size - at;
		r->ok = cfs_file_pread(r->f, have, n, at, NULL) == (ssize_t)n &&
			memcmp(have, r->want + at, n) == 0;
	}
	free(have);
	return NULL;
}

static void
many_readers(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = make_bytes(9 * MIB, 3);
	struct reader r[4];
	pthread_t threads[4];

	assert_int_equal(put_bytes(c, "f", 9 * MIB, 3), 0);
	struct cfs_file *f = open_file(c, "f", false);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){.f = f, .want = p, .size = 9 * MIB, .seed = i};
		assert_int_equal(pthread_create(&threads[i], NULL, read_about, &r[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(r[i].ok);
	}
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(p);
	cfs_close(c);
}

static void
survives_cuts(void **state)
{
	struct clienttest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = make_bytes(16 * MIB, 8);
	struct cfs_attr attr;

	for (unsigned i = 0; i < 4; i++) {
		struct cfs *c;
		struct cfs_file *f;
		char name[16];

		(void)snprintf(name, sizeof(name), "f%u", i);
		atomic_store(&t->cut_sent, 5 * MIB * (i % 3 + 1) - 1000 * i);
		c = client_start(t, 'a', NULL);
		f = create_file(c, name, &attr);
		for (size_t at = 0; at < 16 * MIB; at += 65536)
			write_at(f, p + at, 65536, at);
		if (cfs_file_close(f, &err) < 0)
			fail_msg("%s", err.text);
		cfs_close(c);
		atomic_store(&t->cut_received, 5 * MIB * (i % 3 + 1) - 1000 * i);
		c = client_start(t, 'a', NULL);
		f = open_file(c, name, false);
		for (size_t at = 0; at < 16 * MIB; at += 65536)
			expect_at(f, p + at, 65536, at);
		assert_int_equal(cfs_file_close(f, &err), 0);
		cfs_close(c);
	}
	assert_true(t->dialled >= 16);
	free(p);
}

/* A mount hears of a change while a program writes: what was written is not cut off. */
static void
keeps_what_was_written(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *p = make_bytes(64 * KIB, 7);
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);

	write_at(f, p, 1000, 0);
	cfs_file_changed(f, 10);
	assert_int_equal(cfs_file_size(f), 1000);
	expect_at(f, p, 1000, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.size, 1000);
	expect_at(f, p, 1000, 0);
	cfs_file_changed(f, 10);
	assert_int_equal(cfs_file_size(f), 10);
	assert_int_equal(cfs_file_close(f, &err), 0);
	free(p);
	cfs_close(c);
}

/* What an earlier write answered is not told on after another kind of change. */
static void
tells_new_times(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);
	int64_t ctime;

	write_at(f, "one", 3, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	ctime = attr.ctime_ns;
	assert_int_equal(cfs_setxattr(c, attr.ref, "user.a", "1", 1, false, false, &err), 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_true(attr.ctime_ns > ctime);
	ctime = attr.ctime_ns;
	write_at(f, "two", 3, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(cfs_removexattr(c, attr.ref, "user.a", &err), 0);
	ctime = attr.ctime_ns;
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_true(attr.ctime_ns > ctime);
	write_at(f, "six", 3, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(cfs_copy_range(c, attr.ref, 0, 3, attr.ref, 3, NULL, &err), 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.size, 6);
	assert_int_equal(cfs_file_close(f, &err), 0);
	cfs_close(c);
}

/* A link that goes changes the number of links of a file that its name alone does not tell. */
static void
counts_links_after_writing(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	const struct cfs_identity *who = cfs_whoami(c);
	const struct cfs_ref home = {.ino = who->home, .gen = who->gen};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs_file *f = create_file(c, "f", &attr);

	write_at(f, "one", 3, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(cfs_link(c, attr.ref, home, "g", CFS_VISIBLE, NULL, &err), 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.nlink, 2);
	write_at(f, "two", 3, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(cfs_unlink(c, home, "f", false, CFS_VISIBLE, NULL, &err), 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.nlink, 1);
	write_at(f, "six", 3, 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	/* Renamed over by another file. */
	assert_int_equal(cfs_file_close(create_file(c, "h", &attr), &err), 0);
	assert_int_equal(cfs_rename(c, home, "h", home, "g", false, false, CFS_VISIBLE, &err), 0);
	assert_int_equal(cfs_file_flush(f, &attr, &err), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(cfs_file_close(f, &err), 0);
	cfs_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(sequential, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(many_pieces, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(any_order, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(times_stay, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(tells_errors_once, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(many_readers, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(keeps_what_was_written, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(tells_new_times, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(counts_links_after_writing, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(survives_cuts, clienttest_setup, clienttest_teardown),
	};

	return cmocka_run_group_tests_name("client files", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What open files gather and send has one bound, however many are written, and what one gathered and left gives way. */

#include "clienttest.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "client/conn.h"
#include "client/file.h"

#define MIB ((size_t)1024 * 1024)

static struct cfs_file *
create_file(struct cfs *c, const char *name)
{
	const struct cfs_identity *who = cfs_whoami(c);
	struct cfs_create make = {.dir = {.ino = who->home, .gen = who->gen},
				  .name = name,
				  .type = CFS_FILE,
				  .mode = 0644};
	struct cfs_file *f;
	struct cfs_attr a;

	assert_int_equal(cfs_create(c, &make, CFS_VISIBLE, NULL, &a, NULL), 0);
	assert_int_equal(cfs_file_open(c, &a, true, &f, NULL), 0);
	return f;
}

static bool
is_bounded(struct cfs *c)
{
	pthread_mutex_lock(&c->lock);
	size_t all = c->write_bytes, gathered = c->gather_bytes;
	pthread_mutex_unlock(&c->lock);
	return gathered <= all && all <= FILE_WRITES_MAX;
}

static void
write_part(struct cfs_file *f, const unsigned char *p, size_t n, uint64_t at)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (cfs_file_pwrite(f, p + at, n, at, &err) != (ssize_t)n)
		fail_msg("%s", err.text);
}

/* A blob's own answer may be behind that of the change that names it. */
static void
expect_none(struct cfs *c)
{
	uint64_t until = now_mono_ns() + 60 * (uint64_t)NS_PER_S;
	struct cfs_space space;
	size_t left = 1;

	while (left > 0 && now_mono_ns() < until) {
		assert_int_equal(cfs_statfs(c, &space, NULL), 0);
		pthread_mutex_lock(&c->lock);
		left = c->write_bytes;
		pthread_mutex_unlock(&c->lock);
	}
	assert_int_equal(left, 0);
	assert_int_equal(c->gather_bytes, 0);
}

static void
close_and_expect(struct cfs *c, struct cfs_file *f, const char *name, size_t size, unsigned seed)
{
	assert_int_equal(cfs_file_close(f, NULL), 0);
	expect_content(c, name, size, seed);
}

/* More files than there is room for, each of them left with something gathered again and again. */
static void
many_files(void **state)
{
	enum { FILES = 200, PART = 65536, PARTS = 3 };
	struct cfs *c = client_start(*state, 'a', NULL);
	unsigned char *p = make_bytes((size_t)PART * PARTS, 4);
	struct cfs_file *f[FILES];
	char name[16];

	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		f[i] = create_file(c, name);
	}
	for (size_t part = 0; part < PARTS; part++) {
		for (int i = 0; i < FILES; i++) {
			write_part(f[i], p, PART, part * PART);
			assert_true(is_bounded(c));
			assert_in_range(c->gather_bytes, 0, FILE_GATHER_MAX);
		}
	}
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		close_and_expect(c, f[i], name, (size_t)PART * PARTS, 4);
	}
	expect_none(c);
	free(p);
	cfs_close(c);
}

/* The one that was written longest ago, and no other. */
static void
oldest_gives_way(void **state)
{
	enum { FILES = FILE_GATHER_MAX / (1024 * 1024) };
	struct cfs *c = client_start(*state, 'a', NULL);
	unsigned char *p = make_bytes(MIB, 5);
	struct cfs_file *f[FILES + 1];
	char name[16];

	for (int i = 0; i <= FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		f[i] = create_file(c, name);
	}
	for (int i = 0; i < FILES; i++)
		write_part(f[i], p, MIB, 0);
	write_part(f[0], p, 1, 0);
	for (int i = 0; i < FILES; i++)
		assert_true(f[i]->gathered);
	write_part(f[FILES], p, MIB, 0);
	for (int i = 0; i <= FILES; i++)
		assert_int_equal(f[i]->gathered, i != 1);
	for (int i = 0; i <= FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		close_and_expect(c, f[i], name, MIB, 5);
	}
	free(p);
	cfs_close(c);
}

struct writer {
	struct cfs *c;
	struct cfs_file *f;
	const unsigned char *p;
	size_t size;
	bool appends;
	unsigned
	    good; /* writes after which all was well; a thread of its own must not end the test */
	pthread_t thread;
};

static void *
write_on(void *arg)
{
	struct writer *w = arg;

	for (size_t at = 0; at < w->size; at += MIB) {
		ssize_t n = w->appends ? cfs_file_append(w->f, w->p + at, MIB, NULL)
				       : cfs_file_pwrite(w->f, w->p + at, MIB, at, NULL);

		w->good += n == (ssize_t)MIB && is_bounded(w->c);
	}
	return NULL;
}

static void
many_writers(void **state)
{
	enum { WRITERS = 24, SIZE = 6 * 1024 * 1024 };
	struct cfs *c = client_start(*state, 'a', NULL);
	unsigned char *p = make_bytes(SIZE, 6);
	struct writer w[WRITERS];
	char name[16];

	for (int i = 0; i < WRITERS; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		w[i] = (struct writer){
		    .c = c, .f = create_file(c, name), .p = p, .size = SIZE, .appends = i % 3 == 0};
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, write_on, &w[i]), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	for (int i = 0; i < WRITERS; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(w[i].good, SIZE / MIB);
		close_and_expect(c, w[i].f, name, SIZE, 6);
	}
	expect_none(c);
	free(p);
	cfs_close(c);
}

static bool
waits_for_room(struct cfs *c)
{
	uint64_t until = now_mono_ns() + 60 * (uint64_t)NS_PER_S;
	bool waits = false;

	while (!waits && now_mono_ns() < until) {
		pthread_mutex_lock(&c->lock);
		waits = atomic_load(&c->room_waiters) > 0 && c->waiters != NULL;
		pthread_mutex_unlock(&c->lock);
		sched_yield();
	}
	return waits;
}

/* All there is was gathered by those who are writing it: who wants room waits for one of them, and for no answer. */
static void
waits_for_busy(void **state)
{
	enum { FILES = FILE_GATHER_MAX / (1024 * 1024), REST = FILE_WRITES_MAX - FILE_GATHER_MAX };
	struct cfs *c = client_start(*state, 'a', NULL);
	unsigned char *p = make_bytes(MIB, 7);
	struct cfs_file *f[FILES];
	struct writer w = {.c = c, .f = create_file(c, "w"), .p = p, .size = MIB};
	char name[16];

	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		f[i] = create_file(c, name);
		write_part(f[i], p, MIB, 0);
	}
	for (int i = 0; i < FILES; i++)
		pthread_mutex_lock(&f[i]->write_lock);
	pthread_mutex_lock(&c->lock);
	c->write_bytes += REST;
	c->gather_bytes += REST;
	pthread_mutex_unlock(&c->lock);
	assert_int_equal(pthread_create(&w.thread, NULL, write_on, &w), 0);
	bool waits = waits_for_room(c);
	pthread_mutex_lock(&c->lock);
	c->write_bytes -= REST;
	c->gather_bytes -= REST;
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < FILES; i++)
		file_let_go(f[i]);
	assert_int_equal(pthread_join(w.thread, NULL), 0);
	assert_true(waits);
	assert_int_equal(w.good, 1);
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		close_and_expect(c, f[i], name, MIB, 7);
	}
	close_and_expect(c, w.f, "w", MIB, 7);
	expect_none(c);
	free(p);
	cfs_close(c);
}

/* What is written and what is read ahead share: much of one leaves less for the other, and never nothing. */
static void
shared_with_reading(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);

	pthread_mutex_lock(&c->lock);
	for (size_t taken = 0; taken <= FILE_MEMORY_MAX; taken += MIB) {
		c->write_bytes = taken;
		assert_in_range(file_ahead_max(c), MIB, FILE_MEMORY_MAX);
		if (taken <= FILE_WRITES_MAX)
			assert_in_range(file_ahead_max(c) + taken, 0, FILE_MEMORY_MAX);
	}
	c->write_bytes = 0;
	pthread_mutex_unlock(&c->lock);
	cfs_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(many_files, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(oldest_gives_way, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(many_writers, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(waits_for_busy, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(shared_with_reading, clienttest_setup,
					    clienttest_teardown),
	};

	return cmocka_run_group_tests_name("client_memory", tests, NULL, NULL);
}

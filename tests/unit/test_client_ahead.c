/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What is asked for ahead of who will read it: it is given out without another question, never old, and bounded. */

#include "clienttest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/conn.h"
#include "client/contents.h"
#include "client/file_segment.h"
#include "client/trust_state.h"

#define KIB     ((size_t)1024)
#define MIB     (1024 * KIB)
#define LONG_MS 10000u
#define ROOM    MIB

struct pair {
	struct clienttest *t;
	struct cfs *a, *b;
	struct cfs_ref home;
};

static void
start_with(struct pair *p, void **state, uint32_t promised_ms)
{
	struct cfs_options ahead = {.promises = true, .content_bytes = ROOM};
	struct cfs_options plain = {.promises = true};

	p->t = *state;
	servertest_promises(p->t->server, promised_ms);
	p->a = client_start(p->t, 'a', &ahead);
	p->b = client_start(p->t, 'a', &plain);
	p->home = (struct cfs_ref){.ino = cfs_whoami(p->a)->home, .gen = cfs_whoami(p->a)->gen};
}

static void
start(struct pair *p, void **state)
{
	start_with(p, state, LONG_MS);
}

static void
end(struct pair *p)
{
	cfs_close(p->a);
	cfs_close(p->b);
}

static struct cfs_file *
open_name(struct cfs *c, struct cfs_ref dir, const char *name, bool writable, struct cfs_attr *a)
{
	struct cfs_file *f;

	assert_int_equal(cfs_lookup(c, dir, name, a, NULL), 0);
	assert_int_equal(cfs_file_open(c, a, writable, &f, NULL), 0);
	return f;
}

static void
write_text(struct cfs *c, struct cfs_ref dir, const char *name, const char *text)
{
	struct cfs_attr a;
	struct cfs_file *f = open_name(c, dir, name, true, &a);

	assert_int_equal(cfs_file_pwrite(f, text, strlen(text), 0, NULL), strlen(text));
	assert_int_equal(cfs_file_close(f, NULL), 0);
}

static void
make_text(struct pair *p, const char *name, const char *text)
{
	struct cfs_create make = {.dir = p->home, .name = name, .type = CFS_FILE, .mode = 0644};
	struct cfs_attr a;

	assert_int_equal(cfs_create(p->b, &make, CFS_VISIBLE, NULL, &a, NULL), 0);
	write_text(p->b, p->home, name, text);
}

static void
expect_text(struct cfs_file *f, const char *text)
{
	char have[256] = "";

	assert_int_equal(cfs_file_pread(f, have, sizeof(have) - 1, 0, NULL), strlen(text));
	assert_string_equal(have, text);
}

/* Until nothing is under way: any call that is asked later is answered later. */
static void
let_arrive(struct pair *p)
{
	struct cfs_space space;

	assert_int_equal(cfs_statfs(p->a, &space, NULL), 0);
}

/* An answer that was under way when the inode was changed is of no use, whenever it comes. */
static void
test_spoiled(void **state)
{
	struct cfs_ref ref = {.ino = 7, .gen = 1}, other = {.ino = 7, .gen = 2};
	struct contents m;
	struct content *e;

	(void)state;
	contents_init(&m, 100);
	for (int clear = 0; clear < 2; clear++) {
		assert_non_null(e = contents_await(&m, ref, 60));
		assert_null(contents_await(&m, ref, 10));
		assert_null(contents_await(&m, (struct cfs_ref){.ino = 8, .gen = 1}, 60));
		if (clear)
			contents_clear(&m);
		else
			contents_drop(&m, 7);
		contents_put(&m, ref, 2, "new", 3);
		assert_int_equal(contents_find(&m, ref)->state, CONTENT_SPOILED);
		contents_arrived(&m, e, 1, 60);
		assert_null(contents_find(&m, ref));
		assert_int_equal(m.bytes, 0);
	}
	contents_put(&m, ref, 1, "first", 5);
	assert_int_equal(contents_find(&m, ref)->len, 5);
	assert_null(contents_find(&m, other));
	contents_fini(&m);
}

static void
test_held(void **state)
{
	struct pair p;
	struct cfs_attr a;

	start(&p, state);
	make_text(&p, "f", "first");
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	cfs_content_ahead(p.a, &a, 1);
	cfs_content_ahead(p.a, &a, 1);
	uint64_t asked = p.a->last_number;
	expect_text(f, "first");
	assert_int_equal(p.a->last_number, asked);
	/* Given out once. */
	expect_text(f, "first");
	assert_int_equal(p.a->last_number, asked + 1);
	assert_int_equal(p.a->trust->memory.contents.bytes, 0);
	assert_int_equal(cfs_file_close(f, NULL), 0);
	end(&p);
}

static void
test_with_look_up(void **state)
{
	struct pair p;
	struct cfs_attr a;
	struct cfs_file *f;

	start(&p, state);
	make_text(&p, "f", "first");
	assert_int_equal(cfs_lookup_ahead(p.a, p.home, "f", &a, NULL), 0);
	assert_int_equal(cfs_lookup_ahead(p.a, p.home, "none", &a, NULL), CFS_ENOENT);
	assert_int_equal(cfs_lookup(p.a, p.home, "f", &a, NULL), 0);
	assert_int_equal(cfs_file_open(p.a, &a, false, &f, NULL), 0);
	uint64_t asked = p.a->last_number;
	expect_text(f, "first");
	assert_int_equal(p.a->last_number, asked);
	assert_int_equal(cfs_file_close(f, NULL), 0);
	end(&p);
}

/* Somebody else writes, or this client itself, after the content was asked for: before or after it has come. */
static void
test_changed(void **state)
{
	struct pair p;
	struct cfs_attr a;

	start(&p, state);
	make_text(&p, "f", "first");
	struct cfs_file *f = open_name(p.a, p.home, "f", true, &a);
	for (int i = 0; i < 40; i++) {
		char text[24];

		(void)snprintf(text, sizeof(text), "turn %02d", i);
		cfs_content_ahead(p.a, &a, 1);
		if (i % 2 == 0)
			let_arrive(&p);
		if (i % 4 < 2)
			write_text(p.b, p.home, "f", text);
		else
			assert_int_equal(cfs_file_pwrite(f, text, strlen(text), 0, NULL),
					 strlen(text));
		if (i % 8 >= 6)
			assert_int_equal(cfs_file_flush(f, NULL, NULL), 0);
		expect_text(f, text);
		assert_int_equal(cfs_getattr(p.a, a.ref, &a, NULL), 0);
	}
	assert_int_equal(cfs_file_close(f, NULL), 0);
	end(&p);
}

/* The mode alone changes: that takes the promise with it, so a later change of the content would not be told. */
static void
test_promise_ends(void **state)
{
	struct pair p;
	struct cfs_attr a, b;

	start(&p, state);
	make_text(&p, "f", "first");
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	cfs_content_ahead(p.a, &a, 1);
	let_arrive(&p);
	assert_int_equal(cfs_setattr(p.b,
				     &(struct cfs_setattr){.ref = a.ref, .valid = 1, .mode = 0600},
				     CFS_VISIBLE, &b, NULL),
			 0);
	write_text(p.b, p.home, "f", "later");
	expect_text(f, "later");
	assert_int_equal(cfs_file_close(f, NULL), 0);
	end(&p);
}

/* When promises are over nothing is given out without a question. */
static void
test_time_is_over(void **state)
{
	struct pair p;
	struct cfs_attr a;

	start(&p, state);
	make_text(&p, "f", "first");
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	cfs_content_ahead(p.a, &a, 1);
	let_arrive(&p);
	atomic_store(&p.a->trust->until_ns, 0);
	uint64_t asked = p.a->last_number;
	expect_text(f, "first");
	assert_true(p.a->last_number > asked);
	assert_int_equal(cfs_file_close(f, NULL), 0);
	end(&p);
}

/* A line that is lost takes everything with it, also what is under way. */
static void
test_cut(void **state)
{
	struct pair p;
	struct cfs_attr a, b;
	struct cfs_err why;

	/* Who changes something waits for what the line that is gone was promised. */
	start_with(&p, state, 300);
	make_text(&p, "f", "first");
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	for (int i = 0; i < 2; i++) {
		cfs_content_ahead(p.a, &a, 1);
		if (i == 0)
			let_arrive(&p);
		pthread_mutex_lock(&p.a->lock);
		err_set(&why, CFS_ENET, "cut by the test");
		conn_lost(p.a, &why);
		pthread_mutex_unlock(&p.a->lock);
		/* The new line is trusted, but not for what came over the old one. */
		assert_int_equal(cfs_lookup(p.a, p.home, "none", &b, NULL), CFS_ENOENT);
		write_text(p.b, p.home, "f", i == 0 ? "later" : "again");
		expect_text(f, i == 0 ? "later" : "again");
	}
	assert_int_equal(cfs_file_close(f, NULL), 0);
	end(&p);
}

/* Reading counts as a download there, so nothing of others is asked for before it is read. */
static void
test_foreign(void **state)
{
	struct pair p;
	struct cfs_attr a;

	start(&p, state);
	make_text(&p, "f", "first");
	struct cfs *bob =
	    client_start(p.t, 'b', &(struct cfs_options){.promises = true, .content_bytes = ROOM});
	assert_int_equal(cfs_lookup_ahead(bob, p.home, "f", &a, NULL), 0);
	cfs_content_ahead(bob, &a, 1);
	assert_int_equal(bob->trust->memory.contents.bytes, 0);
	cfs_close(bob);
	end(&p);
}

/* Far more than there is room for: it never takes more, and what is read is right. */
static void
test_bound(void **state)
{
	struct pair p;
	struct cfs_attr a[64];
	char name[16], have[4];

	start(&p, state);
	for (unsigned i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(put_bytes(p.b, name, 100 * KIB, i), 0);
		assert_int_equal(cfs_lookup(p.a, p.home, name, &a[i], NULL), 0);
	}
	for (unsigned round = 0; round < 4; round++) {
		cfs_content_ahead(p.a, a + round * 16, 16);
		assert_in_range(p.a->trust->memory.contents.bytes, 100 * KIB, ROOM);
		let_arrive(&p);
	}
	for (unsigned i = 0; i < 64; i++) {
		unsigned char *want = make_bytes(100 * KIB, i);
		struct cfs_file *f;

		assert_int_equal(cfs_file_open(p.a, &a[i], false, &f, NULL), 0);
		assert_int_equal(cfs_file_pread(f, have, 4, 99 * KIB, NULL), 4);
		assert_memory_equal(have, want + 99 * KIB, 4);
		assert_int_equal(cfs_file_close(f, NULL), 0);
		free(want);
	}
	assert_in_range(p.a->trust->memory.contents.bytes, 0, ROOM);
	end(&p);
}

/* ---- large files */

/* Views and reads, in steps that meet the borders of segments and the end, give what the file has. */
static void
test_view(void **state)
{
	struct pair p;
	struct cfs_attr a;
	size_t size = 9 * MIB + 321;
	unsigned char *want = make_bytes(size, 3);

	start(&p, state);
	assert_int_equal(put_bytes(p.b, "f", size, 3), 0);
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	for (size_t at = 0, step = 70000; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		struct cfs_view v;

		assert_int_equal(cfs_file_view(f, step, at, &v, NULL), 0);
		assert_int_equal(v.len, n);
		assert_memory_equal(v.data, want + at, n);
		/* It stays when all else is dropped. */
		pthread_mutex_lock(&p.a->lock);
		if (at % 3 == 0)
			file_drop_segments(f);
		pthread_mutex_unlock(&p.a->lock);
		assert_memory_equal(v.data, want + at, n);
		cfs_view_done(&v);
	}
	assert_int_equal(cfs_file_close(f, NULL), 0);
	assert_int_equal(p.a->ahead_bytes, 0);
	free(want);
	end(&p);
}

/* Who jumps about gets what he asks for and nothing else, with and without a copy. */
static void
test_jumps(void **state)
{
	struct pair p;
	struct cfs_attr a;
	unsigned char *want = make_bytes(16 * MIB, 3), have[4 * KIB];

	start(&p, state);
	assert_int_equal(put_bytes(p.b, "f", 16 * MIB, 3), 0);
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	for (size_t i = 0; i < 64; i++) {
		size_t at = i * 7 % 16 * MIB + 600 * KIB + i * 4 * KIB;
		uint64_t asked = p.a->last_number;
		struct cfs_view v;

		if (i % 2 == 0) {
			assert_int_equal(cfs_file_view(f, sizeof(have), at, &v, NULL), 0);
			assert_memory_equal(v.data, want + at, sizeof(have));
			cfs_view_done(&v);
		} else {
			assert_int_equal(cfs_file_pread(f, have, sizeof(have), at, NULL),
					 sizeof(have));
			assert_memory_equal(have, want + at, sizeof(have));
		}
		assert_int_equal(p.a->last_number, asked + 1);
	}
	assert_int_equal(cfs_file_close(f, NULL), 0);
	free(want);
	end(&p);
}

/* What was asked for ahead is old as soon as somebody else's change was answered, each time. */
static void
test_segments_changed(void **state)
{
	struct pair p;
	struct cfs_attr a, b;
	unsigned char buf[64 * KIB], byte;

	start(&p, state);
	assert_int_equal(put_bytes(p.b, "f", 8 * MIB, 3), 0);
	struct cfs_file *f = open_name(p.a, p.home, "f", false, &a);
	struct cfs_file *g = open_name(p.b, p.home, "f", true, &b);
	for (size_t at = 0; at < 4 * MIB; at += sizeof(buf)) {
		assert_int_equal(cfs_file_pread(f, buf, sizeof(buf), at, NULL), sizeof(buf));
		/* In what was asked for, and what comes next. */
		byte = (unsigned char)(at / sizeof(buf));
		assert_int_equal(cfs_file_pwrite(g, &byte, 1, at + sizeof(buf), NULL), 1);
		assert_int_equal(cfs_file_flush(g, NULL, NULL), 0);
		assert_int_equal(cfs_file_pread(f, buf, 1, at + sizeof(buf), NULL), 1);
		assert_int_equal(buf[0], byte);
	}
	assert_int_equal(cfs_file_close(f, NULL), 0);
	assert_int_equal(cfs_file_close(g, NULL), 0);
	end(&p);
}

/* Many files that are read on at once share one bound, and one that was left alone gives way. */
static void
test_segments_bound(void **state)
{
	enum { FILES = 6 };
	struct pair p;
	struct cfs_attr a;
	struct cfs_file *f[FILES];
	unsigned char *want = make_bytes(24 * MIB, 3), *have = malloc(MIB);

	start(&p, state);
	assert_non_null(have);
	for (int i = 0; i < FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(put_bytes(p.b, name, 24 * MIB, 3), 0);
		f[i] = open_name(p.a, p.home, name, false, &a);
		f[i]->window = FILE_WINDOW_MAX;
	}
	for (size_t at = 0; at < 24 * MIB; at += MIB) {
		for (int i = 0; i < FILES; i++) {
			assert_int_equal(cfs_file_pread(f[i], have, MIB, at, NULL), MIB);
			assert_memory_equal(have, want + at, MIB);
			assert_in_range(p.a->ahead_bytes, 0, FILE_AHEAD_MAX);
		}
	}
	for (int i = 0; i < FILES; i++)
		assert_int_equal(cfs_file_close(f[i], NULL), 0);
	free(want);
	free(have);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spoiled),
	    cmocka_unit_test_setup_teardown(test_held, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_with_look_up, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_changed, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_promise_ends, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_time_is_over, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_cut, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_foreign, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_bound, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_view, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_jumps, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_segments_changed, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(test_segments_bound, clienttest_setup,
					    clienttest_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

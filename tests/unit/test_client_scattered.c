/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Small writes here and there, which go together as pieces of one change. */

#include "clienttest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "client/file.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* What is written is what a shadow in memory holds; one change of the file for each WRITE that was sent. */
struct scattered {
	struct cfs *c;
	struct cfs_file *f;
	struct cfs_attr attr;
	unsigned char *shadow, *noise;
	size_t size;
};

static void
reopen(struct scattered *s, struct cfs *c)
{
	struct cfs_err err = CFS_ERR_INIT;

	s->c = c;
	if (cfs_stat(c, "f", false, &s->attr, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(cfs_file_open(c, &s->attr, true, &s->f, &err), 0);
}

static void
start(struct scattered *s, struct cfs *c, size_t size)
{
	assert_int_equal(put_bytes(c, "f", size, 11), 0);
	*s = (struct scattered){.size = size};
	s->shadow = make_bytes(size, 11);
	s->noise = make_bytes(size, 12);
	reopen(s, c);
}

static void
write_here(struct scattered *s, size_t at, size_t n)
{
	write_at(s->f, s->noise + at, n, at);
	memcpy(s->shadow + at, s->noise + at, n);
	/* So that the same place gets other bytes the next time. */
	for (size_t i = at; i < at + n; i++)
		s->noise[i]++;
}

/* All is sent: this takes so many changes. */
static void
flush(struct scattered *s, unsigned changes)
{
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t before = s->attr.version;

	if (cfs_file_flush(s->f, &s->attr, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s->attr.version, before + changes);
	assert_int_equal(s->attr.size, s->size);
}

static void
finish(struct scattered *s)
{
	struct cfs_err err = CFS_ERR_INIT;

	assert_int_equal(cfs_file_close(s->f, &err), 0);
	s->f = open_file(s->c, "f", false);
	expect_at(s->f, s->shadow, s->size, 0);
	assert_int_equal(cfs_file_close(s->f, &err), 0);
	free(s->shadow);
	free(s->noise);
}

/* Small writes here and there go together, whatever they have in common. */
static void
are_one_change(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct scattered s;

	start(&s, c, 9 * MIB);
	for (size_t i = 0; i < 40; i++)
		write_here(&s, i * 997 * KIB % (9 * MIB - 4 * KIB), 4 * KIB);
	flush(&s, 1);
	/* The same place, over beginnings, ends, whole ones and several; side by side; backwards. */
	for (size_t i = 0; i < 4; i++)
		write_here(&s, 100 * KIB + i * 10 * KIB, 4 * KIB);
	write_here(&s, 100 * KIB + 7, 100);
	write_here(&s, 98 * KIB, 3 * KIB);
	write_here(&s, 113 * KIB, 3 * KIB);
	write_here(&s, 119 * KIB, 6 * KIB);
	write_here(&s, 125 * KIB, 10 * KIB);
	write_here(&s, 97 * KIB, 1 * KIB);
	write_here(&s, 1, 1);
	write_here(&s, 0, 2);
	flush(&s, 1);
	/* Over the end of a blob. */
	write_here(&s, 4 * MIB - 3000, 500);
	write_here(&s, 4 * MIB - 100, 200);
	write_here(&s, 4 * MIB - 4000, 20 * KIB);
	flush(&s, 1);
	/* One takes in all others, and grows to a blob. */
	write_here(&s, 2 * MIB + 8 * KIB, 4 * KIB);
	write_here(&s, 2 * MIB + 7 * KIB, 1 * KIB);
	write_here(&s, 2 * MIB + 7 * KIB + 512, 20 * KIB);
	for (size_t i = 0; i < 100; i++)
		write_here(&s, 2 * MIB + 27 * KIB + 512 + i * 1000, 1000);
	flush(&s, 1);
	finish(&s);
	cfs_close(c);
}

/* Read while they are gathered: what one piece has, what is beside it, and over its edge. */
static void
are_read(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct scattered s;
	uint64_t version;

	start(&s, c, 1 * MIB);
	version = s.attr.version;
	for (unsigned i = 0; i < 3; i++) {
		for (size_t at = 10 * KIB; at < 300 * KIB; at += 17 * KIB)
			write_here(&s, at, 5 * KIB);
		expect_at(s.f, s.shadow + 10 * KIB, 5 * KIB, 10 * KIB);
		expect_at(s.f, s.shadow + 45 * KIB, 100, 45 * KIB);
		if (i == 0)
			flush(&s, 1);
		else if (i == 1)
			expect_at(s.f, s.shadow + 14 * KIB, 2 * KIB, 14 * KIB);
		else
			expect_at(s.f, s.shadow, 1 * MIB, 0);
	}
	s.attr.version = version;
	flush(&s, 3);
	finish(&s);
	cfs_close(c);
}

/* More of them than one change takes, or more bytes; and what is too large to go with them. */
static void
have_bounds(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct scattered s;

	start(&s, c, 9 * MIB);
	for (size_t i = 0; i < FILE_PIECES_MAX + 1; i++)
		write_here(&s, i * 10 * KIB, 100);
	flush(&s, 2);
	for (size_t i = 0; i < FILE_SCATTER_MAX / (20 * KIB) + 1; i++)
		write_here(&s, i * 30 * KIB, 20 * KIB);
	flush(&s, 2);
	write_here(&s, 7, 100);
	write_here(&s, 1000, 100);
	write_here(&s, 5 * MIB, 100 * KIB);
	write_here(&s, 100, 100);
	write_here(&s, 5, 10);
	flush(&s, 3);
	finish(&s);
	cfs_close(c);
}

/* A cut takes what is behind it, and comes between what was written before and after. */
static void
are_cut_off(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	struct scattered s;

	start(&s, c, 1 * MIB);
	for (unsigned i = 0; i < 3; i++) {
		struct cfs_setattr a = {.ref = s.attr.ref, .valid = 8, .size = 52 * KIB};

		for (size_t at = 10 * KIB; at < 300 * KIB; at += 20 * KIB)
			write_here(&s, at, 4 * KIB);
		/* The last piece that stays, in the middle of it, behind it; and one alone. */
		a.size = i == 0 ? 52 * KIB : i == 1 ? 54 * KIB : 11 * KIB;
		assert_int_equal(cfs_setattr(c, &a, CFS_VISIBLE, NULL, &err), 0);
		/* A program that writes at that moment: these are cut off here. */
		write_here(&s, 50 * KIB, 4 * KIB);
		write_here(&s, 10 * KIB, 4 * KIB);
		write_here(&s, 200 * KIB, 4 * KIB);
		assert_int_equal(cfs_file_truncate(s.f, a.size, &err), 0);
		memset(s.shadow + a.size, 0, 1 * MIB - a.size);
		expect_at(s.f, s.shadow + 10 * KIB, 1 * KIB, 10 * KIB);
		write_here(&s, 700 * KIB, 100);
		write_here(&s, 1 * MIB - 1, 1);
	}
	finish(&s);
	cfs_close(c);
}

/* The line is cut somewhere in what is sent, or before the answer: it is done in the end, and once. */
static void
survive_cuts(void **state)
{
	struct clienttest *t = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct scattered s;

	start(&s, client_start(t, 'a', NULL), 1 * MIB);
	for (size_t i = 0; i < 16; i++) {
		unsigned dialled = t->dialled;

		assert_int_equal(cfs_file_close(s.f, &err), 0);
		cfs_close(s.c);
		if (i < 6)
			atomic_store(&t->cut_sent, 3000 + i * 30011);
		else
			atomic_store(&t->cut_received, 400 + (i - 6) * 50);
		reopen(&s, client_start(t, 'a', NULL));
		for (size_t at = i * 1000; at < 1 * MIB - 4 * KIB; at += 25 * KIB)
			write_here(&s, at, 4 * KIB);
		flush(&s, 1);
		assert_true(i >= 6 || t->dialled == dialled + 2);
	}
	assert_true(t->dialled > 16 + 6);
	finish(&s);
	cfs_close(s.c);
}

struct kept {
	const struct scattered *s;
	unsigned count;
	size_t bytes;
};

static void
keep(void *arg, const struct cfs_undelivered *u)
{
	struct kept *k = arg;

	assert_string_equal(u->what, "WRITE");
	assert_false(u->append);
	assert_true(u->offset + u->len <= k->s->size);
	assert_memory_equal(u->data, k->s->shadow + u->offset, u->len);
	k->count++;
	k->bytes += u->len;
}

/* The server does not come back: whoever keeps what was not delivered is told of each piece where it belongs. */
static void
are_kept_when_undelivered(void **state)
{
	struct clienttest *t = *state;
	struct scattered s;
	struct kept k = {.s = &s};
	const struct cfs_options options = {
	    .program = "test", .timeout_ms = 100, .undelivered = keep, .undelivered_arg = &k};

	start(&s, client_start(t, 'a', NULL), 1 * MIB);
	assert_int_equal(cfs_file_close(s.f, NULL), 0);
	cfs_close(s.c);
	atomic_store(&t->cut_sent, 3000);
	reopen(&s, client_start(t, 'a', &options));
	atomic_store(&t->refuse, UINT_MAX);
	write_here(&s, 900 * KIB, 2 * KIB);
	write_here(&s, 100 * KIB, 3 * KIB);
	write_here(&s, 200 * KIB, 4 * KIB);
	write_here(&s, 500, 1);
	assert_true(cfs_file_close(s.f, NULL) < 0);
	assert_int_equal(k.count, 0);
	cfs_close(s.c);
	assert_int_equal(k.count, 4);
	assert_int_equal(k.bytes, 9 * KIB + 1);
	free(s.shadow);
	free(s.noise);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, clienttest_setup, clienttest_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(are_one_change), CASE(are_read),     CASE(have_bounds),
	    CASE(are_cut_off),    CASE(survive_cuts), CASE(are_kept_when_undelivered),
	};
#undef CASE

	return cmocka_run_group_tests_name("client, scattered writes", tests, NULL, NULL);
}

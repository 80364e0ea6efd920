/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "server/locktable.h"

#define TICKETS 4096

static const struct lock_limits wide = {
    .party_ranges = 10000,
    .user_ranges = 10000,
    .all_ranges = 10000,
    .party_waits = 1000,
    .all_waits = 1000,
};

struct told {
	int status[TICKETS]; /* 1: nothing yet */
	uint64_t order[TICKETS];
	size_t count;
};

static void
told_init(struct told *t)
{
	t->count = 0;
	for (size_t i = 0; i < TICKETS; i++)
		t->status[i] = 1;
}

static void
tell(void *arg, struct lock_party *party, uint64_t ticket, int status)
{
	struct told *t = arg;

	(void)party;
	assert_int_equal(t->status[ticket], 1);
	t->status[ticket] = status;
	t->order[t->count++] = ticket;
}

static struct lock_ask
bytes(uint64_t owner, enum range_type type, uint64_t start, uint64_t end)
{
	return (struct lock_ask){.ino = 7,
				 .owner = owner,
				 .kind = LOCK_BYTES,
				 .type = type,
				 .start = start,
				 .end = end,
				 .pid = owner * 100};
}

static struct lock_ask
whole(uint64_t owner, enum range_type type)
{
	return (struct lock_ask){
	    .ino = 7, .owner = owner, .kind = LOCK_WHOLE, .type = type, .end = RANGE_END};
}

/* A table with two parties, each of a user of its own. */
struct room {
	struct locktable *t;
	struct told told;
	size_t user_ranges[2];
	struct lock_party a, b;
};

static void
room_init(struct room *r, const struct lock_limits *limits)
{
	memset(r, 0, sizeof(*r));
	told_init(&r->told);
	r->t = locktable_new(limits, tell, &r->told);
	assert_non_null(r->t);
	r->a.user_ranges = &r->user_ranges[0];
	r->b.user_ranges = &r->user_ranges[1];
}

static void
room_fini(struct room *r)
{
	locktable_drop(r->t, &r->a);
	locktable_drop(r->t, &r->b);
	assert_int_equal(locktable_count(r->t), 0);
	assert_int_equal(r->a.ranges + r->b.ranges + r->a.waits + r->b.waits, 0);
	assert_int_equal(r->user_ranges[0] + r->user_ranges[1], 0);
	locktable_free(r->t);
}

static int
set(struct room *r, struct lock_party *p, struct lock_ask ask)
{
	return locktable_set(r->t, p, &ask, false, 0);
}

static int
ask(struct room *r, struct lock_party *p, struct lock_ask ask, uint64_t ticket)
{
	return locktable_set(r->t, p, &ask, true, ticket);
}

static void
neighbours_become_one_range(void **state)
{
	struct ranges r = {0};

	(void)state;
	assert_int_equal(ranges_set(&r, 10, 19, RANGE_READ), 0);
	assert_int_equal(ranges_set(&r, 30, 39, RANGE_READ), 0);
	assert_int_equal(r.count, 2);
	assert_int_equal(ranges_set(&r, 20, 29, RANGE_READ), 0);
	assert_int_equal(r.count, 1);
	assert_int_equal(ranges_set(&r, 15, 17, RANGE_WRITE), 0);
	assert_int_equal(r.count, 3);
	assert_true(ranges_cover(&r, 10, 39, RANGE_READ));
	assert_false(ranges_cover(&r, 10, 40, RANGE_READ));
	assert_false(ranges_cover(&r, 14, 17, RANGE_WRITE));
	assert_int_equal(ranges_set(&r, 0, RANGE_END, RANGE_WRITE), 0);
	assert_int_equal(r.count, 1);
	assert_int_equal(ranges_set(&r, 5, RANGE_END, RANGE_NONE), 0);
	assert_int_equal(r.at[0].end, 4);
	assert_int_equal(ranges_set(&r, 0, 4, RANGE_NONE), 0);
	assert_int_equal(r.count, 0);
	ranges_fini(&r);
}

static void
who_is_in_the_way_is_named(void **state)
{
	const struct lock_party *whose;
	struct lock_ask found, q = bytes(2, RANGE_READ, 0, RANGE_END);
	struct room r;

	(void)state;
	room_init(&r, &wide);
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_WRITE, 10, 19)), 0);
	assert_true(locktable_test(r.t, &r.b, &q, &found, &whose));
	assert_ptr_equal(whose, &r.a);
	assert_int_equal(found.type, RANGE_WRITE);
	assert_int_equal(found.start, 10);
	assert_int_equal(found.end, 19);
	assert_int_equal(found.pid, 100);
	/* The same number of an owner means nothing between parties. */
	assert_int_equal(set(&r, &r.b, bytes(1, RANGE_READ, 19, 19)), CFS_EHELD);
	assert_int_equal(set(&r, &r.b, bytes(1, RANGE_READ, 20, 29)), 0);
	/* The two kinds do not see each other. */
	assert_int_equal(set(&r, &r.b, whole(5, RANGE_WRITE)), 0);
	q = bytes(1, RANGE_READ, 0, 15);
	assert_false(locktable_test(r.t, &r.a, &q, &found, &whose));
	room_fini(&r);
}

static void
waiting_is_served_in_order(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, &wide);
	assert_int_equal(set(&r, &r.a, whole(1, RANGE_WRITE)), 0);
	assert_int_equal(ask(&r, &r.b, whole(2, RANGE_READ), 0), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.a, whole(3, RANGE_READ), 1), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.b, whole(4, RANGE_WRITE), 2), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.b, whole(5, RANGE_WRITE), 3), LOCK_WAITS);
	assert_int_equal(set(&r, &r.a, whole(1, RANGE_NONE)), 0);
	assert_int_equal(r.told.count, 2);
	assert_int_equal(set(&r, &r.b, whole(2, RANGE_NONE)), 0);
	assert_int_equal(r.told.count, 2);
	/* A party that goes makes room, and waits no more. */
	assert_true(locktable_cancel(r.t, &r.b, 2));
	assert_false(locktable_cancel(r.t, &r.b, 2));
	locktable_drop(r.t, &r.a);
	assert_int_equal(r.told.count, 3);
	assert_int_equal(r.told.order[0], 0);
	assert_int_equal(r.told.order[1], 1);
	assert_int_equal(r.told.order[2], 3);
	room_fini(&r);
}

static void
a_whole_file_is_given_back_before_it_is_taken_in_another_way(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, &wide);
	assert_int_equal(set(&r, &r.a, whole(1, RANGE_READ)), 0);
	assert_int_equal(set(&r, &r.b, whole(2, RANGE_READ)), 0);
	/* Both want more: the second one's wait gives the first one what it waits for. */
	assert_int_equal(ask(&r, &r.a, whole(1, RANGE_WRITE), 0), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.b, whole(2, RANGE_WRITE), 1), LOCK_WAITS);
	assert_int_equal(r.told.status[0], 0);
	assert_int_equal(set(&r, &r.a, whole(1, RANGE_READ)), 0);
	assert_int_equal(r.told.status[1], 1);
	assert_int_equal(set(&r, &r.a, whole(1, RANGE_NONE)), 0);
	assert_int_equal(r.told.status[1], 0);
	room_fini(&r);
}

static void
a_circle_of_waits_is_refused(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, &wide);
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_WRITE, 0, 0)), 0);
	assert_int_equal(set(&r, &r.b, bytes(2, RANGE_WRITE, 1, 1)), 0);
	assert_int_equal(set(&r, &r.a, bytes(3, RANGE_WRITE, 2, 2)), 0);
	assert_int_equal(ask(&r, &r.a, bytes(1, RANGE_READ, 1, 1), 0), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.b, bytes(2, RANGE_READ, 2, 2), 1), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.a, bytes(3, RANGE_READ, 0, 0), 2), CFS_EDEADLK);
	/* Two that read and both want to write. */
	assert_int_equal(set(&r, &r.a, bytes(4, RANGE_READ, 9, 9)), 0);
	assert_int_equal(set(&r, &r.b, bytes(5, RANGE_READ, 9, 9)), 0);
	assert_int_equal(ask(&r, &r.a, bytes(4, RANGE_WRITE, 9, 9), 3), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.b, bytes(5, RANGE_WRITE, 9, 9), 4), CFS_EDEADLK);
	assert_int_equal(set(&r, &r.b, bytes(5, RANGE_NONE, 9, 9)), 0);
	assert_int_equal(r.told.status[3], 0);
	room_fini(&r);
}

static void
there_are_limits(void **state)
{
	static const struct lock_limits narrow = {.party_ranges = 3,
						  .user_ranges = 5,
						  .all_ranges = 100,
						  .party_waits = 1,
						  .all_waits = 9};
	struct room r;

	(void)state;
	room_init(&r, &narrow);
	r.b.user_ranges = r.a.user_ranges;
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_WRITE, 0, 9)), 0);
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_NONE, 4, 4)), 0);
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_NONE, 6, 6)), 0);
	/* It would become two of one. */
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_NONE, 2, 2)), CFS_ENOLCK);
	assert_int_equal(set(&r, &r.a, bytes(2, RANGE_READ, 20, 29)), CFS_ENOLCK);
	assert_int_equal(set(&r, &r.b, bytes(2, RANGE_READ, 20, 29)), 0);
	assert_int_equal(set(&r, &r.b, bytes(3, RANGE_READ, 20, 29)), 0);
	assert_int_equal(set(&r, &r.b, bytes(4, RANGE_READ, 20, 29)), CFS_ENOLCK);
	assert_int_equal(ask(&r, &r.b, bytes(5, RANGE_READ, 0, 0), 0), LOCK_WAITS);
	assert_int_equal(ask(&r, &r.b, bytes(6, RANGE_READ, 0, 0), 1), CFS_ENOLCK);
	/* Whoever waits may find no room when it comes to it. */
	assert_int_equal(set(&r, &r.a, bytes(1, RANGE_NONE, 0, 3)), 0);
	assert_int_equal(r.told.status[0], 0);
	assert_int_equal(r.a.ranges, 2);
	room_fini(&r);
}

/* ---- against a model: what each owner has of each byte */

#define OWNERS 5
#define SPAN   24

struct model {
	unsigned char at[OWNERS][SPAN]; /* enum range_type */
};

static bool
model_blocked(const struct model *m, const struct lock_ask *a)
{
	for (size_t o = 0; o < OWNERS; o++) {
		for (uint64_t i = a->start; o != a->owner && i <= a->end && i < SPAN; i++) {
			if (a->type != RANGE_NONE && m->at[o][i] + a->type > 2)
				return true;
		}
	}
	return false;
}

static void
model_set(struct model *m, const struct lock_ask *a)
{
	for (uint64_t i = a->start; i <= a->end && i < SPAN; i++)
		m->at[a->owner][i] = (unsigned char)a->type;
}

/* Locks of a model owner are asked for by its party. */
static struct lock_party *
party_of(struct room *r, uint64_t owner)
{
	return owner % 2 ? &r->a : &r->b;
}

struct model_wait {
	struct lock_ask ask;
	bool waits;
};

static size_t
model_serve(struct model *m, struct model_wait *waits, size_t count)
{
	size_t served = 0;

	for (size_t i = 0; i < count; i++) {
		if (!waits[i].waits || model_blocked(m, &waits[i].ask))
			continue;
		model_set(m, &waits[i].ask);
		waits[i].waits = false;
		served++;
		i = SIZE_MAX;
	}
	return served;
}

static void
check_all(struct room *r, const struct model *m)
{
	for (uint64_t o = 0; o < OWNERS; o++) {
		for (uint64_t i = 0; i < SPAN; i++) {
			/* The last byte of the model stands for all behind it. */
			struct lock_ask a = bytes(o, RANGE_READ, i, i == SPAN - 1 ? RANGE_END : i);

			assert_int_equal(locktable_holds(r->t, party_of(r, o), &a),
					 m->at[o][i] >= RANGE_READ);
			a.type = RANGE_WRITE;
			assert_int_equal(locktable_holds(r->t, party_of(r, o), &a),
					 m->at[o][i] == RANGE_WRITE);
		}
	}
}

static void
one_round(struct room *r, unsigned *seed, unsigned steps)
{
	static struct model_wait waits[TICKETS];
	struct model m = {0};
	size_t asked = 0;

	for (unsigned n = 0; n < steps; n++) {
		uint64_t start = (uint64_t)rand_r(seed) % SPAN;
		uint64_t end = start + (uint64_t)rand_r(seed) % (SPAN - start);
		struct lock_ask a =
		    bytes((uint64_t)rand_r(seed) % OWNERS, (enum range_type)(rand_r(seed) % 3),
			  start, end == SPAN - 1 ? RANGE_END : end);
		bool blocked = model_blocked(&m, &a);
		size_t before = r->told.count, served;
		int rc;

		waits[asked].ask = a;
		rc = locktable_set(r->t, party_of(r, a.owner), &a, rand_r(seed) % 3 == 0, asked);
		assert_int_equal(rc != 0, blocked);
		if (rc == 0)
			model_set(&m, &a);
		waits[asked].waits = rc == LOCK_WAITS;
		asked++;
		served = r->told.count - before;
		assert_int_equal(model_serve(&m, waits, asked), served);
		check_all(r, &m);
	}
}

static void
random_operations_agree_with_a_model(void **state)
{
	unsigned seed = 20260727;

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct room r;

		room_init(&r, &wide);
		one_round(&r, &seed, 200);
		room_fini(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(neighbours_become_one_range),
	    cmocka_unit_test(who_is_in_the_way_is_named),
	    cmocka_unit_test(waiting_is_served_in_order),
	    cmocka_unit_test(a_whole_file_is_given_back_before_it_is_taken_in_another_way),
	    cmocka_unit_test(a_circle_of_waits_is_refused),
	    cmocka_unit_test(there_are_limits),
	    cmocka_unit_test(random_operations_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

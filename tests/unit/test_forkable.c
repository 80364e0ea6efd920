/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What a child gets after forkable_heap() lies behind all that its parent used. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/forkable.h"

#define PIECES 2000u

static void
test_no_holes_are_left(void **state)
{
	static const size_t sizes[] = {24, 100, 1000, 2500, 30000};
	static void *pieces[PIECES];
	void *last, *p[ARRAY_SIZE(sizes)];

	(void)state;
#if defined(CFS_SAN_ADDRESS) || defined(CFS_SAN_THREAD)
	skip();
#endif
	for (size_t i = 0; i < PIECES; i++) {
		pieces[i] = malloc(sizes[i % ARRAY_SIZE(sizes)]);
		assert_non_null(pieces[i]);
	}
	last = malloc(16);
	/* Every other one of each size. */
	for (size_t i = 0; i < PIECES; i++) {
		if (i / ARRAY_SIZE(sizes) % 2)
			free(pieces[i]);
	}
	forkable_heap();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = malloc(sizes[i]);
		assert_true((uintptr_t)p[i] > (uintptr_t)last);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		free(p[i]);
	for (size_t i = 0; i < PIECES; i++) {
		if (!(i / ARRAY_SIZE(sizes) % 2))
			free(pieces[i]);
	}
	free(last);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_holes_are_left)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

static void
bytes_come_out_as_they_went_in(void **state)
{
	struct buf b = BUF_INIT;
	unsigned char next_in = 0, next_out = 0;

	(void)state;
	/* Uneven pieces, so that every case of growing, moving and emptying comes up. */
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < round * 7 % 31; i++)
			assert_int_equal(buf_append_byte(&b, next_in++), 0);
		for (unsigned i = 0; i < round * 5 % 29 && b.len > 0; i++) {
			assert_int_equal(b.data[0], next_out++);
			buf_consume(&b, 1);
		}
	}
	for (; b.len > 0; buf_consume(&b, 1))
		assert_int_equal(b.data[0], next_out++);
	assert_int_equal(next_in, next_out);
	buf_fini(&b);
	assert_null(b.data);
}

static void
consumed_room_is_used_again(void **state)
{
	struct buf b = BUF_INIT;
	unsigned char piece[100] = {0};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(buf_append(&b, piece, sizeof(piece)), 0);
		assert_int_equal(buf_append_byte(&b, 1), 0);
		buf_consume(&b, 100);
		if (b.len > 50)
			buf_consume(&b, b.len - 1);
	}
	assert_true(b.cap < 4096);
	buf_fini(&b);
}

static void
text_is_formatted_and_terminated(void **state)
{
	struct buf b = BUF_INIT;
	char *taken;
	size_t len;

	(void)state;
	assert_int_equal(buf_append_str(&b, "x="), 0);
	assert_int_equal(buf_appendf(&b, "%d,%0300d", 42, 7), 0);
	assert_int_equal(b.len, 2 + 3 + 300);
	assert_int_equal(strlen(buf_cstr(&b)), b.len);
	assert_memory_equal(b.data, "x=42,000", 8);
	assert_int_equal(b.data[b.len - 1], '7');
	buf_consume(&b, 2);
	taken = buf_take(&b, &len);
	assert_int_equal(len, 303);
	assert_int_equal(strlen(taken), 303);
	assert_memory_equal(taken, "42,", 3);
	assert_int_equal(b.len, 0);
	free(taken);
	taken = buf_take(&b, NULL);
	assert_string_equal(taken, "");
	free(taken);
	buf_fini(&b);
}

static void
sizes_that_overflow_are_refused(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_append_str(&b, "kept"), 0);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_null(buf_reserve(&b, SIZE_MAX - 4));
	assert_string_equal(buf_cstr(&b), "kept");
	buf_truncate(&b, 2);
	assert_string_equal(buf_cstr(&b), "ke");
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	buf_fini(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_come_out_as_they_went_in),
	    cmocka_unit_test(consumed_room_is_used_again),
	    cmocka_unit_test(text_is_formatted_and_terminated),
	    cmocka_unit_test(sizes_that_overflow_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

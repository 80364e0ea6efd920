/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/cursor.h"

static void
test_reads_what_the_writer_wrote(void **state)
{
	unsigned char mem[64];
	struct writer w;
	struct cursor c;
	struct str s;

	(void)state;
	writer_init(&w, mem, sizeof mem);
	writer_u8(&w, 0xfe);
	writer_u16(&w, 0x1234);
	writer_u32(&w, 0xdeadbeef);
	writer_u64(&w, UINT64_C(0x0123456789abcdef));
	writer_str(&w, STR_LIT("name"));
	writer_bytes(&w, "xyz", 3);
	assert_false(w.bad);
	assert_memory_equal(mem, "\xfe\x34\x12\xef\xbe\xad\xde\xef\xcd", 9);

	cursor_init(&c, mem, sizeof mem - w.left);
	assert_int_equal(cursor_u8(&c), 0xfe);
	assert_int_equal(cursor_u16(&c), 0x1234);
	assert_int_equal(cursor_u32(&c), 0xdeadbeef);
	assert_true(cursor_u64(&c) == UINT64_C(0x0123456789abcdef));
	s = cursor_str(&c);
	assert_true(str_is(s, "name"));
	assert_memory_equal(cursor_bytes(&c, 3), "xyz", 3);
	assert_false(c.bad);
	assert_int_equal(c.left, 0);
	assert_non_null(cursor_bytes(&c, 0));
	assert_false(c.bad);
}

static void
test_errors_stick(void **state)
{
	struct cursor c;

	(void)state;
	cursor_init(&c, "\1\2\3", 3);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.bad);
	/* Three bytes are there, but after an error nothing is read any more. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_bytes(&c, 0));
	assert_int_equal(cursor_str(&c).len, 0);
}

static void
test_lengths_cannot_overflow(void **state)
{
	struct cursor c;

	(void)state;
	cursor_init(&c,
		    "\xff\xff"
		    "abc",
		    5);
	assert_int_equal(cursor_str(&c).len, 0);
	assert_true(c.bad);
	cursor_init(&c, "abc", 3);
	assert_null(cursor_bytes(&c, SIZE_MAX));
	assert_true(c.bad);
	cursor_init(&c, NULL, 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.bad);
}

static void
test_writer_is_bounded(void **state)
{
	unsigned char mem[8] = {0};
	char *large = calloc(1, 70000);
	struct writer w;

	(void)state;
	writer_init(&w, mem, 7);
	writer_u64(&w, UINT64_MAX);
	assert_true(w.bad);
	writer_u8(&w, 1);
	assert_memory_equal(mem, "\0\0\0\0\0\0\0\0", 8);

	writer_init(&w, large, 70000);
	writer_str(&w, (struct str){.p = large, .len = 65536});
	assert_true(w.bad);
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_what_the_writer_wrote),
	    cmocka_unit_test(test_errors_stick),
	    cmocka_unit_test(test_lengths_cannot_overflow),
	    cmocka_unit_test(test_writer_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

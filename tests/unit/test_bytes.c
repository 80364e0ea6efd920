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

static void
numbers_are_little_endian(void **state)
{
	unsigned char b[9];

	(void)state;
	store_le64(b + 1, UINT64_C(0x8877665544332211));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(b[1 + i], 0x11 * (i + 1));
	assert_true(load_le64(b + 1) == UINT64_C(0x8877665544332211));
	assert_int_equal(load_le32(b + 5), 0x88776655);
	assert_int_equal(load_le16(b + 7), 0x8877);
	store_le32(b, 0xfffefdfc);
	store_le16(b + 4, 0xfbfa);
	assert_memory_equal(b, "\xfc\xfd\xfe\xff\xfa\xfb", 6);
}

static void
arithmetic_says_when_it_does_not_fit(void **state)
{
	uint64_t u;
	int64_t i;
	size_t s;

	(void)state;
	assert_true(add_u64(UINT64_MAX - 1, 1, &u) && u == UINT64_MAX);
	assert_false(add_u64(UINT64_MAX, 1, &u));
	assert_false(mul_u64(UINT64_MAX / 2 + 1, 2, &u));
	assert_false(add_i64(INT64_MAX, 1, &i));
	assert_true(mul_i64(INT64_MIN, 1, &i));
	assert_false(mul_i64(INT64_MIN, -1, &i));
	assert_false(add_size(SIZE_MAX, 1, &s));
	assert_false(mul_size(SIZE_MAX, 2, &s));
	assert_true(align_up_u64(4097, 4096) == 8192 && align_up_u64(4096, 4096) == 4096);
	assert_true(align_down_u64(4097, 4096) == 4096);
}

static void
hex_goes_both_ways(void **state)
{
	char text[HEX_SIZE(3)];
	unsigned char b[3];

	(void)state;
	hex_encode(text, "\x00\xab\xff", 3);
	assert_string_equal(text, "00abff");
	assert_int_equal(hex_decode(b, 3, "00ABfF", 6), 0);
	assert_memory_equal(b, "\x00\xab\xff", 3);
	assert_int_equal(hex_decode(b, 3, "00abf", 5), CFS_EINVAL);
	assert_int_equal(hex_decode(b, 3, "00abfff", 7), CFS_EINVAL);
	assert_int_equal(hex_decode(b, 3, "00abfg", 6), CFS_EINVAL);
}

/* The vectors of RFC 4648, section 10. */
static void
base64_has_the_vectors_of_its_rfc(void **state)
{
	static const char *const vectors[][2] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	};
	char text[BASE64_SIZE(6)], back[6];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t n = strlen(vectors[i][0]);
		size_t len = strlen(vectors[i][1]);

		assert_int_equal(base64_encode(text, BASE64_STD, vectors[i][0], n), len);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64_decode(back, n, BASE64_STD, text, len), n);
		assert_memory_equal(back, vectors[i][0], n);
		if (n > 0)
			assert_int_equal(base64_decode(back, n - 1, BASE64_STD, text, len),
					 CFS_ETOOBIG);
	}
	assert_int_equal(base64_encode(text, BASE64_URL, "\xfb\xff", 2), 3);
	assert_string_equal(text, "-_8");
	assert_int_equal(base64_decode(back, 6, BASE64_URL, "-_8", 3), 2);
	assert_memory_equal(back, "\xfb\xff", 2);
}

static void
base64_is_strict(void **state)
{
	static const char *const bad_std[] = {"Zg",   "Zg=",  "Zh==", "Zm9=",   "Zg==Zg==", "Z===",
					      "====", "Zm 9", "Zm-_", "Zg==\n", "=Zg="};
	static const char *const bad_url[] = {"Zg==", "Zh", "Z", "Zm9vY", "Zm+/", "Zm9"};
	char back[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_std); i++)
		assert_int_equal(
		    base64_decode(back, sizeof(back), BASE64_STD, bad_std[i], strlen(bad_std[i])),
		    CFS_EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad_url); i++)
		assert_int_equal(
		    base64_decode(back, sizeof(back), BASE64_URL, bad_url[i], strlen(bad_url[i])),
		    CFS_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_little_endian),
	    cmocka_unit_test(arithmetic_says_when_it_does_not_fit),
	    cmocka_unit_test(hex_goes_both_ways),
	    cmocka_unit_test(base64_has_the_vectors_of_its_rfc),
	    cmocka_unit_test(base64_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

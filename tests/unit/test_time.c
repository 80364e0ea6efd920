/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <limits.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/time.h"

static void
deadlines_count_down(void **state)
{
	uint64_t soon = deadline_from_ms(60000);

	(void)state;
	assert_int_equal(deadline_left_ms(DEADLINE_NEVER), -1);
	assert_true(deadline_from_ms(-1) == DEADLINE_NEVER);
	assert_true(deadline_from_ms(INT64_MAX) == DEADLINE_NEVER);
	assert_false(deadline_passed(DEADLINE_NEVER));
	assert_in_range(deadline_left_ms(soon), 1, 60000);
	assert_false(deadline_passed(soon));
	assert_int_equal(deadline_left_ms(now_mono_ns() - 1), 0);
	assert_true(deadline_passed(deadline_from_ms(0)));
	assert_int_equal(deadline_left_ms(UINT64_MAX - 1), INT_MAX);
	assert_true(now_real_ns() > INT64_C(1600000000) * NS_PER_S);
}

static void
times_are_rfc3339(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00.000000000Z"},
	    {-1, "1969-12-31T23:59:59.999999999Z"},
	    {INT64_C(951782400) * NS_PER_S, "2000-02-29T00:00:00.000000000Z"},
	    {INT64_C(4107542399) * NS_PER_S + 7, "2100-02-28T23:59:59.000000007Z"},
	    {INT64_C(4107542400) * NS_PER_S, "2100-03-01T00:00:00.000000000Z"},
	    {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
	    {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
	};
	char text[TIME_SIZE];
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(time_format(text, cases[i].ns, 9), cases[i].text);
		assert_int_equal(time_parse(cases[i].text, &ns), 0);
		assert_true(ns == cases[i].ns);
	}
	assert_string_equal(time_format(text, 1999999999, 0), "1970-01-01T00:00:01Z");
	assert_string_equal(time_format(text, 1999999999, 3), "1970-01-01T00:00:01.999Z");
	assert_int_equal(time_parse("1970-01-01 02:00:01.5+02:00", &ns), 0);
	assert_true(ns == 1500000000);
	assert_int_equal(time_parse("1969-12-31t23:00:00-01:00", &ns), 0);
	assert_true(ns == 0);
}

static void
other_times_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "1970-01-01",
	    "1970-01-01T00:00:00",
	    "1970-13-01T00:00:00Z",
	    "1970-02-29T00:00:00Z",
	    "1900-02-29T00:00:00Z",
	    "1970-01-00T00:00:00Z",
	    "1970-01-01T24:00:00Z",
	    "1970-01-01T00:00:00.Z",
	    "1970-01-01T00:00:00Zx",
	    "0001-01-01T00:00:00Z",
	    "2262-04-11T23:47:16.854775808Z",
	    "1970-01-01T00:00:00+0200",
	    "1970-1-01T00:00:00Z",
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse(bad[i], &ns), CFS_EINVAL);
}

static void
durations_have_units(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {{"0", 0},        {"30s", 30000},     {"5m", 300000},
		     {"2h", 7200000}, {"7d", 604800000},  {"1w", 604800000},
		     {"250ms", 250},  {"1h30m", 5400000}, {"90", 90000}};
	static const char *const bad[] = {"", "s", "-1s", "1x", "1.5s", "1 s", "1s ", "1h30", "1S"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(duration_parse(cases[i].text, &ms), 0);
		assert_true(ms == cases[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(duration_parse(bad[i], &ms), CFS_EINVAL);
	assert_int_equal(duration_parse("9223372036854775808ms", &ms), CFS_ERANGE);
	assert_int_equal(duration_parse("99999999999999999999", &ms), CFS_ERANGE);
	assert_int_equal(duration_parse("18446744073709551615w", &ms), CFS_ERANGE);
}

static void
sizes_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
	    {"0", 0},
	    {"512", 512},
	    {"17B", 17},
	    {"64KiB", 65536},
	    {"64k", 65536},
	    {"10M", 10485760},
	    {"1GiB", 1073741824},
	    {"1.5G", 1610612736},
	    {"1KB", 1000},
	    {"2gb", 2000000000},
	    {"0.5K", 512},
	    {"1.999999999999K", 2047},
	    {"15E", UINT64_C(15) << 60},
	    {"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"",    "K",  "-1",  "1.K",   ".5K",
					  "1Ki", "1X", "1 K", "1KiBs", "0x10"};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(size_parse(cases[i].text, &bytes), 0);
		assert_true(bytes == cases[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(size_parse(bad[i], &bytes), CFS_EINVAL);
	assert_int_equal(size_parse("16E", &bytes), CFS_ERANGE);
	assert_int_equal(size_parse("18446744073709551616", &bytes), CFS_ERANGE);
}

static void
sizes_are_shown_as_ls_does(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *brief, *full;
	} cases[] = {
	    {0, "0", "0 B"},
	    {1023, "1023", "1023 B"},
	    {1024, "1.0K", "1.0 KiB"},
	    {1025, "1.1K", "1.1 KiB"},
	    {10137, "9.9K", "9.9 KiB"},
	    {10138, "10K", "10 KiB"},
	    {1047552, "1023K", "1023 KiB"},
	    {1047553, "1.0M", "1.0 MiB"},
	    {UINT64_C(5) << 40, "5.0T", "5.0 TiB"},
	    {UINT64_MAX, "16E", "16 EiB"},
	};
	char text[SIZE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(size_format(text, cases[i].bytes, SIZE_SHORT), cases[i].brief);
		assert_string_equal(size_format(text, cases[i].bytes, SIZE_LONG), cases[i].full);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deadlines_count_down),    cmocka_unit_test(times_are_rfc3339),
	    cmocka_unit_test(other_times_are_refused), cmocka_unit_test(durations_have_units),
	    cmocka_unit_test(sizes_have_units),        cmocka_unit_test(sizes_are_shown_as_ls_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/time.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"

uint64_t
now_mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * (uint64_t)NS_PER_S + (uint64_t)ts.tv_nsec;
}

int64_t
now_real_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

uint64_t
deadline_from_ms(int64_t ms)
{
	uint64_t ns, deadline;

	if (ms < 0 || !mul_u64((uint64_t)ms, (uint64_t)NS_PER_MS, &ns) ||
	    !add_u64(now_mono_ns(), ns, &deadline))
		return DEADLINE_NEVER;
	return deadline;
}

int
deadline_left_ms(uint64_t deadline)
{
	uint64_t now, ms;

	if (deadline == DEADLINE_NEVER)
		return -1;
	now = now_mono_ns();
	if (now >= deadline)
		return 0;
	ms = (deadline - now - 1) / (uint64_t)NS_PER_MS + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

bool
deadline_passed(uint64_t deadline)
{
	return deadline != DEADLINE_NEVER && now_mono_ns() >= deadline;
}

/*
 * Days since 1970-01-01 of a date of the Gregorian calendar, and back. Years are counted from March, so that the day
 * that comes and goes is a year's last; 400 years are 146097 days, and 719468 days lie between 0000-03-01 and 1970.
 */
static int64_t
days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t d = z - era * 146097;
	int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	int64_t of_year = d - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

char *
time_format(char out[TIME_SIZE], int64_t ns, unsigned digits)
{
	int64_t sec = ns / NS_PER_S;
	int64_t frac = ns % NS_PER_S;
	int64_t days, of_day, year;
	unsigned month, day;
	char text[96];
	size_t len;

	if (frac < 0) {
		frac += NS_PER_S;
		sec--;
	}
	days = sec / 86400;
	of_day = sec % 86400;
	if (of_day < 0) {
		of_day += 86400;
		days--;
	}
	civil_from_days(days, &year, &month, &day);
	(void)snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d.%09d", (int)year, month,
		       day, (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60),
		       (int)frac);
	len = digits == 0 ? 19 : 20 + min_size(digits, 9);
	memcpy(out, text, len);
	out[len] = 'Z';
	out[len + 1] = '\0';
	return out;
}

/* Reads exactly n digits at *p into *out and steps over them; a value out of its range is an error. */
static bool
read_digits(const char **p, int n, unsigned low, unsigned high, unsigned *out)
{
	unsigned v = 0;

	for (int i = 0; i < n; i++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (unsigned)(*(*p)++ - '0');
	}
	*out = v;
	return v >= low && v <= high;
}

static bool
read_char(const char **p, const char *allowed)
{
	if (**p == '\0' || strchr(allowed, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static unsigned
month_days(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Reads ".123…" into ns; no fraction is 0. Digits beyond the ninth are dropped. */
static bool
read_fraction(const char **p, int64_t *ns)
{
	int64_t unit = NS_PER_S / 10;

	*ns = 0;
	if (**p != '.')
		return true;
	(*p)++;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*ns += unit * (**p - '0');
	return true;
}

/* Reads "Z" or "+02:00" into seconds. */
static bool
read_offset(const char **p, int64_t *sec)
{
	int sign = **p == '-' ? -1 : 1;
	unsigned hour, minute;

	*sec = 0;
	if (read_char(p, "Zz"))
		return true;
	if (!read_char(p, "+-") || !read_digits(p, 2, 0, 23, &hour) || !read_char(p, ":") ||
	    !read_digits(p, 2, 0, 59, &minute))
		return false;
	*sec = sign * (int64_t)(hour * 3600 + minute * 60);
	return true;
}

int
time_parse(const char *text, int64_t *ns_out)
{
	const char *p = text;
	unsigned year, month, day, hour, minute, second;
	int64_t frac, offset, sec, ns;

	if (!read_digits(&p, 4, 0, 9999, &year) || !read_char(&p, "-") ||
	    !read_digits(&p, 2, 1, 12, &month) || !read_char(&p, "-") ||
	    !read_digits(&p, 2, 1, month_days(year, month), &day) || !read_char(&p, "Tt ") ||
	    !read_digits(&p, 2, 0, 23, &hour) || !read_char(&p, ":") ||
	    !read_digits(&p, 2, 0, 59, &minute) || !read_char(&p, ":") ||
	    !read_digits(&p, 2, 0, 60, &second) || !read_fraction(&p, &frac) ||
	    !read_offset(&p, &offset) || *p != '\0')
		return CFS_EINVAL;
	sec =
	    days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	/* Before 1970 sec * 10^9 alone may not fit although the sum does: borrow a second. */
	if (sec < 0 && frac > 0) {
		sec++;
		frac -= NS_PER_S;
	}
	if (!mul_i64(sec, NS_PER_S, &ns) || !add_i64(ns, frac, ns_out))
		return CFS_EINVAL;
	return 0;
}

/* Reads a run of digits. Returns 0, CFS_EINVAL (there is none) or CFS_ERANGE. */
static int
read_u64(const char **p, uint64_t *out)
{
	uint64_t v = 0;

	if (**p < '0' || **p > '9')
		return CFS_EINVAL;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (!mul_u64(v, 10, &v) || !add_u64(v, (uint64_t)(**p - '0'), &v))
			return CFS_ERANGE;
	}
	*out = v;
	return 0;
}

/* The milliseconds of the unit at *p, stepped over; 0 if it is none. */
static uint64_t
read_duration_unit(const char **p)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
	    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*p, units[i].name, n) == 0) {
			*p += n;
			return units[i].ms;
		}
	}
	return 0;
}

int
duration_parse(const char *text, int64_t *ms_out)
{
	const char *p = text;
	uint64_t total = 0;

	do {
		uint64_t n, unit;
		int rc = read_u64(&p, &n);

		if (rc < 0)
			return rc;
		unit = p != text && *p == '\0' && strspn(text, "0123456789") == strlen(text)
			   ? 1000
			   : read_duration_unit(&p);
		if (unit == 0)
			return CFS_EINVAL;
		if (!mul_u64(n, unit, &n) || !add_u64(total, n, &total) || total > INT64_MAX)
			return CFS_ERANGE;
	} while (*p != '\0');
	*ms_out = (int64_t)total;
	return 0;
}

static const char size_units[] = "KMGTPE";

/* Reads the unit that ends a size into *unit. */
static bool
read_size_unit(const char *p, uint64_t *unit)
{
	const char *found;
	uint64_t base = 1024;

	*unit = 1;
	if (*p == '\0' || strcasecmp(p, "B") == 0)
		return true;
	found = strchr(size_units, *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	if (found == NULL)
		return false;
	p++;
	if (strcasecmp(p, "B") == 0)
		base = 1000;
	else if (*p != '\0' && strcasecmp(p, "iB") != 0)
		return false;
	for (const char *u = size_units; u <= found; u++)
		*unit *= base;
	return true;
}

int
size_parse(const char *text, uint64_t *bytes_out)
{
	const char *p = text;
	uint64_t whole, unit, frac = 0, scale = 1;
	int rc = read_u64(&p, &whole);

	if (rc < 0)
		return rc;
	if (*p == '.') {
		p++;
		if (*p < '0' || *p > '9')
			return CFS_EINVAL;
		/* Nine digits keep every product below 2^64; more would be less than a byte of a G. */
		for (; *p >= '0' && *p <= '9'; p++) {
			if (scale < 1000000000) {
				frac = frac * 10 + (uint64_t)(*p - '0');
				scale *= 10;
			}
		}
	}
	if (!read_size_unit(p, &unit))
		return CFS_EINVAL;
	frac = unit / scale * frac + unit % scale * frac / scale;
	if (!mul_u64(whole, unit, &whole) || !add_u64(whole, frac, bytes_out))
		return CFS_ERANGE;
	return 0;
}

char *
size_format(char out[SIZE_TEXT_SIZE], uint64_t bytes, enum size_style style)
{
	const char *suffix = style == SIZE_LONG ? "iB" : "";
	const char *space = style == SIZE_LONG ? " " : "";
	uint64_t unit = 1024;

	if (bytes < 1024) {
		(void)snprintf(out, SIZE_TEXT_SIZE, "%u%s", (unsigned)bytes,
			       style == SIZE_LONG ? " B" : "");
		return out;
	}
	for (const char *u = size_units;; u++, unit *= 1024) {
		uint64_t rest = bytes % unit;
		uint64_t tenths = bytes / unit * 10 + (rest * 10 + unit - 1) / unit;
		uint64_t whole = bytes / unit + (rest > 0);

		if (tenths < 100)
			(void)snprintf(out, SIZE_TEXT_SIZE, "%u.%u%s%c%s", (unsigned)(tenths / 10),
				       (unsigned)(tenths % 10), space, *u, suffix);
		else if (whole < 1024 || u[1] == '\0')
			(void)snprintf(out, SIZE_TEXT_SIZE, "%u%s%c%s", (unsigned)whole, space, *u,
				       suffix);
		else
			continue;
		return out;
	}
}

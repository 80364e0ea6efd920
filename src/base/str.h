/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_STR_H
#define CFS_BASE_STR_H

/*
 * A borrowed string of any bytes: names, paths and texts that somebody else holds (a received frame, a row, a C
 * string). Valid as long as what it points into. Plain data, passed by value.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p; /* not NUL-terminated; may be NULL if len is 0 */
	size_t len;
};

/* A string literal as a struct str. */
#define STR_LIT(literal) ((struct str){.p = "" literal, .len = sizeof(literal) - 1})

/* For %.*s: two arguments. Only for strings below INT_MAX bytes, which everything from the wire is. */
#define STR_ARGS(s) (int)(s).len, (s).len ? (s).p : ""

/* The bytes of a C string; NULL is the empty one. */
static inline struct str
str_from(const char *cstr)
{
	return (struct str){.p = cstr, .len = cstr ? strlen(cstr) : 0};
}

static inline bool
str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Whether s holds exactly the bytes of the C string. */
static inline bool
str_is(struct str s, const char *cstr)
{
	return str_equal(s, str_from(cstr));
}

#endif

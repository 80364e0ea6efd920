/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/path.h"

bool
glob_has_magic(struct path_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.p[i]) {
		case '*':
		case '?':
		case '[':
			return true;
		case '\\':
			i++;
			break;
		default:
			break;
		}
	}
	return false;
}

/*
 * Matches one byte against the set whose '[' is at pattern[*at] and steps *at behind its ']'. Where the set is never
 * closed, '[' is an ordinary byte.
 */
static bool
match_set(struct path_view pattern, size_t *at, unsigned char c)
{
	size_t i = *at + 1;
	bool negate = i < pattern.len && (pattern.p[i] == '!' || pattern.p[i] == '^');
	bool found = false;
	size_t first;

	if (negate)
		i++;
	for (first = i; i < pattern.len && (i == first || pattern.p[i] != ']'); i++) {
		unsigned char low, high;

		if (pattern.p[i] == '\\' && i + 1 < pattern.len)
			i++;
		low = high = (unsigned char)pattern.p[i];
		if (i + 2 < pattern.len && pattern.p[i + 1] == '-' && pattern.p[i + 2] != ']') {
			i += 2;
			if (pattern.p[i] == '\\' && i + 1 < pattern.len)
				i++;
			high = (unsigned char)pattern.p[i];
		}
		found = found || (low <= c && c <= high);
	}
	if (i >= pattern.len) {
		(*at)++;
		return c == '[';
	}
	*at = i + 1;
	return found != negate && c != '/';
}

/* Matches one byte against the pattern's next element, which is no '*', and steps behind it. */
static bool
match_one(struct path_view pattern, size_t *at, unsigned char c)
{
	switch (pattern.p[*at]) {
	case '?':
		(*at)++;
		return c != '/';
	case '[':
		return match_set(pattern, at, c);
	case '\\':
		if (*at + 1 < pattern.len)
			(*at)++;
		break;
	default:
		break;
	}
	return (unsigned char)pattern.p[(*at)++] == c;
}

/* A star that was passed: where the pattern goes on behind it, and where the text it took ends. */
struct star {
	bool seen;
	bool whole; /* it is "**" and '/' together: takes whole components */
	size_t pattern_at;
	size_t text_at;
};

/* Notes the run of stars at pattern[*at] and steps behind it. */
static void
pass_stars(struct path_view pattern, size_t *at, size_t text_at, struct star *one, struct star *two)
{
	size_t start = *at;
	bool at_component = start == 0 || pattern.p[start - 1] == '/';
	struct star *star;

	while (*at < pattern.len && pattern.p[*at] == '*')
		(*at)++;
	star = *at - start > 1 ? two : one;
	star->seen = true;
	star->whole = star == two && at_component && *at < pattern.len && pattern.p[*at] == '/';
	if (star->whole)
		(*at)++;
	star->pattern_at = *at;
	star->text_at = text_at;
	/* The text before "**" is settled: whatever an earlier star could still give up, this one can take. */
	if (star == two)
		one->seen = false;
}

/* Lets the latest star that can take more do so; false when none can. */
static bool
extend_star(struct path_view text, size_t *pattern_at, size_t *text_at, struct star *one,
	    struct star *two)
{
	struct star *star = one;

	if (!one->seen || one->text_at >= text.len || text.p[one->text_at] == '/') {
		star = two;
		one->seen = false;
		while (two->seen && two->whole && two->text_at < text.len &&
		       text.p[two->text_at] != '/')
			two->text_at++;
		if (!two->seen || two->text_at >= text.len)
			return false;
	}
	star->text_at++;
	*pattern_at = star->pattern_at;
	*text_at = star->text_at;
	return true;
}

/*
 * One loop, no recursion: on a mismatch only the last star of either kind is worth extending, since an earlier one
 * could but leave less of the text.
 */
bool
glob_match(struct path_view pattern, struct path_view text)
{
	struct star one = {.seen = false}, two = {.seen = false};
	size_t p = 0, t = 0;

	for (;;) {
		if (p < pattern.len && pattern.p[p] == '*') {
			pass_stars(pattern, &p, t, &one, &two);
			continue;
		}
		if (p == pattern.len && t == text.len)
			return true;
		if (p < pattern.len && t < text.len &&
		    match_one(pattern, &p, (unsigned char)text.p[t])) {
			t++;
			continue;
		}
		if (!extend_star(text, &p, &t, &one, &two))
			return false;
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/suggest.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX   63
#define PREFIX_MIN 3

void
suggest_init(struct suggest *s, const char *word)
{
	size_t len = strlen(word);

	s->word = word;
	s->best = NULL;
	/* One more than what is near enough, so that a candidate has to be better than this. */
	s->distance = len < 6 ? 2 : (unsigned)(len / 3 + 1);
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: Levenshtein's distance with the exchange of neighbours as one change. */
static unsigned
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3];
		const unsigned *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return rows[a_len % 3][b_len];
}

void
suggest_offer(struct suggest *s, const char *candidate)
{
	size_t a_len = strlen(s->word);
	size_t b_len = strlen(candidate);
	unsigned d;

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return;
	if (a_len >= PREFIX_MIN && strncmp(candidate, s->word, a_len) == 0)
		d = a_len != b_len;
	else
		d = distance(s->word, a_len, candidate, b_len);
	if (d < s->distance) {
		s->distance = d;
		s->best = candidate;
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_SUGGEST_H
#define CFS_BASE_SUGGEST_H

/* "did you mean …?": the known word nearest to a mistyped one. No state, no allocation. */

/* Set up with the word and offered every candidate; best is the nearest so far, or NULL where none is near enough. */
struct suggest {
	const char *word;
	const char *best; /* borrowed from the caller */
	unsigned distance;
};

void suggest_init(struct suggest *s, const char *word);

/*
 * Offers one candidate; the first of equally near ones stays. Near is at most one change (a letter too many, too few,
 * wrong, or two exchanged) for every three letters of the word, and at least one; a candidate that begins with the word
 * (of three letters or more) is one change away. Words over 63 bytes are never near.
 */
void suggest_offer(struct suggest *s, const char *candidate);

#endif

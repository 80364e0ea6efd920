/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_WORDS_H
#define CFS_CLI_WORDS_H

#include <stddef.h>

#include "base/err.h"

/*
 * A line of the shell as words: blanks separate, '…' keeps everything, "…" keeps everything but \" and \\, a backslash
 * keeps the next byte, '#' at a word's start begins a comment. v is ended by NULL, like argv.
 */
struct words {
	char **v;
	size_t n;
};

/* CFS_EUSAGE for a quote that is not closed. words_fini() frees. */
int words_split(const char *line, struct words *out, struct cfs_err *err);
void words_fini(struct words *w);

/* A word written so that words_split() gives it back; malloc'd, NULL without memory. */
char *words_quote(const char *word);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_WORDS_H
#define CFS_CLI_WORDS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Words as the shell writes them: blanks separate, '…' keeps everything, "…" keeps everything but \" and \\, a backslash
 * keeps the next byte, and outside '…' takes a newline behind it away. Nothing else is special inside a word. Pure functions.
 *
 * v is ended by NULL, like argv.
 */
struct words {
	char **v;
	size_t n;
};

/* Bytes that separate words. */
#define WORDS_BLANK " \t\n"

/*
 * Appends the word at *p, up to an unquoted byte of `ends` or the text's end, to out, and moves *p there. Gives what was still open
 * at the end of the text: a quote; a backslash, which is kept as it is; a newline, where the last one was taken away; or NUL.
 * Negative: CFS_ENOMEM.
 */
int words_read(const char **p, const char *ends, struct buf *out);

/*
 * A line as words; '#' at a word's start begins a comment. CFS_EUSAGE for a quote that is not closed. words_fini()
 * frees.
 */
int words_split(const char *line, struct words *out, struct cfs_err *err);
void words_fini(struct words *w);

/* Appends a copy of a word, or of n bytes; CFS_ENOMEM leaves w as it was. */
int words_add(struct words *w, const char *word);
int words_add_bytes(struct words *w, const char *p, size_t n);

/* A word written so that words_split() and the shell give it back; malloc'd, NULL without memory. */
char *words_quote(const char *word);

/*
 * What goes on a word that was begun with this quote ('\'', '"', or NUL for none), the quote itself left out at both ends;
 * malloc'd, NULL without memory.
 */
char *words_quote_in(const char *word, char quote);

#endif

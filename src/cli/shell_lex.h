/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_LEX_H
#define CFS_CLI_SHELL_LEX_H

/*
 * The shell's text as tokens: words (cli/words.h), operators, and what stands behind a '!'. Where a command may begin, a word that is
 * written without quotes and is an alias is replaced by the alias's text, which is then read on from; an alias is
 * not replaced inside its own text. A pure function.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum shell_token_kind {
	SHELL_END,
	SHELL_NEWLINE,
	SHELL_WORD,
	SHELL_LOCAL,  /* "!…": text is what stands behind it, up to the line's end, as typed */
	SHELL_IGNORE, /* "-" before a command */
	SHELL_SEMICOLON,
	SHELL_BACKGROUND,
	SHELL_AND,
	SHELL_OR,
	SHELL_PIPE,
	SHELL_IN,
	SHELL_OUT,
	SHELL_APPEND,
	SHELL_ERR_OUT,    /* "2>" */
	SHELL_ERR_APPEND, /* "2>>" */
	SHELL_ERR_TO_OUT, /* "2>&1" */
};

struct shell_token {
	enum shell_token_kind kind;
	char *text;            /* of a word or a local command, else NULL */
	unsigned line, column; /* from 1; in an alias's text, where the alias stands */
};

struct shell_tokens {
	struct shell_token *v; /* ended by one of kind SHELL_END */
	size_t n;
	int open;     /* at the end of the text: as words_read() gives it */
	bool in_word; /* the text ends in its last word, with no blank behind it */
};

/* The text of an alias, or NULL; borrowed until the end of shell_lex(). */
typedef const char *shell_alias_fn(void *arg, const char *name);

/*
 * line: the number of the text's first line. CFS_ENOMEM, or CFS_ETOOBIG of what aliases become. What is still open at the
 * end is no error here: more text may come. shell_tokens_fini() frees in any case.
 */
int shell_lex(const char *text, unsigned line, shell_alias_fn *alias, void *arg,
	      struct shell_tokens *out, struct cfs_err *err);
void shell_tokens_fini(struct shell_tokens *t);

/* How an operator is written: "&&"; words are "a word". */
const char *shell_token_name(enum shell_token_kind kind);

#endif

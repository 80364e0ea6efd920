/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_CURSOR_H
#define CFS_CLI_SHELL_CURSOR_H

/* What stands at the end of a line that is being typed, for completion. Pure functions. */

#include "cli/shell_lex.h"
#include "cli/words.h"

enum shell_place {
	SHELL_AT_COMMAND,  /* a command of the shell, or an alias */
	SHELL_AT_ARGUMENT, /* of one */
	SHELL_AT_FILE,     /* behind < or >; and arguments of local programs */
	SHELL_AT_PROGRAM,  /* a program of this machine */
	SHELL_AT_NOTHING,
};

struct shell_cursor {
	enum shell_place place;
	struct words before; /* the command and its arguments before the word, aliases replaced */
	size_t start;        /* where the word begins in the line */
	char *word;          /* what it means so far, without quotes */
	char quote;          /* that is open in it: '\'', '"', or NUL */
};

/* line is the text up to the cursor. CFS_ENOMEM. shell_cursor_fini() frees in any case. */
int shell_cursor(const char *line, shell_alias_fn *alias, void *arg, struct shell_cursor *out);
void shell_cursor_fini(struct shell_cursor *c);

/*
 * The line with the word replaced by `word`, written as it was begun; when it is whole, also with the quote closed and a blank behind it, unless
 * it is a directory, in which one goes on. malloc'd, NULL without memory.
 */
char *shell_cursor_replace(const struct shell_cursor *c, const char *line, const char *word,
			   bool whole, bool is_directory);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_H
#define CFS_CLI_SHELL_H

/* The shell's own parts: lines, built-in commands, completion. */

#include "cli/cli.h"
#include "cli/words.h"

struct shell {
	struct cli *cli;
	int last;                      /* exit code of the last command */
	bool done;                     /* exit was asked for */
	char *history;                 /* the file of an interactive shell, or NULL */
	struct shell_notices *notices; /* pushed to the terminal; NULL: none */
};

/* Runs one line: a built-in, a command of `cfs`, or !local. Sets sh->last. */
void shell_line(struct shell *sh, const char *line);

/* Built-in commands by name. */
struct shell_builtin {
	const char *name;
	const char *synopsis;
	const char *summary;
	enum cli_complete complete;
	int (*run)(struct shell *sh, const struct words *w, struct cfs_err *err);
};
const struct shell_builtin *shell_builtins(void); /* ended by a row without a name */

/* Prompts and reads lines from the terminal until the end or `exit`. */
void shell_interactive(struct shell *sh);

/*
 * What may stand at the end of the line given: calls each() with whole words that could be there, not quoted; a directory ends
 * in '/'. Outside a shell (cli->shell) these are the words of a command line of `cfs`. Errors give no candidates.
 */
typedef void shell_candidate_fn(void *arg, const char *word, bool is_directory);
void shell_complete(struct cli *cli, const struct words *before, const char *prefix,
		    shell_candidate_fn *each, void *arg);

/* Sets up readline's completion for this shell. */
void shell_completion_install(struct shell *sh);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_H
#define CFS_CLI_SHELL_H

/*
 * The shell's own parts. Text becomes tokens (shell_lex.h), these a tree (shell_parse.h), and the tree is run (shell_exec.c): the first
 * command of a pipeline in this process and thread, programs of this machine beside it, and what ends in '&' in a process
 * of its own (shell_jobs.h). A terminal (shell_terminal.c) or a script (shell_script.c) gives the text.
 */

#include "cli/cli.h"
#include "cli/shell_jobs.h"
#include "cli/shell_names.h"
#include "cli/shell_parse.h"
#include "cli/words.h"

struct shell {
	struct cli *cli;
	int last;         /* exit code of the last command */
	bool done;        /* exit was asked for */
	bool interactive; /* a person is there: a failure stops nothing */
	unsigned nested;  /* scripts within scripts */
	char *previous;   /* where `cd -` goes, or NULL */
	struct shell_jobs jobs;
	struct shell_names aliases, bookmarks;
	bool exit_warned;              /* that jobs are running, by the command before this one */
	char *history;                 /* the file of an interactive shell, or NULL */
	struct shell_notices *notices; /* pushed to the terminal; NULL: none */
};

/* Reads what is kept from session to session: bookmarks, and the aliases of an interactive shell; and frees everything. */
void shell_init(struct shell *sh, struct cli *cli, bool interactive);
void shell_fini(struct shell *sh);

/*
 * Runs parsed text, and sets sh->last: one item after the other, up to Ctrl-C, `exit`, or, unless a person is there or `name`
 * is not NULL, the first that fails: then false. name is the script's: a failure is told with it and the line.
 */
bool shell_run(struct shell *sh, const struct shell_item *items, const char *name);

/* Runs some lines as a person types them, or those of -c; a command that fails ends the latter. Ctrl-C ends them. */
void shell_text(struct shell *sh, const char *text);

/* Whether a text lacks only what could stand on another line: the end of a quote, a command behind "&&". */
bool shell_wants_more(struct shell *sh, const char *text);

/* Runs a script, "-": standard input, whose commands then have none. A code when it cannot be read or parsed; sets sh->last. */
int shell_script(struct shell *sh, const char *path, struct cfs_err *err);

/* What an alias stands for: a shell_alias_fn of a struct shell. */
const char *shell_alias(void *sh, const char *name);

/* Commands of the shell alone. */
struct shell_builtin {
	const char *name;
	const char *synopsis;
	const char *summary;
	enum cli_complete complete;
	int max_args; /* -1: any number */
	int (*run)(struct shell *sh, const struct words *w, struct cfs_err *err);
};
const struct shell_builtin *shell_builtins(void); /* ended by a row without a name */
const struct shell_builtin *shell_builtin_find(const char *name);

/* Prompts and reads lines from the terminal until the end or `exit`. */
void shell_interactive(struct shell *sh);

/*
 * What may stand at the end of the line given: calls each() with whole words that could be there, not quoted; a directory ends
 * in '/'. Outside a shell (cli->shell) these are the words of a command line of `cfs`. Errors give no candidates.
 */
typedef void shell_candidate_fn(void *arg, const char *word, bool is_directory);
void shell_complete(struct cli *cli, const struct words *before, const char *prefix,
		    shell_candidate_fn *each, void *arg);

/* Forgets the remote directory that was listed last; one that is kept is offered for some seconds. */
void shell_complete_forget(struct cli *cli);

/* Local paths alone. */
void shell_complete_file(const char *prefix, shell_candidate_fn *each, void *arg);

/* The same with what a shell knows besides: aliases, bookmarks, jobs, local programs; for the word at a cursor. */
struct shell_cursor;
void shell_candidates(struct shell *sh, const struct shell_cursor *at, shell_candidate_fn *each,
		      void *arg);

/* Sets up readline's completion for this shell. */
void shell_completion_install(struct shell *sh);

#endif

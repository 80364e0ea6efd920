/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_CLI_H
#define CFS_CLI_CLI_H

/*
 * The command line: what every command of `cfs` and of `cfs shell` works with.
 *
 * A command is a row in the table (cli/commands.c) and a file cmd_NAME.c with one function run(). It gets its arguments
 * as main() would, reads its options with cli_args(), does its work through client/cfs.h, prints data with cli/output.h
 * and returns 0 or a negative CFS_E… code; whoever called it turns the code into an exit code. Commands never exit, never
 * keep state in globals, and free what they take: the shell runs thousands of them in one process.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/args.h"
#include "base/err.h"
#include "client/cfs.h"

/* --color */
enum cli_color { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };

/* Options that every command has; the shell starts each command with those it was started with. */
struct cli_globals {
	bool json;
	bool quiet;
	int verbose;
	int color;           /* enum cli_color */
	const char *profile; /* NULL: the default one */
	int64_t timeout_ms;
	uint64_t bwlimit; /* bytes per second, 0: none */
	const char *password_file, *password_command;
};

/* A connection that was opened for a profile or a URL. */
struct cli_conn {
	char *key;  /* profile name or URL up to the path; "" for the default */
	char *host; /* as the profile has it, for the prompt */
	struct cfs *c;
	bool beside; /* the second one for its key, see remote_follow() */
	struct cli_conn *next;
};

struct progress;
struct progress_page;
struct cli_listed;

struct cli {
	struct cli_globals opt;
	struct cli_conn *conns;
	char *cwd;      /* the shell's remote directory, absolute; NULL: the own tree */
	bool shell;     /* inside `cfs shell` */
	bool job;       /* in its background, in a process of its own */
	bool piped;     /* a program reads what a command writes, and may have the terminal */
	bool abandoned; /* nobody reads the data that a command writes */
	int exit_code;  /* what a command that was done ends with: `shell -c` */
	unsigned done, failed;      /* items of this command, see cli_item_failed() */
	int first_failure;          /* its code */
	struct progress *progress;  /* a line on the terminal that messages must clear, or NULL */
	struct progress_page *page; /* where a job says how far it is, or NULL */
	struct cli_listed *listed;  /* a remote directory that Tab has listed, or NULL */
	FILE *out;                  /* data */
	FILE *msg;                  /* everything else */
};

enum cli_group { CLI_SIGNIN, CLI_FILES, CLI_PAST, CLI_EVENTS, CLI_SHELL, CLI_HIDDEN };

/* What a command's arguments are, for completion. */
enum cli_complete {
	CLI_NOTHING,
	CLI_REMOTE,
	CLI_LOCAL,
	CLI_LOCAL_THEN_REMOTE,
	CLI_REMOTE_THEN_LOCAL
};

struct cli_command {
	const char *name;
	enum cli_group group;
	enum cli_complete complete;
	const char *summary;
	int (*run)(struct cli *cli, int argc, char **argv, struct cfs_err *err);
	/* The command's own options, for completion. */
	const struct arg_opt *opts;
	const size_t *n_opts;
};

/* The table, ended by a row without a name; and a row by name, or NULL. */
const struct cli_command *cli_commands(void);
const struct cli_command *cli_command_find(const char *name);

/*
 * Reads a command's options: its own into values, and the global ones into cli->opt, so that they may stand behind the
 * command too. *first_out is the index of the first argument. 0, CLI_ARGS_DONE when help was printed (return 0 then), or
 * CFS_EUSAGE.
 */
#define CLI_ARGS_DONE 1
struct cli_args {
	const char *name;     /* "put" */
	const char *synopsis; /* "[-r] LOCAL... [REMOTE]" */
	const char *summary;
	const char *footer;
	const struct arg_opt *opts;
	size_t n_opts;
	void *values;
	int min_args, max_args;
};
int cli_args(struct cli *cli, const struct cli_args *a, int argc, char **argv, int *first_out,
	     struct cfs_err *err);

/* A usage error of a command found after cli_args(): CFS_EUSAGE with "; try 'cfs NAME --help'". */
int cli_usage(const char *name, struct cfs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Runs one command as the program or the shell does: finds it, runs it with fresh counters, prints its error ("cfs put: …", or a JSON
 * object on stderr with --json), and returns its exit code. Global options are restored afterwards.
 */
int cli_run(struct cli *cli, int argc, char **argv);

/*
 * One of several items of a command failed: prints "cfs NAME: ITEM: text" and counts. cli_item_done() counts a good one.
 * cli_outcome() gives what the command returns: 0, the failure's code if nothing succeeded, or CFS_EPARTIAL; err->text is
 * empty, because everything was told.
 */
void cli_item_failed(struct cli *cli, const char *command, const char *item, int code,
		     const char *text);
void cli_item_done(struct cli *cli);
int cli_outcome(struct cli *cli, struct cfs_err *err);

/* Whether nothing else can succeed after this code: the connection or the sign-in is lost, the user interrupted. */
bool cli_is_fatal(int code);

/*
 * For loops: 0 to go on, or CFS_ECANCELED after Ctrl-C, or, without a text, when nobody reads the output any more. A call that
 * waits for the server ends by itself; this is for what lies between.
 */
int cli_check(const struct cli *cli, struct cfs_err *err);

/* Puts "ITEM: " before the error's text, unless a lower layer did; "" is the own tree. Returns the code. */
int cli_wrap(struct cfs_err *err, const char *item);

/* Prints one error: text for people, or an object for programs. command and item may be NULL. */
void cli_error(const struct cli *cli, const char *command, const char *item, int code,
	       const char *text);

/*
 * What a command did to a path, or would do with --dry-run: an object with --json; else "would VERB PATH" on stdout for a dry
 * run, PATH on stderr with --verbose, or nothing.
 */
void cli_did(struct cli *cli, const char *verb, const char *path, bool dry_run);

/* A message for people on stderr, not with --quiet; and one only with --verbose. */
void cli_note(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_verbose(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

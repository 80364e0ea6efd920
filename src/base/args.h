/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_ARGS_H
#define CFS_BASE_ARGS_H

/*
 * Options of a command line, described by tables that also print the help: one way for cfs and each of its commands,
 * cfsadm, cfsd and cfs-mount.
 *
 * It reads what getopt_long(3) reads: -a -b, -ab, -j4, -j 4, --jobs=4, --jobs 4, "--" ends the options, and "-" is an
 * argument. It is not built on it, because getopt keeps its place in globals (the shell runs commands inside commands)
 * and takes abbreviations, which break scripts whenever an option is added. No state; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* What follows an option, and the C type that stands at its offset. */
enum arg_kind {
	ARG_FLAG,     /* nothing; bool: set to true */
	ARG_COUNT,    /* nothing; int: one more each time (-vv) */
	ARG_STRING,   /* const char *: points into argv */
	ARG_INT,      /* int64_t, decimal, from min to max (both 0: any) */
	ARG_SIZE,     /* uint64_t bytes, see size_parse() */
	ARG_DURATION, /* int64_t milliseconds, see duration_parse() */
	ARG_CALL,     /* a value handed to call(): repeated options, and such whose order counts */
	ARG_CALL_FLAG /* nothing; call() with text NULL */
};

struct arg_opt {
	char short_name;       /* 0: none; an option always has a long name */
	const char *long_name; /* without "--" */
	enum arg_kind kind;
	size_t offset;        /* offsetof() in the group's values; not for ARG_CALL */
	const char *arg_name; /* in the help: "FILE"; NULL for those without a value */
	const char *
	    help; /* one short sentence without a full stop; "\n" breaks a line; NULL hides the option */
	int64_t min, max; /* ARG_INT */
	/* ARG_CALL: returns 0, or a code with err set, which then gets the option's name in front. */
	int (*call)(void *values, const char *text, struct cfs_err *err);
};

/* Options that belong together: a command's own, and those that all commands have. */
struct arg_group {
	const char *title; /* the heading in the help: "Options" */
	const struct arg_opt *opts;
	size_t n;
	void *values; /* the struct that the offsets are in; its defaults are the caller's to set */
};

struct arg_spec {
	const char *prog;     /* "cfs put", for the usage line and "try 'cfs put --help'" */
	const char *synopsis; /* behind it: "[-r] LOCAL… [REMOTE]"; "\n" separates alternatives */
	const char *summary;  /* one sentence on what it does */
	const char *footer;   /* text behind the options, or NULL */
	const struct arg_group
	    *groups; /* looked through in order: the first that has a name wins */
	size_t n_groups;
	int min_args, max_args; /* how many arguments there must be; max_args -1: any number */
	bool stop_at_arg;       /* options end at the first argument: "cfs [options] COMMAND …" */
};

/* What args_parse() found: go on, or print the help or the version and end with 0. */
enum args_result { ARGS_OK = 0, ARGS_HELP = 1, ARGS_VERSION = 2 };

/*
 * Reads argv[1..argc-1] and stores the options' values. argv is permuted: the arguments stand at its end in their order,
 * from *first_out to argc-1. "--help" and "--version" are known everywhere (unless a table has its own) and end
 * the reading. Returns an enum args_result, or CFS_EUSAGE with a message like
 * "--jobs: 'x' is not a number; try 'cfs put --help'" (exit code 2), or what a call() returned.
 */
int args_parse(const struct arg_spec *spec, int argc, char **argv, int *first_out,
	       struct cfs_err *err);

/* Prints "usage: PROG SYNOPSIS", the summary, the options of every group and the footer. */
void args_print_help(FILE *f, const struct arg_spec *spec);

/*
 * Sets err to a usage error as args_parse() does, with the same ending; for what a command finds out later. Returns
 * CFS_EUSAGE.
 */
int args_usage_error(const struct arg_spec *spec, struct cfs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif

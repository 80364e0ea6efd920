/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_COMPLETE_H
#define CFS_BASE_COMPLETE_H

/*
 * What may stand at the end of a command line, for the completion of bash, zsh and fish: the hidden argument __complete of cfs,
 * cfsadm and cfs-mount. It is read from the tables and the synopsis that make the help, so it cannot say anything else.
 *
 *	PROGRAM __complete [-d] -- PROGRAM WORD… LAST    or    PROGRAM __complete [-d] -l LINE BREAKS
 *
 * LINE is a line of bash up to the cursor, BREAKS its COMP_WORDBREAKS: what stands before the last of them in a word is not part of
 * what bash replaces. A candidate a line, whole and not quoted, and with -d a tab and what it is. A line that
 * begins with a tab asks the shell for what it knows best: "files" or "directories" of this machine. No state; any thread.
 */

#include <stdbool.h>
#include <stdio.h>

#include "base/args.h"

struct complete {
	FILE *out;
	bool describe;
	char **
	    words; /* the program, what follows it, and last the word to be completed (may be empty) */
	int n;     /* words */
	const char *front; /* what of the last word stays as it is, like "--color=" */
	int front_len;
	const char *typed; /* the rest of it */
	bool asked;        /* the shell for files; once is enough */
	size_t cut;        /* bytes of the word that bash does not replace */
	char *line;        /* storage */
};

/*
 * Reads the arguments behind __complete (argv[0]). False when they are none of the forms above, or memory is out. What it
 * points to is argv's and its own until complete_fini().
 */
bool complete_init(struct complete *c, int argc, char **argv, FILE *out);
void complete_fini(struct complete *c);

/* Prints a candidate if it begins with what was typed; a name with a line's end or a tab cannot be offered. help: or NULL. */
void complete_offer(struct complete *c, const char *word, const char *help);

/* Asks the shell for files or directories. */
void complete_files(struct complete *c, bool directories);

/* The first n bytes of what was typed stay as they are from now on. */
void complete_keep(struct complete *c, size_t n);

/*
 * The option whose value is being typed, as in "--color=al", "--color al" or "-P na", or NULL. The option's own part is kept in
 * front then.
 */
const struct arg_opt *complete_value_of(struct complete *c, const struct arg_group *groups,
					size_t n_groups);

/* Offers what a place of this name takes ("USER" in a synopsis, arg_name of an option). False: it knows nothing of it. */
typedef bool complete_kind_fn(struct complete *c, const char *kind, void *arg);

/*
 * Completes the last of a command's words (words[first] is its name): an option's value, an option, or what the synopsis has at
 * this place: words in small letters as they stand, FILE and DIR by the shell, everything else by kind.
 */
void complete_spec(struct complete *c, const struct arg_spec *spec, int first,
		   complete_kind_fn *kind, void *arg);

/* Offers the commands that a help text lists, one a line: two blanks, the name, blanks, what it does. */
void complete_commands(struct complete *c, const char *help);

#endif

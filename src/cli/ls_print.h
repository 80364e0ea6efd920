/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_LS_PRINT_H
#define CFS_CLI_LS_PRINT_H

/* How ls prints the entries of one directory. */

#include "cli/cli.h"
#include "cli/listing.h"

struct ls_opts {
	bool all, one, human, recursive, directory, reverse, by_time, by_size, print0, lng, deleted;
};

/*
 * Sorts the entries and prints them as the options say: objects with --json, exact names with -0, long lines with -l, columns
 * on a terminal, else one name a line. dir (NULL: the names are paths themselves) stands before names in JSON.
 */
void ls_print(struct cli *cli, struct cfs *c, const struct ls_opts *o, struct children *list,
	      const char *dir);

#endif

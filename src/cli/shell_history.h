/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_HISTORY_H
#define CFS_CLI_SHELL_HISTORY_H

/* Lines typed before, in readline's list and in a file (0600, at most 2000 lines). */

#include "cli/shell.h"

/* Reads what was typed before, and makes the file if there is none; without a place for it, lines are kept in memory. */
void history_begin(struct shell *sh);

/* Each line goes to the file at once: several shells may run, and any may be killed. Not one that begins with a blank, or is
 * as the last one. */
void history_add(struct shell *sh, const char *line);

#endif

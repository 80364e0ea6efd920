/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_PROMPT_H
#define CFS_CLI_SHELL_PROMPT_H

#include <stddef.h>

#include "cli/shell.h"

/*
 * "alice@host:~/docs> " for readline, in colours where standard output has them: with " (offline)" while the server cannot be
 * reached, and " !" when the last command failed. A directory that would fill half of the line loses its front.
 */
void shell_prompt(struct shell *sh, int columns, char *buf, size_t size);

#endif

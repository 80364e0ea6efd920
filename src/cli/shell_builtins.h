/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_BUILTINS_H
#define CFS_CLI_SHELL_BUILTINS_H

/* The functions behind the table of shell_builtins.c: directories there, jobs and names in files of their own. */

#include "cli/shell.h"

int builtin_jobs(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_wait(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_fg(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_kill(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_exit(struct shell *sh, const struct words *w, struct cfs_err *err);

int builtin_alias(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_unalias(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_bookmark(struct shell *sh, const struct words *w, struct cfs_err *err);
int builtin_history(struct shell *sh, const struct words *w, struct cfs_err *err);

#endif

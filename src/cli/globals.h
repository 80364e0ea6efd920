/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_GLOBALS_H
#define CFS_CLI_GLOBALS_H

/* The options that every command has: --json, --quiet, --profile …, from the environment and from the command line. */

#include "base/args.h"
#include "cli/cli.h"

/* The defaults. */
void cli_globals_init(struct cli_globals *g);

/* CFS_PROFILE, CFS_TIMEOUT, CFS_BWLIMIT, CFS_JSON, CFS_PASSWORD_FILE, NO_COLOR. CFS_EUSAGE names a bad one. */
int cli_globals_from_env(struct cli_globals *g, struct cfs_err *err);

/* The table, reading into g, which must outlive the group. */
struct arg_group cli_globals_group(struct cli_globals *g);

/* This program's version. */
const char *cli_version(void);

#endif

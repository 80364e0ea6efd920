/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_GLOBALS_H
#define CFS_CLI_GLOBALS_H

/* The options that every command has: --json, --quiet, --profile …: from the settings file, the environment, the command line. */

#include "base/args.h"
#include "base/conf.h"
#include "cli/cli.h"
#include "cli/words.h"

/*
 * What holds before the command line is read: the settings file's [cli] (/etc/cfs/cfs.conf, or the one that CFS_CONF names,
 * which must exist then), and over it the environment: CFS_PROFILE, CFS_TIMEOUT, CFS_BWLIMIT, CFS_JSON, CFS_PASSWORD_FILE,
 * CFS_PASSWORD_COMMAND, NO_COLOR. conf owns strings that g points to. CFS_ECONFIG or CFS_EUSAGE name what is wrong.
 */
int cli_globals_init(struct cli_globals *g, struct conf *conf, struct cfs_err *err);

/* The table of options, reading into g, which must outlive the group. */
struct arg_group cli_globals_group(struct cli_globals *g);

/* What g differs from the defaults in as options of a command line, for another process. CFS_ENOMEM. */
int cli_globals_words(const struct cli_globals *g, struct words *out);

/* This program's version. */
const char *cli_version(void);

#endif

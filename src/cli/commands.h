/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_COMMANDS_H
#define CFS_CLI_COMMANDS_H

/*
 * One declaration a command: cmd_NAME.c has the function and the table of its options. Adding a command: a file, a row here, a row in
 * cli/commands.c, its section in cfs(1), its tests in tests/cli.
 */

#include "cli/cli.h"

#define CLI_COMMAND(name)                                                                          \
	int cmd_##name(struct cli *cli, int argc, char **argv, struct cfs_err *err);               \
	extern const struct arg_opt name##_opts[];                                                 \
	extern const size_t name##_n_opts;

CLI_COMMAND(ls)
CLI_COMMAND(put)
CLI_COMMAND(get)
CLI_COMMAND(cat)

#undef CLI_COMMAND

#endif

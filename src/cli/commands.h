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

CLI_COMMAND(login)
CLI_COMMAND(logout)
CLI_COMMAND(whoami)
CLI_COMMAND(devices)
CLI_COMMAND(profiles)
CLI_COMMAND(ls)
CLI_COMMAND(put)
CLI_COMMAND(get)
CLI_COMMAND(cat)
CLI_COMMAND(rm)
CLI_COMMAND(mv)
CLI_COMMAND(cp)
CLI_COMMAND(mkdir)
CLI_COMMAND(rmdir)
CLI_COMMAND(stat)
CLI_COMMAND(ln)
CLI_COMMAND(chmod)
CLI_COMMAND(touch)
CLI_COMMAND(du)
CLI_COMMAND(df)
CLI_COMMAND(find)
CLI_COMMAND(sum)
CLI_COMMAND(log)
CLI_COMMAND(restore)
CLI_COMMAND(undo)
CLI_COMMAND(prune)
CLI_COMMAND(notify)
CLI_COMMAND(receipts)
CLI_COMMAND(who_has)
CLI_COMMAND(watch)
CLI_COMMAND(top)
CLI_COMMAND(shell)
CLI_COMMAND(job)
CLI_COMMAND(complete)

#undef CLI_COMMAND

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/commands.h"

/* The table of commands, in the order of the help. */

#define ROW(name_, group_, complete_, summary_)                                                    \
	{                                                                                          \
		.name = #name_, .group = (group_), .complete = (complete_), .summary = (summary_), \
		.run = cmd_##name_, .opts = name_##_opts, .n_opts = &name_##_n_opts                \
	}

/* A command without options of its own. */
#define BARE(name_, group_, complete_, summary_)                                                   \
	{                                                                                          \
		.name = #name_, .group = (group_), .complete = (complete_), .summary = (summary_), \
		.run = cmd_##name_                                                                 \
	}

const struct cli_command *
cli_commands(void)
{
	static const struct cli_command commands[] = {
	    ROW(ls, CLI_FILES, CLI_REMOTE, "list files"),
	    ROW(put, CLI_FILES, CLI_LOCAL_THEN_REMOTE, "store local files"),
	    ROW(get, CLI_FILES, CLI_REMOTE_THEN_LOCAL, "fetch files"),
	    BARE(cat, CLI_FILES, CLI_REMOTE, "print files"),
	    {.name = NULL},
	};

	return commands;
}

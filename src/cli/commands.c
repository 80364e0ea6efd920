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
	    ROW(login, CLI_SIGNIN, CLI_NOTHING, "enrol this device at a server"),
	    BARE(logout, CLI_SIGNIN, CLI_NOTHING, "forget a server"),
	    BARE(whoami, CLI_SIGNIN, CLI_NOTHING, "who is signed in"),
	    ROW(devices, CLI_SIGNIN, CLI_NOTHING, "list or revoke your devices"),
	    BARE(profiles, CLI_SIGNIN, CLI_NOTHING, "list the servers that are known"),
	    ROW(ls, CLI_FILES, CLI_REMOTE, "list files"),
	    ROW(put, CLI_FILES, CLI_LOCAL_THEN_REMOTE, "store local files"),
	    ROW(get, CLI_FILES, CLI_REMOTE_THEN_LOCAL, "fetch files"),
	    ROW(cat, CLI_FILES, CLI_REMOTE, "print files"),
	    ROW(rm, CLI_FILES, CLI_REMOTE, "remove files"),
	    ROW(mv, CLI_FILES, CLI_REMOTE, "rename or move"),
	    ROW(cp, CLI_FILES, CLI_REMOTE, "copy on the server"),
	    ROW(mkdir, CLI_FILES, CLI_REMOTE, "make directories"),
	    BARE(rmdir, CLI_FILES, CLI_REMOTE, "remove empty directories"),
	    BARE(stat, CLI_FILES, CLI_REMOTE, "what is known of a file"),
	    ROW(ln, CLI_FILES, CLI_REMOTE, "make links"),
	    ROW(chmod, CLI_FILES, CLI_REMOTE, "change permission bits"),
	    ROW(touch, CLI_FILES, CLI_REMOTE, "set times, make empty files"),
	    ROW(du, CLI_FILES, CLI_REMOTE, "bytes in directories"),
	    ROW(df, CLI_FILES, CLI_NOTHING, "space on the server"),
	    ROW(find, CLI_FILES, CLI_REMOTE, "search a tree"),
	    BARE(sum, CLI_FILES, CLI_REMOTE, "SHA-256 of files"),
	    ROW(log, CLI_PAST, CLI_REMOTE, "versions of a file"),
	    ROW(restore, CLI_PAST, CLI_REMOTE, "bring back what was removed or replaced"),
	    ROW(undo, CLI_PAST, CLI_REMOTE, "take back the last change of a file"),
	    ROW(prune, CLI_PAST, CLI_REMOTE, "give up old versions for good"),
	    ROW(notify, CLI_EVENTS, CLI_NOTHING, "who downloaded your files, until seen"),
	    ROW(receipts, CLI_EVENTS, CLI_NOTHING, "who ever downloaded your files"),
	    {.name = "who-has",
	     .group = CLI_EVENTS,
	     .complete = CLI_REMOTE,
	     .summary = "who downloaded a file",
	     .run = cmd_who_has},
	    ROW(watch, CLI_EVENTS, CLI_REMOTE, "events as they happen"),
	    ROW(top, CLI_EVENTS, CLI_NOTHING, "what you are doing, live"),
	    ROW(shell, CLI_SHELL, CLI_LOCAL, "work interactively, or run a script"),
	    {.name = "__complete",
	     .group = CLI_HIDDEN,
	     .summary = "what may stand here",
	     .run = cmd_complete},
	    {.name = "__job", .group = CLI_HIDDEN, .summary = "a job of a shell", .run = cmd_job},
	    {.name = NULL},
	};

	return commands;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/commands.h"
#include "cli/globals.h"
#include "cli/shell.h"

/*
 * __complete: what may stand at the end of a command line of `cfs`, for bash, zsh and fish: the words behind "cfs" are given,
 * the last one is completed (it may be empty). One candidate a line, whole and not quoted; a directory ends in '/'.
 */

/* Nobody waits longer for a suggestion. */
#define TIMEOUT_MS 3000

/* The local shells read lines: a name that breaks one cannot be offered. */
static void
print_candidate(void *arg, const char *word, bool is_directory)
{
	struct cli *cli = arg;

	(void)is_directory;
	if (strchr(word, '\n') == NULL) {
		fprintf(cli->out, "%s\n", word);
	}
}

int
cmd_complete(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	int skip = argc > 1 && strcmp(argv[1], "--") == 0 ? 1 : 0, first = 0;
	struct arg_group group = cli_globals_group(&cli->opt);
	const struct arg_spec spec = {
	    .prog = "cfs", .groups = &group, .n_groups = 1, .max_args = -1, .stop_at_arg = true};
	struct words before;

	if (argc - skip < 2) {
		return 0;
	}
	cli->opt.timeout_ms = TIMEOUT_MS;
	/* Options before the command count: -P chooses the server. What stands at the place of the program is passed over. */
	argv += skip;
	argc -= skip;
	if (args_parse(&spec, argc - 1, argv, &first, err) != ARGS_OK) {
		return 0;
	}
	before = (struct words){.v = argv + first, .n = (size_t)(argc - 1 - first)};
	shell_complete(cli, &before, argv[argc - 1], print_candidate, cli);
	return 0;
}

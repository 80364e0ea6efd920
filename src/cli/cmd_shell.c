/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/remote.h"
#include "cli/shell.h"

/* shell: commands from a terminal, a script, standard input or -c. */

struct shell_values {
	const char *command;
};
const struct arg_opt shell_opts[] = {
    {.short_name = 'c',
     .long_name = "command",
     .kind = ARG_STRING,
     .offset = offsetof(struct shell_values, command),
     .arg_name = "CMD",
     .help = "run this one line and end with its exit code"},
};
const size_t shell_n_opts = sizeof shell_opts / sizeof *shell_opts;

/* Runs lines until the end, `exit`, or the first that fails. */
static void
run_script(struct shell *sh, FILE *f)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while (!sh->done && sh->last == 0 && interrupt_ended() == 0 &&
	       (n = getline(&line, &cap, f)) >= 0) {
		if (n > 0 && line[n - 1] == '\n') {
			line[n - 1] = '\0';
		}
		shell_line(sh, line);
	}
	free(line);
}

static int
run_file(struct shell *sh, const char *path, struct cfs_err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

	if (f == NULL) {
		return err_set_errno(err, errno, "%s", path);
	}
	run_script(sh, f);
	if (f != stdin) {
		fclose(f);
	}
	return 0;
}

int
cmd_shell(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct shell_values o = {0};
	struct shell sh = {.cli = cli};
	const struct cli_args args = {
	    .name = "shell",
	    .synopsis = "[-c CMD] [SCRIPT]",
	    .summary =
		"Work interactively, or run a script: it ends at the first command that fails.",
	    .opts = shell_opts,
	    .n_opts = shell_n_opts,
	    .values = &o,
	    .max_args = 1,
	};
	struct cfs *c;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	cli->shell = true;
	if (o.command != NULL) {
		shell_line(&sh, o.command);
	} else if (first < argc || !isatty(STDIN_FILENO)) {
		rc = run_file(&sh, first < argc ? argv[first] : "-", err);
	} else if ((rc = remote_default(cli, &c, err)) == 0) {
		interrupt_end();
		shell_interactive(&sh);
		sh.last = 0;
	}
	free(cli->cwd);
	cli->cwd = NULL;
	cli->shell = false;
	cli->exit_code = sh.last;
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
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
     .help = "run CMD and end with its exit code"},
};
const size_t shell_n_opts = sizeof shell_opts / sizeof *shell_opts;

static const struct cli_args shell_args = {
    .name = "shell",
    .synopsis = "[-c CMD] [SCRIPT]",
    .summary = "Work interactively, or run a script: it ends at the first command that fails.",
    .opts = shell_opts,
    .n_opts = sizeof shell_opts / sizeof *shell_opts,
    .max_args = 1,
};

/* Jobs that a script has left are waited for, unless it was interrupted; one that failed makes it fail. */
static void
wait_for_jobs(struct shell *sh)
{
	int last = sh->last;

	if (sh->jobs.first != NULL && last != err_exit_code(CFS_ECANCELED)) {
		shell_text(sh, "wait");
		sh->last = last != 0 ? last : sh->last;
	}
}

int
cmd_shell(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct shell_values o = {0};
	struct cli_args args = shell_args;
	struct shell sh;
	struct cfs *c;
	int first, rc;

	args.values = &o;
	rc = cli_args(cli, &args, argc, argv, &first, err);
	if (rc != 0) {
		return rc;
	}
	shell_init(&sh, cli, o.command == NULL && first == argc && isatty(STDIN_FILENO));
	if (o.command != NULL) {
		shell_text(&sh, o.command);
	} else if (!sh.interactive) {
		rc = shell_script(&sh, first < argc ? argv[first] : "-", err);
	} else if ((rc = remote_default(cli, &c, err)) == 0) {
		interrupt_end();
		shell_interactive(&sh);
	}
	if (!sh.interactive) {
		wait_for_jobs(&sh);
	}
	cli->exit_code = sh.last;
	shell_fini(&sh);
	return rc;
}

/* __job DIRECTORY TEXT: what a shell runs in the background, with its progress on descriptor 3. */
#define PAGE_FD 3

int
cmd_job(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "__job", .synopsis = "DIRECTORY TEXT", .min_args = 2, .max_args = 2};
	struct shell sh;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	cli->job = true;
	/* A job does not outlive its shell, which may be gone already: then nobody reads any more. */
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	if (out_is_abandoned(cli)) {
		return err_code(err, CFS_ECANCELED);
	}
	shell_init(&sh, cli, false);
	cli->page = progress_page_attach(PAGE_FD);
	if (cli->page != NULL) {
		close(PAGE_FD);
	}
	if (argv[first][0] != '\0') {
		cli->cwd = strdup(argv[first]);
	}
	shell_text(&sh, argv[first + 1]);
	cli->exit_code = sh.last;
	shell_fini(&sh);
	progress_page_free(cli->page);
	cli->page = NULL;
	return 0;
}

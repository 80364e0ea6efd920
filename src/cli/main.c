/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "base/args.h"
#include "cli/cli.h"
#include "cli/globals.h"
#include "cli/interrupt.h"
#include "cli/remote.h"

static void
print_commands(FILE *f)
{
	static const struct {
		enum cli_group group;
		const char *title;
	} groups[] = {
	    {CLI_SIGNIN, "Sign in"},
	    {CLI_FILES, "Files"},
	    {CLI_EVENTS, "Events"},
	    {CLI_SHELL, "Shell"},
	};

	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
		fprintf(f, "\n%s:\n", groups[g].title);
		for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
			if (c->group == groups[g].group) {
				fprintf(f, "  %-9s %s\n", c->name, c->summary);
			}
		}
	}
	fputs("\n'cfs COMMAND --help' tells about one of them; the manual is cfs(1).\n", f);
}

/* Reads what stands before the command. Returns an enum args_result or a negative code. */
static int
read_globals(struct cli *cli, int argc, char **argv, int *first_out, struct cfs_err *err)
{
	struct arg_group group = cli_globals_group(&cli->opt);
	struct arg_spec spec = {
	    .prog = "cfs",
	    .synopsis = "[options] COMMAND [arguments]",
	    .summary = "Files on your own server.",
	    .groups = &group,
	    .n_groups = 1,
	    .min_args = 0,
	    .max_args = -1,
	    .stop_at_arg = true,
	};
	int rc = args_parse(&spec, argc, argv, first_out, err);

	if (rc == ARGS_HELP || (rc == ARGS_OK && *first_out >= argc)) {
		args_print_help(rc == ARGS_HELP ? stdout : stderr, &spec);
		print_commands(rc == ARGS_HELP ? stdout : stderr);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct cli cli = {.out = stdout, .msg = stderr};
	struct cfs_err err = CFS_ERR_INIT;
	int first = argc, rc, code;

	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	cli_globals_init(&cli.opt);
	rc = cli_globals_from_env(&cli.opt, &err);
	if (rc == 0) {
		rc = read_globals(&cli, argc, argv, &first, &err);
	}
	if (rc < 0) {
		fprintf(stderr, "cfs: %s\n", err.text);
		return err_exit_code(rc);
	}
	if (rc == ARGS_HELP) {
		return 0;
	}
	if (rc == ARGS_VERSION) {
		printf("cfs %s\n", cli_version());
		return 0;
	}
	if (first >= argc) {
		return err_exit_code(CFS_EUSAGE);
	}
	interrupt_install(&cli);
	interrupt_begin();
	code = cli_run(&cli, argc - first, argv + first);
	if (interrupt_end()) {
		code = err_exit_code(CFS_ECANCELED);
	}
	remote_close_all(&cli);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "cfs: cannot write to standard output\n");
		code = code != 0 ? code : 1;
	}
	return code;
}

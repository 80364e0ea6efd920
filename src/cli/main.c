/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "base/args.h"
#include "base/io.h"
#include "cli/cli.h"
#include "cli/globals.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/remote.h"

static void
print_commands(FILE *f)
{
	static const struct {
		enum cli_group group;
		const char *title;
	} groups[] = {
	    {CLI_SIGNIN, "Sign in"}, {CLI_FILES, "Files"}, {CLI_PAST, "The past"},
	    {CLI_EVENTS, "Events"},  {CLI_SHELL, "Shell"},
	};

	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
		fprintf(f, "\n%s:\n", groups[g].title);
		for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
			if (c->group == groups[g].group) {
				fprintf(f, "  %-9s %s\n", c->name, c->summary);
			}
		}
	}
	fputs(
	    "\nRemote paths: docs/a is in your own tree, /bob/a in bob's; NAME:docs/a is at another\n"
	    "profile's server. 'cfs COMMAND --help' tells about one command; the manual is cfs(1).\n",
	    f);
}

/* Reads what stands before the command. Returns an enum args_result or a negative code. */
static int
read_globals(struct cli *cli, int argc, char **argv, int *first_out, struct cfs_err *err)
{
	struct arg_group group = cli_globals_group(&cli->opt);
	struct arg_spec spec = {
	    .prog = "cfs",
	    .synopsis = "[options] COMMAND [arguments]",
	    .summary = "Keep files on your own server: begin with 'cfs login INVITE'.",
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

/* Writes out what is left. As other tools do, the program ends by SIGPIPE without a word if nobody reads. */
static int
finish_output(const struct cli *cli, int code)
{
	bool failed = fflush(cli->out) != 0 || ferror(cli->out);

	if (!failed && !cli->abandoned) {
		return code;
	}
	if (cli->abandoned || out_is_abandoned(cli)) {
		interrupt_die(SIGPIPE);
	}
	fputs("cfs: cannot write to standard output\n", stderr);
	return code != 0 ? code : err_exit_code(CFS_ELOCALIO);
}

static int
run(struct cli *cli, int argc, char **argv)
{
	int code, sig;

	interrupt_install(cli);
	interrupt_begin();
	code = cli_run(cli, argc, argv);
	sig = interrupt_end();
	remote_close_all(cli);
	sig = interrupt_ended() != 0 ? interrupt_ended() : sig;
	if (sig != 0 && sig != SIGINT) {
		interrupt_die(sig);
	}
	return sig != 0 ? err_exit_code(CFS_ECANCELED) : code;
}

/* "help COMMAND" is "COMMAND --help", "help" alone "--help": what people type first. */
static void
help_is_an_option(int argc, char **argv, char *option)
{
	if (argc < 2 || strcmp(argv[1], "help") != 0) {
		return;
	}
	argv[1] = argc > 2 ? argv[2] : option;
	if (argc > 2) {
		argv[2] = option;
	}
}

int
main(int argc, char **argv)
{
	char help[] = "--help";
	struct cli cli = {.out = stdout, .msg = stderr};
	struct conf conf = CONF_INIT;
	struct cfs_err err = CFS_ERR_INIT;
	int first = argc, rc, code = 0;

	fd_keep_standard();
	setlocale(LC_ALL, "");
	help_is_an_option(argc, argv, help);
	rc = cli_globals_init(&cli.opt, &conf, &err);
	if (rc == 0) {
		rc = read_globals(&cli, argc, argv, &first, &err);
	}
	if (rc < 0) {
		cli_error(&cli, NULL, NULL, rc, err.text);
		code = err_exit_code(rc);
	} else if (rc == ARGS_VERSION) {
		printf("cfs %s\n", cli_version());
	} else if (rc == ARGS_OK && first >= argc) {
		code = err_exit_code(CFS_EUSAGE);
	} else if (rc == ARGS_OK) {
		code = run(&cli, argc - first, argv + first);
	}
	code = finish_output(&cli, code);
	conf_fini(&conf);
	return code;
}

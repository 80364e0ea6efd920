/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/globals.h"
#include "cli/output.h"

const struct cli_command *
cli_command_find(const char *name)
{
	for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0) {
			return c;
		}
	}
	return NULL;
}

int
cli_args(struct cli *cli, const struct cli_args *a, int argc, char **argv, int *first_out,
	 struct cfs_err *err)
{
	char prog[32];
	struct arg_group groups[2] = {
	    {.title = "Options", .opts = a->opts, .n = a->n_opts, .values = a->values},
	    cli_globals_group(&cli->opt),
	};
	struct arg_spec spec = {
	    .prog = prog,
	    .synopsis = a->synopsis,
	    .summary = a->summary,
	    .footer = a->footer,
	    .groups = a->n_opts > 0 ? groups : groups + 1,
	    .n_groups = a->n_opts > 0 ? 2 : 1,
	    .min_args = a->min_args,
	    .max_args = a->max_args,
	};
	int rc;

	snprintf(prog, sizeof prog, "%s%s", cli->shell ? "" : "cfs ", a->name);
	rc = args_parse(&spec, argc, argv, first_out, err);
	if (rc == ARGS_HELP) {
		args_print_help(cli->out, &spec);
		return CLI_ARGS_DONE;
	}
	if (rc == ARGS_VERSION) {
		fprintf(cli->out, "cfs %s\n", cli_version());
		return CLI_ARGS_DONE;
	}
	return rc;
}

int
cli_usage(const char *name, struct cfs_err *err, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(err, CFS_EUSAGE, "%s; try 'cfs %s --help'", text, name);
}

/* The one place that prints an error: text for people, or an object for programs. */
static void
print_error(const struct cli *cli, const char *command, const char *item, int code,
	    const char *text)
{
	char *shown = item != NULL ? out_escape(item) : NULL;

	fflush(cli->out);
	if (cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "error", json_string(err_name(code)));
		json_object_set_new(o, "exit_code", json_integer(err_exit_code(code)));
		json_object_set_new(o, "command", json_string(command));
		if (item != NULL) {
			out_json_name(o, "item", item);
		}
		out_json_name(o, "message", text);
		json_dumpf(o, cli->msg, JSON_COMPACT);
		fputc('\n', cli->msg);
		json_decref(o);
	} else if (shown != NULL) {
		fprintf(cli->msg, "cfs %s: %s: %s\n", command, shown, text);
	} else {
		fprintf(cli->msg, "cfs %s: %s\n", command, text);
	}
	free(shown);
}

void
cli_item_failed(struct cli *cli, const char *command, const char *item, int code, const char *text)
{
	print_error(cli, command, item, code,
		    text != NULL && *text != '\0' ? text : err_text(code));
	if (cli->failed++ == 0) {
		cli->first_failure = code;
	}
}

void
cli_item_done(struct cli *cli)
{
	cli->done++;
}

int
cli_outcome(struct cli *cli, struct cfs_err *err)
{
	int code = cli->failed == 0 ? 0 : cli->done > 0 ? CFS_EPARTIAL : cli->first_failure;

	if (err != NULL) {
		err->code = code;
		err->text[0] = '\0';
	}
	return code;
}

int
cli_run(struct cli *cli, int argc, char **argv)
{
	const struct cli_command *command = cli_command_find(argv[0]);
	const struct cli_globals saved = cli->opt;
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	if (command == NULL) {
		fprintf(cli->msg, "cfs: no command '%s'; try 'cfs --help'\n", argv[0]);
		return err_exit_code(CFS_EUSAGE);
	}
	cli->done = cli->failed = 0;
	cli->exit_code = 0;
	rc = command->run(cli, argc, argv, &err);
	if (rc < 0 && err.text[0] != '\0') {
		print_error(cli, command->name, NULL, rc, err.text);
	}
	if (fflush(cli->out) != 0 && rc == 0) {
		fprintf(cli->msg, "cfs %s: cannot write the output: %s\n", command->name,
			strerror(errno));
		rc = CFS_ELOCALIO;
	}
	cli->opt = saved;
	return rc < 0 ? err_exit_code(rc) : cli->exit_code;
}

void
cli_note(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->opt.quiet) {
		return;
	}
	va_start(ap, fmt);
	vfprintf(cli->msg, fmt, ap);
	va_end(ap);
	fputc('\n', cli->msg);
}

void
cli_verbose(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->opt.verbose == 0) {
		return;
	}
	va_start(ap, fmt);
	vfprintf(cli->msg, fmt, ap);
	va_end(ap);
	fputc('\n', cli->msg);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/globals.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/shell.h"

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

static void
print_error_object(const struct cli *cli, const char *command, const char *item, int code,
		   const char *text)
{
	json_t *o = json_object();

	json_object_set_new(o, "error", json_string(err_name(code)));
	json_object_set_new(o, "exit_code", json_integer(err_exit_code(code)));
	if (command != NULL) {
		json_object_set_new(o, "command", json_string(command));
	}
	if (item != NULL) {
		out_json_name(o, "item", item);
	}
	out_json_name(o, "message", text);
	json_dumpf(o, cli->msg, JSON_COMPACT);
	fputc('\n', cli->msg);
	json_decref(o);
}

/* Whether text begins with name and ": "; in an error's text control characters have become '?'. */
static bool
names_it(const char *text, const char *name)
{
	size_t i = 0;

	for (; name[i] != '\0'; i++) {
		unsigned char c = (unsigned char)name[i];

		if (text[i] != name[i] && !((c < 0x20 || c == 0x7f) && text[i] == '?')) {
			return false;
		}
	}
	return i > 0 && strncmp(text + i, ": ", 2) == 0;
}

/* A lower layer may have named the item already, or its last component. */
static const char *
without_item(const char *text, const char *item)
{
	const char *const names[] = {item,
				     strrchr(item, '/') != NULL ? strrchr(item, '/') + 1 : item};

	for (size_t i = 0; i < 2; i++) {
		if (names_it(text, names[i])) {
			return text + strlen(names[i]) + 2;
		}
	}
	return text;
}

int
cli_wrap(struct cfs_err *err, const char *item)
{
	const char *rest = without_item(err->text, item);

	memmove(err->text, rest, strlen(rest) + 1);
	return err_wrap(err, "%s", *item != '\0' ? item : ".");
}

void
cli_error(const struct cli *cli, const char *command, const char *item, int code, const char *text)
{
	char *shown;

	if (item != NULL) {
		text = without_item(text, item);
	}

	if (cli->progress != NULL) {
		progress_clear(cli->progress);
	}
	fflush(cli->out);
	if (cli->opt.json) {
		print_error_object(cli, command, item, code, text);
		return;
	}
	fprintf(cli->msg, "cfs%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
	if (item != NULL) {
		shown = out_escape(item);
		fprintf(cli->msg, "%s: ", shown != NULL ? shown : "");
		free(shown);
	}
	fprintf(cli->msg, "%s\n", text);
}

void
cli_item_failed(struct cli *cli, const char *command, const char *item, int code, const char *text)
{
	cli_error(cli, command, item, code, text != NULL && *text != '\0' ? text : err_text(code));
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

bool
cli_is_fatal(int code)
{
	return code == CFS_ENET || code == CFS_ECANCELED || code == CFS_ENOMEM ||
	       code == CFS_ENOTSIGNEDIN || code == CFS_EKEYCHANGED || code == CFS_EAUTH ||
	       code == CFS_ESTREAMLOST || code == CFS_ESUPERSEDED || code == CFS_ETIMEDOUT;
}

int
cli_check(const struct cli *cli, struct cfs_err *err)
{
	if (interrupt_pending() != 0) {
		return err_code(err, CFS_ECANCELED);
	}
	if (ferror(cli->out) || cli->abandoned) {
		if (err != NULL) {
			*err = (struct cfs_err){.code = CFS_ECANCELED};
		}
		return CFS_ECANCELED;
	}
	return 0;
}

void
cli_did(struct cli *cli, const char *verb, const char *path, bool dry_run)
{
	char *shown;

	if (cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "action", json_string(verb));
		out_json_name(o, "path", path);
		if (dry_run) {
			json_object_set_new(o, "dry_run", json_true());
		}
		out_json(cli, o);
		return;
	}
	if (!dry_run && cli->opt.verbose == 0) {
		return;
	}
	shown = out_escape(path);
	fprintf(dry_run ? cli->out : cli->msg, "%s%s%s%s\n", dry_run ? "would " : "",
		dry_run ? verb : "", dry_run ? " " : "", shown != NULL ? shown : "");
	free(shown);
}

static int
no_command(struct cli *cli, const char *name)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct suggest near;

	suggest_init(&near, name);
	for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
		if (c->group != CLI_HIDDEN) {
			suggest_offer(&near, c->name);
		}
	}
	for (const struct shell_builtin *b = shell_builtins(); cli->shell && b->name != NULL; b++) {
		suggest_offer(&near, b->name);
	}
	if (near.best != NULL) {
		err_set(&err, CFS_EUSAGE, "no command '%s'; did you mean '%s'?", name, near.best);
	} else {
		err_set(&err, CFS_EUSAGE, "no command '%s'; try '%s'", name,
			cli->shell ? "help" : "cfs --help");
	}
	cli_error(cli, NULL, NULL, err.code, err.text);
	return err_exit_code(err.code);
}

int
cli_run(struct cli *cli, int argc, char **argv)
{
	const struct cli_command *command = cli_command_find(argv[0]);
	const struct cli_globals saved = cli->opt;
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	if (command == NULL) {
		return no_command(cli, argv[0]);
	}
	cli->done = cli->failed = 0;
	cli->exit_code = 0;
	cli->abandoned = false;
	rc = command->run(cli, argc, argv, &err);
	if (rc < 0 && err.text[0] != '\0') {
		cli_error(cli, command->name, NULL, rc, err.text);
	}
	/* A stream that failed stays so until main() looks, or the shell goes on. */
	if (fflush(cli->out) != 0 && rc == 0) {
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

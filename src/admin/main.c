/* SPDX-License-Identifier: GPL-3.0-or-later */

/* cfsadm: options, settings, and then the command. */

#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "base/version.h"

static const struct admin_cmd commands[] = {
    {"init", cmd_init},       {"invite", cmd_invite},
    {"user", cmd_user},       {"quota", cmd_quota},
    {"status", cmd_status},   {"fsck", cmd_fsck},
    {"gc", cmd_gc},           {"scrub", cmd_scrub},
    {"backup", cmd_backup},   {"verify-backup", cmd_verify_backup},
    {"restore", cmd_restore}, {"rotate-key", cmd_rotate_key},
    {"top", cmd_top},         {"sessions", cmd_sessions},
    {"kick", cmd_kick},       {"events", cmd_events},
    {"watch", cmd_events},
};

static const struct arg_opt opts[] = {
    {.short_name = 'c',
     .long_name = "config",
     .kind = ARG_STRING,
     .offset = offsetof(struct admin, config_path),
     .arg_name = "FILE",
     .help = "read settings from FILE instead of " CONFIG_DEFAULT_PATH},
    {.long_name = "json",
     .kind = ARG_FLAG,
     .offset = offsetof(struct admin, json),
     .help = "print JSON: one object, or one a line"},
};

/* The commands know these too, on either side of their name. */
int
admin_args(struct admin *a, const struct arg_spec *spec, int argc, char **argv, int *first_out,
	   struct cfs_err *err)
{
	struct arg_group groups[2];
	struct arg_spec whole = *spec;
	size_t n = 0;
	int rc;

	if (spec->n_groups > 0)
		groups[n++] = spec->groups[0];
	groups[n++] = (struct arg_group){
	    .title = "Common options", .opts = opts, .n = ARRAY_SIZE(opts), .values = a};
	whole.groups = groups;
	whole.n_groups = n;
	if (a->completing) {
		admin_offer(a, &whole);
		return ARGS_HELP;
	}
	rc = args_parse(&whole, argc, argv, first_out, err);
	if (rc == ARGS_HELP)
		args_print_help(stdout, &whole);
	else if (rc == ARGS_VERSION)
		(void)printf("cfsadm %s\n", version_text());
	return rc;
}

static void
print_error(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "cfsadm: %s\n", text);
}

int
admin_config(struct admin *a, struct cfs_err *err)
{
	return config_load(a->config_path, a->json ? NULL : print_error, NULL, &a->config, err);
}

/* Says what went wrong on standard error, with --json as an object. Returns the exit code. */
static int
fail(const struct admin *a, const struct cfs_err *err, bool printed)
{
	int exit_code = err_exit_code(err->code);

	if (a->json)
		output_json_error(err_name(err->code), exit_code, err->text);
	else if (!printed)
		(void)fprintf(stderr, "cfsadm: %s\n", err->text);
	return exit_code;
}

const struct admin_cmd *
admin_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int
run(struct admin *a, const struct arg_spec *spec, int argc, char **argv)
{
	struct cfs_err err = CFS_ERR_INIT;
	const struct admin_cmd *cmd = admin_find(argv[0]);
	int rc;

	if (!cmd) {
		args_usage_error(spec, &err, "'%s' is not a command", argv[0]);
		return fail(a, &err, false);
	}
	rc = cmd->run(a, argc, argv, &err);
	config_free(a->config);
	return rc ? fail(a, &err, rc == CFS_ECONFIG && !a->config) : 0;
}

int
main(int argc, char **argv)
{
	struct admin a = {.config_path = CONFIG_DEFAULT_PATH};
	const struct arg_spec spec = {
	    .prog = "cfsadm",
	    .synopsis = "[-c FILE] [--json] COMMAND [options] [args]",
	    .summary = "Administration of a CFS server, on the machine that it runs on.",
	    .footer = "Commands, each of which knows --help:\n"
		      "  init     make an empty store and the server's key\n"
		      "  invite   print a one-time invite for a user\n"
		      "  user     list, add and change users\n"
		      "  quota    say or set what a user's files may take\n"
		      "  status   say how the server and its store are\n"
		      "  sessions who is connected\n"
		      "  kick     end connections\n"
		      "  top      all of it, live\n"
		      "  events   what happens, as it happens\n"
		      "  fsck     check the store\n"
		      "  gc       remove now what would go by and by\n"
		      "  scrub    read all content again and compare it with its hashes\n"
		      "  backup   copy the store, while it is served\n"
		      "  verify-backup  check a backup\n"
		      "  restore  make a store from a backup\n"
		      "  rotate-key  give the server another key, in two steps\n",
	    .min_args = 1,
	    .max_args = -1,
	    .stop_at_arg = true,
	};
	struct cfs_err err = CFS_ERR_INIT;
	int first, rc;

	fd_keep_standard();
	(void)setlocale(LC_CTYPE, "");
	log_set_level(LVL_ERROR);
	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		return admin_complete(&a, &spec, argc - 1, argv + 1);
	rc = admin_args(&a, &spec, argc, argv, &first, &err);
	if (rc < 0)
		return fail(&a, &err, false);
	if (rc != ARGS_OK)
		return 0;
	return run(&a, &spec, argc - first, argv + first);
}

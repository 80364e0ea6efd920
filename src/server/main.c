/* SPDX-License-Identifier: GPL-3.0-or-later */

/* cfsd: options, settings, and then the hub. */

#include <stdio.h>

#include "base/args.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/version.h"
#include "server/activation.h"
#include "server/config.h"
#include "server/hub.h"

struct options {
	const char *config;
	bool check, foreground, sample;
};

static const struct arg_opt opts[] = {
    {.short_name = 'c',
     .long_name = "config",
     .kind = ARG_STRING,
     .offset = offsetof(struct options, config),
     .arg_name = "FILE",
     .help = "read settings from FILE instead of " CONFIG_DEFAULT_PATH},
    {.long_name = "check-config",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, check),
     .help = "check the settings, say what is wrong with them, and exit"},
    {.long_name = "sample-config",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, sample),
     .help = "print every setting with its meaning and default, and exit"},
    {.short_name = 'f',
     .long_name = "foreground",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, foreground),
     .help = "stay in the foreground (always so; for service managers that ask)"},
};

static void
print_error(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "cfsd: %s\n", text);
}

static int
fail(const struct cfs_err *err)
{
	(void)fprintf(stderr, "cfsd: %s\n", err->text);
	return err_exit_code(err->code);
}

static int
run(const struct options *o)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct config *config;
	int rc;

	rc = config_load(o->config, print_error, NULL, &config, &err);
	if (rc == CFS_ECONFIG)
		return err_exit_code(rc); /* every error was printed */
	if (rc)
		return fail(&err);
	if (o->check) {
		(void)printf("%s: no errors\n", o->config);
		config_free(config);
		return 0;
	}
	if (config_apply_log(config, "cfsd", &err)) {
		config_free(config);
		return fail(&err);
	}
	return hub_run(o->config, config, &err) ? fail(&err) : 0;
}

int
main(int argc, char **argv)
{
	struct options o = {.config = CONFIG_DEFAULT_PATH};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsd",
	    .synopsis = "[-c FILE] [--check-config]",
	    .summary = "The CFS server: serves one store to any number of clients.",
	    .groups = &group,
	    .n_groups = 1,
	};
	struct cfs_err err = CFS_ERR_INIT;
	int first;

	fd_keep_standard();
	activation_close_others();
	switch (args_parse(&spec, argc, argv, &first, &err)) {
	case ARGS_OK:
		break;
	case ARGS_HELP:
		args_print_help(stdout, &spec);
		return 0;
	case ARGS_VERSION:
		(void)printf("cfsd %s\n", version_text());
		return 0;
	default:
		return fail(&err);
	}
	if (o.sample) {
		config_print_sample(stdout);
		return 0;
	}
	return run(&o);
}

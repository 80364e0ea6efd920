/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/globals.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/version.h"

static int
set_color(void *values, const char *text, struct cfs_err *err)
{
	struct cli_globals *g = values;

	if (strcmp(text, "auto") == 0) {
		g->color = CLI_COLOR_AUTO;
	} else if (strcmp(text, "always") == 0) {
		g->color = CLI_COLOR_ALWAYS;
	} else if (strcmp(text, "never") == 0) {
		g->color = CLI_COLOR_NEVER;
	} else {
		return err_set(err, CFS_EUSAGE, "'%s' is not auto, always or never", text);
	}
	return 0;
}

#define OPT(short_, long_, kind_, field, arg_, help_)                                              \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = (kind_),                     \
		.offset = offsetof(struct cli_globals, field), .arg_name = (arg_), .help = (help_) \
	}

static const struct arg_opt global_opts[] = {
    OPT(0, "json", ARG_FLAG, json, NULL, "print JSON: one object, or one a line"),
    OPT('q', "quiet", ARG_FLAG, quiet, NULL, "no progress, no notes"),
    OPT('v', "verbose", ARG_COUNT, verbose, NULL, "say what is done"),
    OPT('P', "profile", ARG_STRING, profile, "NAME", "sign in with this profile"),
    OPT(0, "timeout", ARG_DURATION, timeout_ms, "TIME", "give up on an answer after so long (30s)"),
    OPT(0, "bwlimit", ARG_SIZE, bwlimit, "RATE", "at most so many bytes a second each way"),
    OPT(0, "password-file", ARG_STRING, password_file, "FILE", "sign in with the password in FILE"),
    OPT(0, "password-command", ARG_STRING, password_command, "CMD",
	"sign in with the password that CMD prints"),
    {.long_name = "color",
     .kind = ARG_CALL,
     .call = set_color,
     .arg_name = "WHEN",
     .help = "auto, always or never"},
};

void
cli_globals_init(struct cli_globals *g)
{
	*g = (struct cli_globals){.timeout_ms = 30000};
}

struct arg_group
cli_globals_group(struct cli_globals *g)
{
	return (struct arg_group){
	    .title = "Options of every command",
	    .opts = global_opts,
	    .n = sizeof global_opts / sizeof *global_opts,
	    .values = g,
	};
}

int
cli_globals_from_env(struct cli_globals *g, struct cfs_err *err)
{
	const char *v;

	if ((v = getenv("NO_COLOR")) != NULL && *v != '\0') {
		g->color = CLI_COLOR_NEVER;
	}
	if ((v = getenv("CFS_JSON")) != NULL && strcmp(v, "0") != 0 && *v != '\0') {
		g->json = true;
	}
	g->profile = getenv("CFS_PROFILE");
	g->password_file = getenv("CFS_PASSWORD_FILE");
	g->password_command = getenv("CFS_PASSWORD_COMMAND");
	if ((v = getenv("CFS_TIMEOUT")) != NULL && duration_parse(v, &g->timeout_ms) != 0) {
		return err_set(err, CFS_EUSAGE, "CFS_TIMEOUT: '%s' is not a time like 30s", v);
	}
	if ((v = getenv("CFS_BWLIMIT")) != NULL && size_parse(v, &g->bwlimit) != 0) {
		return err_set(err, CFS_EUSAGE, "CFS_BWLIMIT: '%s' is not a size like 10M", v);
	}
	return 0;
}

const char *
cli_version(void)
{
	return version_text();
}

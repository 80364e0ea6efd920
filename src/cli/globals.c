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

#define CONF_FILE "/etc/cfs/cfs.conf"

static const char *const color_words[] = {"auto", "always", "never", NULL};

#define KEY(key_, type_, field, def_, doc_)                                                        \
	{                                                                                          \
		.section = "cli", .key = (key_), .type = (type_),                                  \
		.offset = offsetof(struct cli_globals, field), .def = (def_), .doc = (doc_)        \
	}

static const struct conf_key keys[] = {
    KEY("profile", CONF_STRING, profile, NULL, "Sign in with this profile."),
    KEY("timeout", CONF_DURATION, timeout_ms, "30s", "How long to wait for an answer."),
    KEY("bwlimit", CONF_SIZE, bwlimit, "0", "Bytes a second each way at most; 0: no limit."),
    KEY("json", CONF_BOOL, json, "no", "Print JSON."),
    KEY("quiet", CONF_BOOL, quiet, "no", "No progress, no notes."),
    KEY("password-file", CONF_STRING, password_file, NULL, "Sign in with the password in it."),
    KEY("password-command", CONF_STRING, password_command, NULL,
	"Sign in with the password that it prints."),
    {.section = "cli",
     .key = "color",
     .type = CONF_ENUM,
     .offset = offsetof(struct cli_globals, color),
     .def = "auto",
     .values = color_words,
     .doc = "Colours in listings."},
};

/* The defaults, and what the file says over them. */
static int
read_file(struct cli_globals *g, struct conf *conf, struct cfs_err *err)
{
	const struct conf_table table = {.keys = keys, .n = sizeof keys / sizeof *keys};
	const char *named = getenv("CFS_CONF");
	int rc;

	if (named != NULL && *named != '\0') {
		return conf_parse_file(conf, named, &table, g, NULL, NULL, err);
	}
	rc = conf_parse_file(conf, CONF_FILE, &table, g, NULL, NULL, err);
	if (rc == CFS_ENOENT) {
		rc = conf_parse_text(conf, CONF_FILE, "", 0, &table, g, NULL, NULL, err);
	}
	return rc;
}

/* A variable that is set to something. */
static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

static int
read_env(struct cli_globals *g, struct cfs_err *err)
{
	const char *v;

	if (env("NO_COLOR") != NULL) {
		g->color = CLI_COLOR_NEVER;
	}
	if ((v = env("CFS_JSON")) != NULL) {
		g->json = strcmp(v, "0") != 0 && strcmp(v, "no") != 0;
	}
	g->profile = (v = env("CFS_PROFILE")) != NULL ? v : g->profile;
	g->password_file = (v = env("CFS_PASSWORD_FILE")) != NULL ? v : g->password_file;
	g->password_command = (v = env("CFS_PASSWORD_COMMAND")) != NULL ? v : g->password_command;
	if ((v = env("CFS_TIMEOUT")) != NULL && duration_parse(v, &g->timeout_ms) != 0) {
		return err_set(err, CFS_EUSAGE, "CFS_TIMEOUT: '%s' is not a time like 30s", v);
	}
	if ((v = env("CFS_BWLIMIT")) != NULL && size_parse(v, &g->bwlimit) != 0) {
		return err_set(err, CFS_EUSAGE, "CFS_BWLIMIT: '%s' is not a size like 10M", v);
	}
	return 0;
}

int
cli_globals_init(struct cli_globals *g, struct conf *conf, struct cfs_err *err)
{
	int rc;

	*g = (struct cli_globals){.timeout_ms = 30000};
	rc = read_file(g, conf, err);
	return rc == 0 ? read_env(g, err) : rc;
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

static int
add_word(struct words *out, const char *name, const char *value)
{
	struct buf b = BUF_INIT;
	int rc = buf_appendf(&b, "--%s=%s", name, value);

	if (rc == 0) {
		rc = words_add_bytes(out, (const char *)b.data, b.len);
	}
	buf_fini(&b);
	return rc;
}

int
cli_globals_words(const struct cli_globals *g, struct words *out)
{
	const struct {
		const char *name, *value;
	} strings[] = {
	    {"profile", g->profile},
	    {"password-file", g->password_file},
	    {"password-command", g->password_command},
	    {"color", color_words[g->color]},
	};
	char number[32];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof strings / sizeof *strings; i++) {
		if (strings[i].value != NULL) {
			rc = add_word(out, strings[i].name, strings[i].value);
		}
	}
	if (rc == 0) {
		snprintf(number, sizeof number, "%lldms", (long long)g->timeout_ms);
		rc = add_word(out, "timeout", number);
	}
	if (rc == 0) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)g->bwlimit);
		rc = add_word(out, "bwlimit", number);
	}
	if (rc == 0 && g->json) {
		rc = words_add(out, "--json");
	}
	if (rc == 0 && g->quiet) {
		rc = words_add(out, "--quiet");
	}
	for (int i = 0; rc == 0 && i < g->verbose; i++) {
		rc = words_add(out, "--verbose");
	}
	return rc;
}

const char *
cli_version(void)
{
	return version_text();
}

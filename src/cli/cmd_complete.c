/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/complete.h"
#include "cli/commands.h"
#include "cli/globals.h"
#include "cli/shell.h"
#include "show/top.h"

/* __complete: what may stand at the end of a command line of `cfs`, see base/complete.h. */

/* Nobody waits longer for a suggestion. */
#define TIMEOUT_MS 3000

struct line {
	struct complete words;
	const struct cli_command *command; /* NULL: not typed yet */
	struct arg_group groups[2];        /* of the command, of all commands */
};

static const char *
help_of(const struct line *l, const char *word)
{
	const struct cli_command *c = l->command == NULL ? cli_command_find(word) : NULL;

	for (size_t g = 0; g < 2 && strncmp(word, "--", 2) == 0; g++) {
		for (size_t i = 0; i < l->groups[g].n; i++) {
			if (strcmp(l->groups[g].opts[i].long_name, word + 2) == 0) {
				return l->groups[g].opts[i].help;
			}
		}
	}
	return c != NULL ? c->summary : NULL;
}

static void
print_candidate(void *arg, const char *word, bool is_directory)
{
	struct line *l = arg;

	(void)is_directory;
	complete_offer(&l->words, word, help_of(l, word));
}

static int
offer_profile(void *arg, const struct cfs_profile *p, bool is_default)
{
	(void)is_default;
	complete_offer(arg, p->name, p->host);
	return 0;
}

static void
offer_profiles(struct complete *c)
{
	struct cfs_err err = CFS_ERR_INIT;

	cfs_profile_list(offer_profile, c, &err);
}

static void
offer_value(struct complete *c, const struct arg_opt *o)
{
	static const struct {
		const char *option, *value, *help;
	} values[] = {
	    {"color", "auto", "on a terminal"}, {"color", "always", NULL},
	    {"color", "never", NULL},           {"type", "f", "file"},
	    {"type", "d", "directory"},         {"type", "l", "symbolic link"},
	};

	if (strcmp(o->long_name, "profile") == 0) {
		offer_profiles(c);
	} else if (strcmp(o->arg_name, "FILE") == 0) {
		complete_files(c, false);
	} else if (strcmp(o->arg_name, TOP_SORT_KIND) == 0) {
		top_offer_sorts(c);
	}
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		if (strcmp(o->long_name, values[i].option) == 0) {
			complete_offer(c, values[i].value, values[i].help);
		}
	}
}

static void
complete(struct cli *cli, struct line *l, struct words *before)
{
	const struct arg_opt *o;

	l->groups[1] = cli_globals_group(&cli->opt);
	if (before->n > 0) {
		l->command = cli_command_find(before->v[0]);
	}
	if (l->command != NULL && l->command->n_opts != NULL) {
		l->groups[0] =
		    (struct arg_group){.opts = l->command->opts, .n = *l->command->n_opts};
	}
	o = complete_value_of(&l->words, l->groups, 2);
	if (o != NULL) {
		offer_value(&l->words, o);
	} else if (l->command != NULL && strcmp(l->command->name, "logout") == 0 &&
		   l->words.typed[0] != '-') {
		offer_profiles(&l->words);
	} else {
		shell_complete(cli, before, l->words.typed, print_candidate, l);
	}
}

int
cmd_complete(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct arg_group group = cli_globals_group(&cli->opt);
	const struct arg_spec spec = {
	    .prog = "cfs", .groups = &group, .n_groups = 1, .max_args = -1, .stop_at_arg = true};
	struct line l = {.command = NULL};
	struct words before = {.n = 0};
	int first = 0, n;

	if (!complete_init(&l.words, argc, argv, cli->out)) {
		return 0;
	}
	n = l.words.n - 1;
	cli->opt.timeout_ms = TIMEOUT_MS;
	/* Options before the command count: -P chooses the server. One that lacks its value is being typed. */
	if (args_parse(&spec, n, l.words.words, &first, err) == ARGS_OK) {
		before = (struct words){.v = l.words.words + first, .n = (size_t)(n - first)};
	}
	complete(cli, &l, &before);
	shell_complete_forget(cli);
	complete_fini(&l.words);
	return 0;
}

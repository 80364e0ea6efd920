/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "show/top.h"

/* top: the user's own connections, transfers and events, live. */

struct top_command {
	struct cli *cli;
	struct cfs *c;
};

static int
look(void *arg, uint64_t log_since, struct cfs_top **out, struct cfs_err *err)
{
	struct top_command *t = arg;

	(void)log_since;
	return cfs_top(t->c, out, err);
}

static int
events(void *arg, uint64_t since, int (*each)(void *each_arg, const struct cfs_event *e),
       void *each_arg, uint64_t *last_out, struct cfs_err *err)
{
	struct top_command *t = arg;

	return cfs_events(t->c, since, 1000, 0, each, each_arg, last_out, err);
}

static int
check(void *arg, struct cfs_err *err)
{
	struct top_command *t = arg;

	return cli_check(t->cli, err);
}

int
cmd_top(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct top_options o = TOP_OPTIONS_INIT;
	struct top_command t = {.cli = cli};
	const struct top_source source = {
	    .look = look, .events = events, .check = check, .arg = &t, .title = "cfs top"};
	const struct cli_args args = {
	    .name = "top",
	    .synopsis = "[-i TIME] [--once]",
	    .summary =
		"Show what you are doing on the server, live: connections, transfers, events.",
	    .opts = top_opts,
	    .n_opts = top_n_opts,
	    .values = &o,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	rc = remote_default(cli, &t.c, err);
	return rc != 0 ? rc : top_show(&source, &o, cli->opt.json, out_colors(cli), cli->out, err);
}

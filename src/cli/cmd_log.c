/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/versions.h"

/* log: the versions of a file, the newest first. */

struct log_values {
	int64_t max;
	bool human;
};

const struct arg_opt log_opts[] = {
    {.short_name = 'n',
     .long_name = "max",
     .kind = ARG_INT,
     .offset = offsetof(struct log_values, max),
     .arg_name = "N",
     .help = "at most so many",
     .min = 1,
     .max = INT32_MAX},
    {.short_name = 'h',
     .long_name = "human-readable",
     .kind = ARG_FLAG,
     .offset = offsetof(struct log_values, human),
     .help = "sizes as 1.5K, 23M"},
};
const size_t log_n_opts = sizeof log_opts / sizeof *log_opts;

struct log_run {
	struct cli *cli;
	struct log_values o;
};

/* "replaced 2026-01-31 14:03 by alice", and from where, if that was elsewhere. */
static void
print_end(const struct log_run *l, struct cfs *c, const char *path, const struct cfs_version *v)
{
	FILE *f = l->cli->out;
	char time[32], name[65] = "?", *where;

	if (v->id == 0) {
		fprintf(f, "now");
	} else {
		out_time(time, sizeof time, v->removed_ns);
		cfs_user_name(c, v->remover, name, NULL);
		fprintf(f, "%s %s by %s", versions_state(v), time, name);
	}
	if (v->source != 0) {
		fprintf(f, ", restored from %llu", (unsigned long long)v->source);
	}
	where = *v->dir != '\0' ? versions_path(v) : NULL;
	if (where != NULL && strcmp(where, path) != 0) {
		char *shown = out_escape(where);

		fprintf(f, ", was %s", shown != NULL ? shown : "");
		free(shown);
	}
	free(where);
	fputc('\n', f);
}

static void
print_version(const struct log_run *l, struct cfs *c, const char *path, const struct cfs_version *v)
{
	char time[32] = "", size[32] = "", name[65] = "";

	if (l->cli->opt.json) {
		versions_json(l->cli, c, path, v);
		return;
	}
	if (versions_has_content(v)) {
		out_time(time, sizeof time, v->attr.mtime_ns);
		out_size(size, sizeof size, v->attr.size, l->o.human);
		cfs_user_name(c, v->attr.uploader, name, NULL);
	}
	fprintf(l->cli->out, "%5llu  %-16s  %10s  %-12s  ", (unsigned long long)v->version, time,
		size, name);
	print_end(l, c, path, v);
}

static int
log_name(void *arg, struct remote *r, struct cfs_err *err)
{
	struct log_run *l = arg;
	struct versions list;
	int rc = versions_of(r->c, r->path, &list, err);

	if (rc != 0) {
		return rc;
	}
	if (list.n == 0) {
		rc = err_code(err, CFS_ENOENT);
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		if (l->o.max != 0 && i >= (size_t)l->o.max) {
			break;
		}
		print_version(l, r->c, r->path, &list.v[i]);
	}
	versions_fini(&list);
	return rc;
}

int
cmd_log(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct log_run l = {.cli = cli};
	const struct cli_args args = {
	    .name = "log",
	    .synopsis = "[-h] [-n N] PATH...",
	    .summary =
		"The versions of a file that are kept, the newest first: number, time, size, "
		"who wrote it, what became of it.",
	    .footer = "'cfs get PATH@N' fetches one, 'cfs restore PATH@N' brings it back.\n",
	    .opts = log_opts,
	    .n_opts = log_n_opts,
	    .values = &l.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? remote_each_name(cli, "log", argc - first, argv + first, log_name, &l, err)
		       : rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/commands.h"
#include "cli/mvcp.h"

/* mv: renames on the server. */

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct mvcp_values, field), .help = (help_)                     \
	}
const struct arg_opt mv_opts[] = {
    OPT(0, "no-clobber", noclobber, "never replace a file"),
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
};
const size_t mv_n_opts = sizeof mv_opts / sizeof *mv_opts;

static int
move_one(void *arg, const char *path, const char *shown, const struct cfs_attr *attr,
	 struct cfs_ref dir, const char *name, struct cfs_err *err)
{
	struct mvcp *m = arg;
	struct cfs_place from;
	int rc = cfs_place(m->to.c, path, true, &from, err);

	(void)attr;
	if (rc == 0 && from.parent.ino == 0) {
		rc = err_set(err, CFS_EPERM, "the root cannot be moved");
	}
	if (rc == 0) {
		rc = cfs_rename(m->to.c, from.parent, from.name, dir, name, m->o.noclobber, false,
				CFS_DURABLE, err);
	}
	if (rc == 0) {
		cli_did(m->cli, "mv", shown, false);
	}
	return rc;
}

int
cmd_mv(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct mvcp m = {.cli = cli, .command = "mv", .one = move_one};
	const struct cli_args args = {
	    .name = "mv",
	    .synopsis = "[-n] FROM... TO",
	    .summary = "Rename files and directories, or move them below a directory.",
	    .opts = mv_opts,
	    .n_opts = mv_n_opts,
	    .values = &m.o,
	    .min_args = 2,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	m.arg = &m;
	rc = mvcp_begin(&m, argc - first, argv + first, err);
	if (rc == 0) {
		rc = mvcp_each(&m, argc - first, argv + first, err);
	}
	mvcp_end(&m);
	return rc == 0 ? cli_outcome(cli, err) : rc;
}

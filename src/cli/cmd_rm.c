/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/walk.h"

/* rm: removes names; with -r trees, sent without waiting for each answer. */

struct rm_values {
	bool recursive, force, dry_run;
};

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct rm_values, field), .help = (help_)                       \
	}
const struct arg_opt rm_opts[] = {
    OPT('r', "recursive", recursive, "directories with all that is in them"),
    OPT('f', "force", force, "what is not there is no error"),
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
};
const size_t rm_n_opts = sizeof rm_opts / sizeof *rm_opts;

struct rm {
	struct cli *cli;
	struct rm_values o;
	struct cfs *c;
};

static int
remove_visit(void *arg, const struct walk_item *item, struct cfs_err *err)
{
	struct rm *r = arg;
	bool dir = item->attr->type == CFS_DIR;

	int rc = 0;

	if (!r->o.dry_run) {
		rc = cfs_unlink(r->c, item->parent, item->name, dir, CFS_LATER, NULL, err);
	}
	if (rc == 0) {
		cli_did(r->cli, "rm", item->shown, r->o.dry_run);
	}
	return rc;
}

static void
remove_failed(void *arg, const struct walk_item *item, int code, const char *text)
{
	struct rm *r = arg;

	cli_item_failed(r->cli, "rm", item->shown, code, text);
}

static int
remove_path(void *arg, struct cfs *c, const char *path, const char *shown,
	    const struct cfs_attr *attr, struct cfs_err *err)
{
	struct rm *r = arg;
	const struct walk w = {
	    .cli = r->cli,
	    .c = c,
	    .order = WALK_POST,
	    .visit = remove_visit,
	    .failed = remove_failed,
	    .arg = r,
	};
	struct cfs_place place;
	int rc;

	r->c = c;
	if (attr->type == CFS_DIR && !r->o.recursive) {
		return err_set(err, CFS_EISDIR, "is a directory; use -r");
	}
	rc = cfs_place(c, path, true, &place, err);
	if (rc == 0 && place.parent.ino == 0) {
		rc = err_set(err, CFS_EPERM, "the root cannot be removed");
	}
	/* Said before anything goes: the server would refuse the tree itself, last of all. */
	if (rc == 0 && place.parent.ino == cfs_whoami(c)->root) {
		rc = err_set(err, CFS_EPERM,
			     "is a user's whole tree; 'cfs rm -r \"*\"' removes what is in it");
	}
	if (rc == 0 && attr->type != CFS_DIR && !r->o.dry_run) {
		rc = cfs_unlink(c, place.parent, place.name, false, CFS_DURABLE, NULL, err);
		if (rc == 0) {
			cli_did(r->cli, "rm", shown, false);
		}
		return rc;
	}
	if (rc == 0) {
		rc = walk_tree(&w, path, shown, attr, place.parent, err);
	}
	/* The walk sent changes without waiting; this waits, and has the first refusal. */
	if (rc == 0 && !r->o.dry_run) {
		rc = cfs_sync(c, err);
	}
	return rc;
}

int
cmd_rm(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct rm r = {.cli = cli};
	const struct cli_args args = {
	    .name = "rm",
	    .synopsis = "[-rfn] PATH...",
	    .summary = "Remove files, and with -r directories.",
	    .opts = rm_opts,
	    .n_opts = rm_n_opts,
	    .values = &r.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	return remote_each(cli, "rm", argc - first, argv + first, r.o.force ? REMOTE_ABSENT_OK : 0,
			   remove_path, &r, err);
}

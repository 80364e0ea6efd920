/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/commands.h"
#include "cli/remote.h"

/* mkdir and rmdir. */

struct mkdir_values {
	bool parents;
};
const struct arg_opt mkdir_opts[] = {
    {.short_name = 'p',
     .long_name = "parents",
     .kind = ARG_FLAG,
     .offset = offsetof(struct mkdir_values, parents),
     .help = "missing parents too; what is there is no error"},
};
const size_t mkdir_n_opts = sizeof mkdir_opts / sizeof *mkdir_opts;

static int
make_one(struct cfs *c, const char *path, bool there_ok, struct cfs_err *err)
{
	struct cfs_place place;
	struct cfs_ref ref;
	int rc = cfs_place(c, path, !there_ok, &place, err);

	if (rc != 0) {
		return rc;
	}
	if (place.found) {
		return there_ok && place.attr.type == CFS_DIR ? 0 : err_code(err, CFS_EEXIST);
	}
	return cfs_create(c,
			  &(struct cfs_create){
			      .dir = place.parent,
			      .name = place.name,
			      .type = CFS_DIR,
			      .mode = 0755,
			  },
			  CFS_DURABLE, &ref, NULL, err);
}

static int
make_with_parents(struct cfs *c, const char *path, struct cfs_err *err)
{
	struct path_view rest = path_view_str(path), name;
	int rc = 0;

	while (rc == 0 && path_next(&rest, &name)) {
		char *part = strndup(path, (size_t)(name.p - path) + name.len);

		rc = part != NULL ? make_one(c, part, true, err) : err_code(err, CFS_ENOMEM);
		free(part);
	}
	return rc;
}

struct mkdir_run {
	struct cli *cli;
	struct mkdir_values o;
};

static int
make_name(void *arg, struct remote *r, struct cfs_err *err)
{
	struct mkdir_run *m = arg;
	int rc = m->o.parents ? make_with_parents(r->c, r->path, err)
			      : make_one(r->c, r->path, false, err);

	if (rc == 0) {
		cli_did(m->cli, "mkdir", r->path, false);
	}
	return rc;
}

int
cmd_mkdir(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct mkdir_run m = {.cli = cli};
	const struct cli_args args = {
	    .name = "mkdir",
	    .synopsis = "[-p] PATH...",
	    .summary = "Make directories.",
	    .opts = mkdir_opts,
	    .n_opts = mkdir_n_opts,
	    .values = &m.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0
		   ? remote_each_name(cli, "mkdir", argc - first, argv + first, make_name, &m, err)
		   : rc;
}

static int
remove_directory(void *arg, struct cfs *c, const char *path, const char *shown,
		 const struct cfs_attr *attr, struct cfs_err *err)
{
	struct cfs_place place;
	int rc = cfs_place(c, path, true, &place, err);

	(void)attr;
	if (rc == 0 && place.parent.ino == 0) {
		rc = err_set(err, CFS_EPERM, "the root cannot be removed");
	}
	if (rc == 0) {
		rc = cfs_unlink(c, place.parent, place.name, true, CFS_DURABLE, NULL, err);
	}
	if (rc == 0) {
		cli_did(arg, "rmdir", shown, false);
	}
	return rc;
}

int
cmd_rmdir(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "rmdir",
	    .synopsis = "PATH...",
	    .summary = "Remove empty directories.",
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	return remote_each(cli, "rmdir", argc - first, argv + first, 0, remove_directory, cli, err);
}

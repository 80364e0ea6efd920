/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/remote.h"

/* touch and ln: new names, and times. */

struct touch_values {
	bool no_create;
	const char *date;
};

const struct arg_opt touch_opts[] = {
    {.short_name = 'c',
     .long_name = "no-create",
     .kind = ARG_FLAG,
     .offset = offsetof(struct touch_values, no_create),
     .help = "make no file"},
    {.short_name = 'd',
     .long_name = "date",
     .kind = ARG_STRING,
     .offset = offsetof(struct touch_values, date),
     .arg_name = "TIME",
     .help = "this time (2026-01-31T12:00:00Z) instead of now"},
};
const size_t touch_n_opts = sizeof touch_opts / sizeof *touch_opts;

enum { SET_ATIME = 16, SET_MTIME = 32, SET_ATIME_NOW = 64, SET_MTIME_NOW = 128 };

struct touch {
	struct cli *cli;
	struct touch_values o;
	int64_t time_ns; /* of --date */
};

static int
touch_name(void *arg, struct remote *r, struct cfs_err *err)
{
	const struct touch *t = arg;
	struct cfs_setattr set = {
	    .valid = t->o.date != NULL ? SET_ATIME | SET_MTIME : SET_ATIME_NOW | SET_MTIME_NOW,
	    .atime_ns = t->time_ns,
	    .mtime_ns = t->time_ns,
	};
	struct cfs_place place;
	int rc = cfs_place(r->c, r->path, false, &place, err);

	if (rc != 0 || (!place.found && t->o.no_create)) {
		return rc;
	}
	if (!place.found) {
		const struct cfs_create create = {
		    .dir = place.parent, .name = place.name, .type = CFS_FILE, .mode = 0644};

		rc = cfs_create(r->c, &create, CFS_DURABLE, &set.ref, NULL, err);
	} else {
		set.ref = place.attr.ref;
	}
	if (rc == 0 && (place.found || t->o.date != NULL)) {
		rc = cfs_setattr(r->c, &set, CFS_DURABLE, NULL, err);
	}
	if (rc == 0) {
		cli_did(t->cli, "touch", r->path, false);
	}
	return rc;
}

int
cmd_touch(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct touch t = {.cli = cli};
	const struct cli_args args = {
	    .name = "touch",
	    .synopsis = "[-c] [-d TIME] PATH...",
	    .summary = "Set a file's times to now; make it if it is not there.",
	    .opts = touch_opts,
	    .n_opts = touch_n_opts,
	    .values = &t.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	if (t.o.date != NULL && time_parse(t.o.date, &t.time_ns) != 0) {
		return cli_usage("touch", err, "'%s' is not a time like 2026-01-31T12:00:00Z",
				 t.o.date);
	}
	return remote_each_name(cli, "touch", argc - first, argv + first, touch_name, &t, err);
}

struct ln_values {
	bool symbolic, force;
};
const struct arg_opt ln_opts[] = {
    {.short_name = 's',
     .long_name = "symbolic",
     .kind = ARG_FLAG,
     .offset = offsetof(struct ln_values, symbolic),
     .help = "a symbolic link, which holds TARGET as it is"},
    {.short_name = 'f',
     .long_name = "force",
     .kind = ARG_FLAG,
     .offset = offsetof(struct ln_values, force),
     .help = "replace a name that is there"},
};
const size_t ln_n_opts = sizeof ln_opts / sizeof *ln_opts;

/* The target's last name, for a link that is made in a directory. */
static void
link_name(const char *target, char name[256])
{
	struct path_view base = path_base(path_view_str(target));

	snprintf(name, 256, "%.*s", (int)(base.len < 255 ? base.len : 255), base.p);
}

/* With --force: the name must not be in the way. */
static int
clear_name(struct cfs *c, bool force, struct cfs_ref dir, const char *name, struct cfs_err *err)
{
	int rc = force ? cfs_unlink(c, dir, name, false, CFS_VISIBLE, NULL, err) : 0;

	return rc == CFS_ENOENT ? 0 : rc;
}

static int
symbolic_link(struct cfs *c, const char *target, bool force, struct cfs_ref dir, const char *name,
	      struct cfs_err *err)
{
	struct cfs_ref ref;
	int rc = clear_name(c, force, dir, name, err);

	if (rc != 0) {
		return rc;
	}
	return cfs_create(c,
			  &(struct cfs_create){
			      .dir = dir,
			      .name = name,
			      .type = CFS_SYMLINK,
			      .mode = 0777,
			      .target = target,
			  },
			  CFS_DURABLE, &ref, NULL, err);
}

/* The inode that a hard link is to name: a link itself is not followed. */
static int
find_target(struct cli *cli, const struct cfs *c, const char *target, struct cfs_attr *attr,
	    struct cfs_err *err)
{
	struct remote from;
	int rc = remote_open(cli, target, &from, err);

	if (rc == 0) {
		rc = from.c == c ? cfs_stat(from.c, from.path, true, attr, err)
				 : err_code(err, CFS_EXDEV);
		remote_fini(&from);
	}
	return rc != 0 ? cli_wrap(err, target) : 0;
}

static int
hard_link(struct cfs *c, const struct cfs_attr *attr, bool force, struct cfs_ref dir,
	  const char *name, struct cfs_err *err)
{
	int rc = clear_name(c, force, dir, name, err);

	return rc == 0 ? cfs_link(c, attr->ref, dir, name, CFS_DURABLE, NULL, err) : rc;
}

/* The link at `to`: in a directory it gets the target's last name. */
static int
make_link(struct cli *cli, const struct remote *to, const char *target, const struct ln_values *o,
	  struct cfs_err *err)
{
	struct cfs_place place;
	struct cfs_attr attr;
	char name[256];
	struct cfs_ref dir;
	bool into;
	int rc = o->symbolic ? 0 : find_target(cli, to->c, target, &attr, err);

	if (rc != 0) {
		return rc;
	}
	rc = remote_place(to, &place, &into, &dir, err);
	if (rc == 0) {
		if (into) {
			link_name(target, name);
		} else {
			snprintf(name, sizeof name, "%s", place.name);
		}
		rc = o->symbolic ? symbolic_link(to->c, target, o->force, dir, name, err)
				 : hard_link(to->c, &attr, o->force, dir, name, err);
	}
	return rc != 0 ? cli_wrap(err, to->path) : 0;
}

int
cmd_ln(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct ln_values o = {0};
	const struct cli_args args = {
	    .name = "ln",
	    .synopsis = "[-sf] TARGET NAME",
	    .summary = "Give a file another name, or make a symbolic link.",
	    .opts = ln_opts,
	    .n_opts = ln_n_opts,
	    .values = &o,
	    .min_args = 2,
	    .max_args = 2,
	};
	struct remote to;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	rc = remote_open(cli, argv[first + 1], &to, err);
	if (rc != 0) {
		return cli_wrap(err, argv[first + 1]);
	}
	rc = make_link(cli, &to, argv[first], &o, err);
	if (rc == 0) {
		cli_did(cli, "ln", to.path, false);
	}
	remote_fini(&to);
	return rc;
}

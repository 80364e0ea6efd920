/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/walk.h"

/* mv and cp: sources to a name, or below a directory. Both happen on the server; no data moves. */

struct mvcp_values {
	bool recursive, noclobber, dry_run;
};

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct mvcp_values, field), .help = (help_)                     \
	}
#define OPT_NOCLOBBER OPT(0, "no-clobber", noclobber, "never replace a file")
#define OPT_DRY_RUN   OPT('n', "dry-run", dry_run, "say what would be done, change nothing")
const struct arg_opt mv_opts[] = {OPT_NOCLOBBER, OPT_DRY_RUN};
const size_t mv_n_opts = sizeof mv_opts / sizeof *mv_opts;
const struct arg_opt cp_opts[] = {
    OPT('r', "recursive", recursive, "directories with all that is in them"),
    OPT_NOCLOBBER,
    OPT_DRY_RUN,
};
const size_t cp_n_opts = sizeof cp_opts / sizeof *cp_opts;

struct mvcp {
	struct cli *cli;
	const char *command;
	struct mvcp_values o;
	struct remote to;
	struct cfs_place place;
	bool into;
	int (*one)(struct mvcp *m, const char *path, const struct cfs_attr *attr,
		   struct cfs_ref dir, const char *name, struct cfs_err *err);
};

static int
each_source(void *arg, struct cfs *c, const char *path, const char *shown,
	    const struct cfs_attr *attr, struct cfs_err *err)
{
	struct mvcp *m = arg;
	struct path_view base = path_base(path_view_str(path));
	char *name;
	int rc;

	if (c != m->to.c) {
		return err_set(err, CFS_EUNSUPPORTED,
			       "is on another server; use 'cfs get' and 'cfs put'");
	}
	if (attr->type == CFS_DIR &&
	    path_is_below(path_view_str(m->to.path), path_view_str(path)) &&
	    (m->into || strcmp(m->to.path, path) != 0)) {
		return err_set(err, CFS_EINVAL, "a directory cannot go into itself");
	}
	if (m->o.dry_run) {
		cli_note(m->cli, "would %s %s", m->command, shown);
		return 0;
	}
	name = m->into ? strndup(base.p, base.len) : strdup(m->place.name);
	rc = name != NULL
		 ? m->one(m, path, attr, m->into ? m->place.attr.ref : m->place.parent, name, err)
		 : err_code(err, CFS_ENOMEM);
	free(name);
	return rc;
}

static int
run(struct mvcp *m, int n, char **argv, struct cfs_err *err)
{
	int sources = n - 1;
	bool many =
	    sources > 1 || (!remote_is_other(argv[0]) && glob_has_magic(path_view_str(argv[0])));
	int rc = remote_open(m->cli, argv[sources], &m->to, err);

	if (rc != 0) {
		return rc;
	}
	rc = cfs_place(m->to.c, m->to.path, false, &m->place, err);
	if (rc != 0) {
		err_wrap(err, "%s", argv[sources]);
	} else {
		m->into = m->place.found && m->place.attr.type == CFS_DIR;
		if (!m->into && (many || m->to.trailing_slash)) {
			rc = err_set(err, m->place.found ? CFS_ENOTDIR : CFS_ENOENT,
				     "%s: is no directory", argv[sources]);
		}
	}
	if (rc == 0) {
		rc = remote_each(m->cli, m->command, sources, argv, false, each_source, m, err);
	}
	remote_fini(&m->to);
	return rc;
}

static int
move_one(struct mvcp *m, const char *path, const struct cfs_attr *attr, struct cfs_ref dir,
	 const char *name, struct cfs_err *err)
{
	struct cfs_place from;
	int rc = cfs_place(m->to.c, path, true, &from, err);

	(void)attr;
	if (rc == 0 && from.parent.ino == 0) {
		rc = err_set(err, CFS_EPERM, "the root cannot be moved");
	}
	return rc == 0 ? cfs_rename(m->to.c, from.parent, from.name, dir, name, m->o.noclobber,
				    false, CFS_DURABLE, err)
		       : rc;
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

	return rc == 0 ? run(&m, argc - first, argv + first, err) : rc;
}

/* One entry of a tree that is copied; directories and links are made, files share their content. */
static int
copy_entry(struct mvcp *m, const struct cfs_attr *attr, struct cfs_ref dir, const char *name,
	   struct cfs_ref *made, struct cfs_err *err)
{
	struct cfs_create create = {
	    .dir = dir,
	    .name = name,
	    .type = attr->type,
	    .mode = attr->mode,
	    .mtime_ns = attr->mtime_ns,
	    .rdev = attr->rdev,
	};
	char target[4096];
	struct cfs_attr old;
	int rc;

	if (attr->type == CFS_FILE) {
		return cfs_copy_file(m->to.c, attr, dir, name,
				     m->o.noclobber ? CFS_PUT_NOCLOBBER : 0, NULL, err);
	}
	if (attr->type == CFS_SYMLINK) {
		rc = cfs_readlink(m->to.c, attr->ref, target, err);
		if (rc != 0) {
			return rc;
		}
		create.target = target;
	}
	rc = cfs_create(m->to.c, &create, CFS_VISIBLE, made, NULL, err);
	if (rc == CFS_EEXIST && attr->type == CFS_DIR) {
		rc = cfs_lookup(m->to.c, dir, name, &old, err);
		if (rc == 0) {
			*made = old.ref;
			rc = old.type == CFS_DIR ? 0 : err_code(err, CFS_ENOTDIR);
		}
	}
	return rc;
}

static int
copy_tree(struct mvcp *m, const struct cfs_attr *attr, const char *shown, struct cfs_ref dir,
	  const char *name, struct cfs_err *err)
{
	struct cfs_ref made = {0};
	struct children list;
	int rc = copy_entry(m, attr, dir, name, &made, err);

	if (rc != 0 && rc != CFS_ENET && rc != CFS_ECANCELED) {
		cli_item_failed(m->cli, m->command, shown, rc, err->text);
		return 0;
	}
	if (rc != 0 || attr->type != CFS_DIR) {
		return rc;
	}
	rc = children_read(m->to.c, attr->ref, &list, err);
	if (rc != 0) {
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char *sub = remote_join(shown, list.v[i].name);

		rc = sub != NULL ? copy_tree(m, &list.v[i].attr, sub, made, list.v[i].name, err)
				 : err_code(err, CFS_ENOMEM);
		free(sub);
	}
	children_fini(&list);
	return rc;
}

static int
copy_one(struct mvcp *m, const char *path, const struct cfs_attr *attr, struct cfs_ref dir,
	 const char *name, struct cfs_err *err)
{
	struct cfs_attr real = *attr;
	int rc = 0;

	/* As cp(1): a link that is named itself stands for its target, unless a tree is copied. */
	if (attr->type == CFS_SYMLINK && !m->o.recursive) {
		rc = cfs_stat(m->to.c, path, false, &real, err);
	}
	if (rc != 0) {
		return rc;
	}
	if (real.type == CFS_DIR && !m->o.recursive) {
		return err_set(err, CFS_EISDIR, "is a directory; use -r");
	}
	if (real.type == CFS_DIR) {
		rc = copy_tree(m, &real, path, dir, name, err);
		return rc == 0 ? cfs_sync(m->to.c, err) : rc;
	}
	rc = copy_entry(m, &real, dir, name, &real.ref, err);
	return rc == 0 ? cfs_sync(m->to.c, err) : rc;
}

int
cmd_cp(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct mvcp m = {.cli = cli, .command = "cp", .one = copy_one};
	const struct cli_args args = {
	    .name = "cp",
	    .synopsis = "[-rn] FROM... TO",
	    .summary = "Copy on the server: content is shared, no data moves.",
	    .opts = cp_opts,
	    .n_opts = cp_n_opts,
	    .values = &m.o,
	    .min_args = 2,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? run(&m, argc - first, argv + first, err) : rc;
}

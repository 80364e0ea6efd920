/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "cli/versions.h"

/*
 * restore and undo: what was, again. Nothing is destroyed by it: what stands in the place becomes an old version, and the one
 * that was restored stays where it is.
 */

struct restore_values {
	bool recursive, dry_run, noclobber;
	int64_t since_ms;
};

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct restore_values, field), .help = (help_)                  \
	}
const struct arg_opt restore_opts[] = {
    OPT('r', "recursive", recursive, "everything that was removed below a directory"),
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
    OPT(0, "no-clobber", noclobber, "never replace a file"),
    {.long_name = "since",
     .kind = ARG_DURATION,
     .offset = offsetof(struct restore_values, since_ms),
     .arg_name = "TIME",
     .help = "with -r: only what was removed within that time (1h, 2d)"},
};
const size_t restore_n_opts = sizeof restore_opts / sizeof *restore_opts;

const struct arg_opt undo_opts[] = {
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
};
const size_t undo_n_opts = sizeof undo_opts / sizeof *undo_opts;

struct restore {
	struct cli *cli;
	const char *command;
	struct restore_values o;
	int64_t since_ns; /* nothing that was removed before */
	struct cfs *c;
};

/* The directory of this path, made again with those above it where it was removed. */
static int
need_directory(struct restore *r, const char *path, struct cfs_ref *out, struct cfs_err *err)
{
	struct cfs_place place;
	int rc = cfs_place(r->c, path, false, &place, err);

	if (rc == CFS_ENOENT) {
		char *up = strdup(path), *slash = up != NULL ? strrchr(up, '/') : NULL;

		if (slash != NULL && slash != up) {
			*slash = '\0';
			rc = need_directory(r, up, out, err);
		}
		free(up);
		if (rc == 0) {
			rc = cfs_place(r->c, path, false, &place, err);
		}
	}
	if (rc != 0) {
		return rc;
	}
	if (place.found) {
		*out = place.attr.ref;
		return place.attr.type == CFS_DIR ? 0 : err_code(err, CFS_ENOTDIR);
	}
	const struct cfs_create create = {
	    .dir = place.parent, .name = place.name, .type = CFS_DIR, .mode = 0755};

	return cfs_create(r->c, &create, CFS_DURABLE, out, NULL, err);
}

static int
make_directory(struct restore *r, const struct cfs_version *v, struct cfs_ref dir, const char *name,
	       struct cfs_err *err)
{
	const struct cfs_create create = {
	    .dir = dir, .name = name, .type = CFS_DIR, .mode = v->attr.mode};
	int rc = cfs_create(r->c, &create, CFS_DURABLE, NULL, NULL, err);

	return rc == CFS_EEXIST ? 0 : rc;
}

/* Brings one version back under a path. */
static int
bring_back(struct restore *r, const char *path, const struct cfs_version *v, struct cfs_err *err)
{
	char *up = strdup(path), *slash = up != NULL ? strrchr(up, '/') : NULL;
	struct cfs_attr attr = {0};
	struct cfs_ref dir;
	int rc = 0;

	if (slash == NULL || slash == up) {
		free(up);
		return err_code(err, up == NULL ? CFS_ENOMEM : CFS_EPERM);
	}
	*slash = '\0';
	if (!r->o.dry_run) {
		rc = need_directory(r, up, &dir, err);
		if (rc == 0 && v->how == CFS_VERSION_DIR_GONE) {
			rc = make_directory(r, v, dir, slash + 1, err);
		} else if (rc == 0 && v->how == CFS_VERSION_NAME_GONE) {
			rc = cfs_link(r->c, v->attr.ref, dir, slash + 1, CFS_DURABLE, NULL, err);
		} else if (rc == 0) {
			rc = cfs_restore(r->c, v, dir, slash + 1, r->o.noclobber, &attr, err);
		}
	}
	free(up);
	if (rc == 0) {
		cli_did(r->cli, r->command, path, r->o.dry_run);
	}
	return rc;
}

/* ---- trees ---- */

static int restore_below(struct restore *r, const char *path, struct cfs_err *err);

static int
restore_child(struct restore *r, const char *dir, const struct cfs_version *v, struct cfs_err *err)
{
	char *path = remote_join(dir, v->name);
	int rc = path != NULL ? cli_check(r->cli, err) : err_code(err, CFS_ENOMEM);

	if (rc == 0 && v->removed_ns >= r->since_ns) {
		rc = bring_back(r, path, v, err);
		if (rc == 0) {
			cli_item_done(r->cli);
		} else if (!cli_is_fatal(rc)) {
			cli_item_failed(r->cli, r->command, path, rc, err->text);
			rc = 0;
		}
	}
	if (rc == 0 && v->how == CFS_VERSION_DIR_GONE && v->removed_ns >= r->since_ns) {
		rc = restore_below(r, path, err);
	}
	free(path);
	return rc;
}

/* Names that come twice: the first is the newest. */
static bool
came_before(const struct versions *list, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(list->v[k].name, list->v[i].name) == 0) {
			return true;
		}
	}
	return false;
}

/* Directories that are there now may have lost something too. */
static int
restore_in_children(struct restore *r, const char *path, struct cfs_err *err)
{
	struct children list = {0};
	struct cfs_attr attr;
	int rc = cfs_stat(r->c, path, false, &attr, err);

	if (rc == CFS_ENOENT) {
		return 0;
	}
	if (rc == 0) {
		rc = children_read(r->c, attr.ref, &list, err);
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char *sub;

		if (list.v[i].attr.type != CFS_DIR) {
			continue;
		}
		sub = remote_join(path, list.v[i].name);
		rc = sub != NULL ? restore_below(r, sub, err) : err_code(err, CFS_ENOMEM);
		free(sub);
	}
	children_fini(&list);
	return rc;
}

static int
restore_below(struct restore *r, const char *path, struct cfs_err *err)
{
	struct versions list;
	/* Before anything is made again here, or it would be walked twice. */
	int rc = restore_in_children(r, path, err);

	if (rc == 0) {
		rc = versions_removed(r->c, path, &list, err);
	}
	if (rc != 0) {
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		if (!came_before(&list, i)) {
			rc = restore_child(r, path, &list.v[i], err);
		}
	}
	versions_fini(&list);
	return rc;
}

/* ---- restore ---- */

/* Which version a path means, and whether its "@N" belongs to its name. */
static int
choose(struct restore *r, char *path, struct versions *list, const struct cfs_version **out,
       struct cfs_err *err)
{
	uint64_t number;
	int rc = versions_of(r->c, path, list, err);

	*out = NULL;
	if (rc != 0 || list->n > 0 || !versions_split(path, &number)) {
		if (rc == 0 && list->n > 0) {
			*out = &list->v[0];
		}
		return rc;
	}
	versions_fini(list);
	rc = versions_of(r->c, path, list, err);
	if (rc == 0) {
		*out = versions_find(list, number);
	}
	if (rc == 0 && *out == NULL) {
		rc =
		    err_set(err, CFS_ENOENT, "no version %llu is kept", (unsigned long long)number);
	}
	if (rc == 0 && (*out)->id == 0) {
		rc = err_set(err, CFS_EEXIST, "that is the version that is there");
	}
	return rc;
}

static int
restore_chosen(struct restore *r, const char *path, const struct cfs_version *v,
	       struct cfs_err *err)
{
	bool present = v != NULL && v->id == 0;
	int rc = 0;

	if (v == NULL) {
		return err_set(err, CFS_ENOENT, "nothing of that name is kept");
	}
	if (v->attr.type == CFS_DIR && !r->o.recursive) {
		return err_set(err, CFS_EISDIR, "is a directory; use -r");
	}
	if (present && v->attr.type != CFS_DIR) {
		return err_set(err, CFS_EEXIST, "is there; say which version, as in %s@%llu",
			       v->name, (unsigned long long)(v->version - 1));
	}
	if (!present) {
		rc = bring_back(r, path, v, err);
	}
	if (rc == 0 && v->attr.type == CFS_DIR) {
		rc = restore_below(r, path, err);
	}
	return rc;
}

static int
restore_name(void *arg, struct remote *remote, struct cfs_err *err)
{
	struct restore *r = arg;
	const struct cfs_version *v;
	struct versions list;
	int rc;

	r->c = remote->c;
	rc = choose(r, remote->path, &list, &v, err);
	if (rc == 0) {
		rc = restore_chosen(r, remote->path, v, err);
	}
	versions_fini(&list);
	return rc;
}

int
cmd_restore(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct restore r = {.cli = cli, .command = "restore"};
	const struct cli_args args = {
	    .name = "restore",
	    .synopsis = "[-rn] [--no-clobber] [--since TIME] PATH[@N]...",
	    .summary =
		"Bring back what was removed, or version N of a file as its newest. Nothing is "
		"lost: what stands there becomes an old version.",
	    .opts = restore_opts,
	    .n_opts = restore_n_opts,
	    .values = &r.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	if (r.o.since_ms != 0) {
		r.since_ns = now_real_ns() - r.o.since_ms * NS_PER_MS;
	}
	return remote_each_name(cli, "restore", argc - first, argv + first, restore_name, &r, err);
}

/* ---- undo ---- */

/*
 * What the last change destroyed. Where that was an undo (or a restore) itself, what was before the version that it brought
 * back: so undo goes on backwards, and never to and fro.
 */
static const struct cfs_version *
before_last(const struct versions *list)
{
	uint64_t source = list->n > 0 && list->v[0].id == 0 ? list->v[0].source : 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct cfs_version *v = &list->v[i];

		if (v->id != 0 && v->how != CFS_VERSION_DIR_GONE &&
		    (source == 0 || v->version < source)) {
			return v;
		}
	}
	return NULL;
}

static int
undo_name(void *arg, struct remote *remote, struct cfs_err *err)
{
	struct restore *r = arg;
	const struct cfs_version *v;
	struct versions list;
	int rc;

	r->c = remote->c;
	rc = versions_of(r->c, remote->path, &list, err);
	if (rc != 0) {
		return rc;
	}
	v = before_last(&list);
	if (v != NULL) {
		rc = bring_back(r, remote->path, v, err);
	} else if (list.n > 0 && list.v[0].attr.type == CFS_DIR) {
		rc = err_set(err, CFS_EISDIR,
			     "is a directory; 'cfs restore -r' brings back "
			     "what was in it");
	} else {
		rc = err_set(err, CFS_ENOENT, "nothing earlier is kept");
	}
	if (rc == 0 && !r->o.dry_run && !r->cli->opt.json) {
		cli_note(r->cli, "%s: version %llu is back", remote->path,
			 (unsigned long long)v->version);
	}
	versions_fini(&list);
	return rc;
}

int
cmd_undo(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct restore r = {.cli = cli, .command = "undo"};
	const struct cli_args args = {
	    .name = "undo",
	    .synopsis = "[-n] PATH...",
	    .summary =
		"Take back the last change that replaced, removed or wrote over a file; once "
		"more, and the one before that.",
	    .opts = undo_opts,
	    .n_opts = undo_n_opts,
	    .values = &r.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0
		   ? remote_each_name(cli, "undo", argc - first, argv + first, undo_name, &r, err)
		   : rc;
}

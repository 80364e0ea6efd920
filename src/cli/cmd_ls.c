/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/ls_print.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/versions.h"

/* ls: names, or with -l mode, links, owner, size, time. */

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct ls_opts, field), .help = (help_)                         \
	}
const struct arg_opt ls_opts[] = {
    OPT('l', "long", lng, "mode, links, owner, size and time too"),
    OPT('a', "all", all, "names that begin with a dot too"),
    OPT('h', "human-readable", human, "sizes as 1.5K, 23M"),
    OPT('1', "one-per-line", one, "one name a line (always so without a terminal)"),
    OPT('R', "recursive", recursive, "directories below, too"),
    OPT('d', "directory", directory, "directories themselves, not what is in them"),
    OPT('t', "sort-time", by_time, "newest first"),
    OPT('S', "sort-size", by_size, "largest first"),
    OPT('r', "reverse", reverse, "the other way round"),
    OPT('0', "null", print0, "exact names, each ended by a NUL byte"),
    OPT(0, "deleted", deleted, "what was removed and can be restored"),
};
const size_t ls_n_opts = sizeof ls_opts / sizeof *ls_opts;

struct listing {
	struct cli *cli;
	struct ls_opts o;
	struct cfs *c;
	struct listings *listings; /* of c, for -R */
	bool headers;              /* print "dir:" before each directory */
	bool printed;
	struct cfs_err *err;
};

static void
print_header(struct listing *l, const char *shown)
{
	char *text;

	if ((!l->headers && !l->o.recursive) || l->cli->opt.json || l->o.print0) {
		return;
	}
	text = out_escape(shown);
	fprintf(l->cli->out, "%s%s:\n", l->printed ? "\n" : "", text != NULL ? text : "");
	free(text);
}

/* Takes out what is not to be seen. */
static void
filter(const struct ls_opts *o, struct children *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].name[0] == '.' && !o->all) {
			free(list->v[i].name);
		} else {
			list->v[kept++] = list->v[i];
		}
	}
	list->n = kept;
}

static int list_children(struct listing *l, struct children *list, const char *path,
			 const char *shown);

/* Prints one listing, and with -R those of the directories in it; takes list. */
static int
show(struct listing *l, struct children *list, const char *path, const char *shown)
{
	int rc = cli_check(l->cli, l->err);

	if (rc == 0) {
		filter(&l->o, list);
		print_header(l, shown);
		ls_print(l->cli, l->c, &l->o, list, path);
		l->printed = true;
		if (l->o.recursive) {
			rc = list_children(l, list, path, shown);
		}
	}
	children_fini(list);
	return rc;
}

static int
list_children(struct listing *l, struct children *list, const char *path, const char *shown)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < list->n; i++) {
		struct children below = {0};
		char *sub, *sub_shown;

		if (list->v[i].attr.type != CFS_DIR) {
			continue;
		}
		sub = remote_join(path, list->v[i].name);
		sub_shown = remote_join(shown, list->v[i].name);
		rc = sub != NULL && sub_shown != NULL
			 ? listings_take(l->listings, list, i, &below, l->err)
			 : err_code(l->err, CFS_ENOMEM);
		if (rc == 0) {
			rc = show(l, &below, sub, sub_shown);
		} else if (!cli_is_fatal(rc)) {
			cli_item_failed(l->cli, "ls", sub_shown, rc, l->err->text);
			rc = 0;
		}
		free(sub);
		free(sub_shown);
	}
	return rc;
}

/* Whether a name is in a list that is not sorted. */
static bool
children_find(const struct children *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int
list_directory(struct listing *l, struct cfs_ref dir, const char *path, const char *shown)
{
	struct children list;
	int rc = children_read(l->c, dir, &list, l->err);

	if (rc == 0 && l->o.recursive) {
		rc = listings_new(l->c, &l->listings, l->err);
	}
	if (rc == 0) {
		rc = show(l, &list, path, shown);
	} else {
		children_fini(&list);
	}
	listings_free(l->listings);
	l->listings = NULL;
	return rc;
}

/* An argument that is no directory, by the name that was typed. */
static int
list_name(struct listing *l, const char *path, const char *shown, const struct cfs_attr *attr)
{
	struct child child = {.name = strdup(*shown != '\0' ? shown : path), .attr = *attr};
	struct children list = {.v = &child, .n = 1};

	if (child.name == NULL) {
		return err_code(l->err, CFS_ENOMEM);
	}
	ls_print(l->cli, l->c, &l->o, &list, NULL);
	l->printed = true;
	free(child.name);
	return 0;
}

static int
list_path(void *arg, struct cfs *c, const char *path, const char *shown,
	  const struct cfs_attr *attr, struct cfs_err *err)
{
	struct listing *l = arg;
	struct cfs_attr target = *attr;

	l->c = c;
	l->err = err;
	if (attr->type == CFS_SYMLINK && !l->o.lng && !l->o.directory &&
	    cfs_stat(c, path, false, &target, NULL) != 0) {
		target = *attr;
	}
	if (target.type == CFS_DIR && !l->o.directory) {
		return list_directory(l, target.ref, path, *shown != '\0' ? shown : ".");
	}
	return list_name(l, path, shown, attr);
}

/* What was removed from a directory, which may be removed itself. */
static int
list_deleted(void *arg, struct remote *r, struct cfs_err *err)
{
	struct listing *l = arg;
	struct children list = {0};
	struct versions old;
	int rc = versions_removed(r->c, r->path, &old, err);

	if (rc != 0) {
		return rc;
	}
	l->c = r->c;
	l->err = err;
	list.v = calloc(old.n + 1, sizeof *list.v);
	for (size_t i = 0; list.v != NULL && i < old.n; i++) {
		/* A name may have been removed more than once; the newest comes first. */
		if (!children_find(&list, old.v[i].name)) {
			list.v[list.n].attr = old.v[i].attr;
			list.v[list.n].name = strdup(old.v[i].name);
			rc = list.v[list.n].name != NULL ? 0 : CFS_ENOMEM;
			list.n += rc == 0;
		}
	}
	versions_fini(&old);
	if (list.v == NULL || rc != 0) {
		children_fini(&list);
		return err_code(err, CFS_ENOMEM);
	}
	filter(&l->o, &list);
	print_header(l, r->path);
	ls_print(l->cli, l->c, &l->o, &list, r->path);
	l->printed = true;
	children_fini(&list);
	return 0;
}

int
cmd_ls(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct listing l = {.cli = cli};
	const struct cli_args args = {
	    .name = "ls",
	    .synopsis = "[-lahR1dtSr0] [--deleted] [PATH...]",
	    .summary = "List remote files with their owners.",
	    .opts = ls_opts,
	    .n_opts = ls_n_opts,
	    .values = &l.o,
	    .max_args = -1,
	};
	static char here[] = "";
	char *none[] = {here};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	argv = first < argc ? argv + first : none;
	argc = first < argc ? argc - first : 1;
	l.headers = argc > 1;
	if (l.o.deleted) {
		return remote_each_name(cli, "ls", argc, argv, list_deleted, &l, err);
	}
	return remote_each(cli, "ls", argc, argv, 0, list_path, &l, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"

/* ls: names, or with -l mode, links, owner, size, time. */

struct ls_opts {
	bool all, one, human, recursive, directory, reverse, by_time, by_size, print0;
	bool lng;
};

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
};
const size_t ls_n_opts = sizeof ls_opts / sizeof *ls_opts;

struct entry {
	char *name;
	struct cfs_attr attr;
};

struct listing {
	struct cli *cli;
	struct ls_opts o;
	struct cfs *c;
	struct entry *v;
	size_t n, cap;
	bool headers; /* print "dir:" before each directory */
	bool printed;
	struct cfs_err *err;
};

static int
add(struct listing *l, const char *name, const struct cfs_attr *attr)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct entry *v = realloc(l->v, cap * sizeof *v);

		if (v == NULL) {
			return err_code(l->err, CFS_ENOMEM);
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = (struct entry){.name = strdup(name), .attr = *attr};
	if (l->v[l->n].name == NULL) {
		return err_code(l->err, CFS_ENOMEM);
	}
	l->n++;
	return 0;
}

static void
clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
	}
	free(l->v);
	l->v = NULL;
	l->n = l->cap = 0;
}

static int
each_entry(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	struct listing *l = arg;

	(void)cookie;
	return name[0] == '.' && !l->o.all ? 0 : add(l, name, attr);
}

static int
compare(const void *a, const void *b, void *arg)
{
	const struct ls_opts *o = arg;
	const struct entry *x = a, *y = b;
	int d = 0;

	if (o->by_time && x->attr.mtime_ns != y->attr.mtime_ns) {
		d = x->attr.mtime_ns > y->attr.mtime_ns ? -1 : 1;
	} else if (o->by_size && x->attr.size != y->attr.size) {
		d = x->attr.size > y->attr.size ? -1 : 1;
	} else {
		d = strcmp(x->name, y->name);
	}
	return o->reverse ? -d : d;
}

static int
width(uint64_t value)
{
	return snprintf(NULL, 0, "%llu", (unsigned long long)value);
}

/* Widths of the columns of a long listing, so that they stand below each other. */
struct columns {
	int nlink, owner, size;
};

static struct columns
measure(struct listing *l)
{
	struct columns w = {1, 1, 1};

	for (size_t i = 0; i < l->n; i++) {
		const struct cfs_attr *a = &l->v[i].attr;
		char owner[65], size[32];
		int n = width(a->nlink);

		w.nlink = n > w.nlink ? n : w.nlink;
		if (cfs_user_name(l->c, a->owner, owner, NULL) == 0) {
			n = (int)strlen(owner);
			w.owner = n > w.owner ? n : w.owner;
		}
		out_size(size, sizeof size, a->size, l->o.human);
		n = (int)strlen(size);
		w.size = n > w.size ? n : w.size;
	}
	return w;
}

static void
print_name(struct listing *l, const struct entry *e)
{
	char target[4096];
	char *shown;

	if (l->o.print0) {
		fputs(e->name, l->cli->out);
		fputc('\0', l->cli->out);
		return;
	}
	shown = out_escape(e->name);
	if (out_colors(l->cli) && e->attr.type == CFS_DIR) {
		fprintf(l->cli->out, "\033[1;34m%s\033[0m", shown != NULL ? shown : "");
	} else {
		fputs(shown != NULL ? shown : "", l->cli->out);
	}
	free(shown);
	if (l->o.lng && e->attr.type == CFS_SYMLINK &&
	    cfs_readlink(l->c, e->attr.ref, target, NULL) == 0) {
		shown = out_escape(target);
		fprintf(l->cli->out, " -> %s", shown != NULL ? shown : "");
		free(shown);
	}
	fputc('\n', l->cli->out);
}

static void
print_entry(struct listing *l, const struct entry *e, const char *dir, const struct columns *w)
{
	char mode[11], owner[65], size[32], time[32];

	if (l->cli->opt.json) {
		char *path = dir != NULL ? remote_join(dir, e->name) : strdup(e->name);
		json_t *o = json_object();

		out_json_name(o, "name", e->name);
		out_json_name(o, "path", path != NULL ? path : e->name);
		out_json_attr(l->cli, l->c, o, &e->attr);
		out_json(l->cli, o);
		free(path);
		return;
	}
	if (l->o.lng) {
		out_mode(mode, &e->attr);
		out_size(size, sizeof size, e->attr.size, l->o.human);
		out_time(time, sizeof time, e->attr.mtime_ns);
		if (cfs_user_name(l->c, e->attr.owner, owner, NULL) != 0) {
			snprintf(owner, sizeof owner, "?");
		}
		fprintf(l->cli->out, "%s %*u %-*s %*s %s ", mode, w->nlink, e->attr.nlink, w->owner,
			owner, w->size, size, time);
	}
	print_name(l, e);
}

static void
print_all(struct listing *l, const char *dir)
{
	struct columns w = measure(l);

	if (l->n > 1) {
		qsort_r(l->v, l->n, sizeof *l->v, compare, &l->o);
	}
	for (size_t i = 0; i < l->n; i++) {
		print_entry(l, &l->v[i], dir, &w);
	}
	l->printed = true;
}

static int
list_directory(struct listing *l, struct cfs_ref dir, const char *path, const char *shown)
{
	struct entry *v;
	size_t n;
	uint64_t parent;
	bool eof;
	int rc = cfs_readdir(l->c, dir, 0, each_entry, l, &eof, &parent, l->err);

	if (rc != 0) {
		clear(l);
		return rc;
	}
	if ((l->headers || l->o.recursive) && !l->cli->opt.json && !l->o.print0) {
		char *text = out_escape(shown);

		fprintf(l->cli->out, "%s%s:\n", l->printed ? "\n" : "", text != NULL ? text : "");
		free(text);
	}
	print_all(l, path);
	v = l->v;
	n = l->n;
	l->v = NULL;
	l->n = l->cap = 0;
	for (size_t i = 0; rc == 0 && l->o.recursive && i < n; i++) {
		if (v[i].attr.type == CFS_DIR) {
			char *sub = remote_join(path, v[i].name);
			char *sub_shown = remote_join(shown, v[i].name);

			rc = sub == NULL || sub_shown == NULL
				 ? err_code(l->err, CFS_ENOMEM)
				 : list_directory(l, v[i].attr.ref, sub, sub_shown);
			free(sub);
			free(sub_shown);
		}
	}
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
	}
	free(v);
	return rc;
}

static int
list_path(void *arg, struct cfs *c, const char *path, const char *shown,
	  const struct cfs_attr *attr, struct cfs_err *err)
{
	struct listing *l = arg;
	struct cfs_attr target = *attr;
	int rc = 0;

	l->c = c;
	l->err = err;
	if (attr->type == CFS_SYMLINK && !l->o.lng && !l->o.directory &&
	    cfs_stat(c, path, false, &target, NULL) != 0) {
		target = *attr;
	}
	if (target.type == CFS_DIR && !l->o.directory) {
		return list_directory(l, target.ref, path, *shown != '\0' ? shown : ".");
	}
	rc = add(l, shown, attr);
	if (rc == 0) {
		print_all(l, NULL);
	}
	clear(l);
	return rc;
}

int
cmd_ls(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct listing l = {.cli = cli};
	const struct cli_args args = {
	    .name = "ls",
	    .synopsis = "[-lahR1dtSr0] [PATH...]",
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
	return remote_each(cli, "ls", argc, argv, false, list_path, &l, err);
}

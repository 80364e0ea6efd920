/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/walk.h"

/* find: names in a tree that fit every condition given. */

struct find_values {
	const char *name, *path, *type, *size, *newer, *older;
	int64_t max_depth;
	bool print0;
};

#define OPT(short_, long_, kind_, field, arg_, help_)                                              \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = (kind_),                     \
		.offset = offsetof(struct find_values, field), .arg_name = (arg_),                 \
		.help = (help_), .max = INT64_MAX                                                  \
	}
const struct arg_opt find_opts[] = {
    OPT(0, "name", ARG_STRING, name, "GLOB", "the last component fits"),
    OPT(0, "path", ARG_STRING, path, "GLOB", "the whole path fits (** crosses directories)"),
    OPT('t', "type", ARG_STRING, type, "T", "f file, d directory, l symbolic link"),
    OPT('s', "size", ARG_STRING, size, "[+-]SIZE", "larger (+), smaller (-) or just so many bytes"),
    OPT(0, "newer-than", ARG_STRING, newer, "AGE", "changed within AGE (7d, 2h)"),
    OPT(0, "older-than", ARG_STRING, older, "AGE", "changed longer ago than AGE"),
    OPT('d', "max-depth", ARG_INT, max_depth, "N", "no deeper than N below the start"),
    OPT('0', "null", ARG_FLAG, print0, NULL, "exact names, each ended by a NUL byte"),
};
const size_t find_n_opts = sizeof find_opts / sizeof *find_opts;

struct find {
	struct cli *cli;
	struct find_values o;
	struct cfs *c;
	enum cfs_type type; /* 0: any */
	int size_op;        /* '+', '-', '=', 0: any */
	uint64_t size;
	int64_t newest, oldest; /* bounds of mtime; 0: none */
};

static bool
fits(const struct find *f, const struct walk_item *item)
{
	const struct cfs_attr *a = item->attr;

	if ((f->o.name != NULL &&
	     !glob_match(path_view_str(f->o.name), path_view_str(item->name))) ||
	    (f->o.path != NULL &&
	     !glob_match(path_view_str(f->o.path), path_view_str(item->shown)))) {
		return false;
	}
	if ((f->type != 0 && a->type != f->type) || (f->size_op == '+' && a->size <= f->size) ||
	    (f->size_op == '-' && a->size >= f->size) ||
	    (f->size_op == '=' && a->size != f->size)) {
		return false;
	}
	return (f->oldest == 0 || a->mtime_ns >= f->oldest) &&
	       (f->newest == 0 || a->mtime_ns < f->newest);
}

static void
print_found(struct find *f, const struct walk_item *item)
{
	char *shown;
	json_t *o;

	if (f->cli->opt.json) {
		o = json_object();
		out_json_name(o, "path", item->path);
		out_json_name(o, "name", item->name);
		out_json_attr(f->c, o, item->attr);
		out_json(f->cli, o);
	} else if (f->o.print0) {
		fputs(item->shown, f->cli->out);
		fputc('\0', f->cli->out);
	} else {
		shown = out_escape(item->shown);
		fprintf(f->cli->out, "%s\n", shown != NULL ? shown : "");
		free(shown);
	}
}

static int
find_visit(void *arg, const struct walk_item *item, struct cfs_err *err)
{
	struct find *f = arg;

	(void)err;
	if (fits(f, item)) {
		print_found(f, item);
	}
	return item->attr->type == CFS_DIR && f->o.max_depth >= 0 &&
		       (int64_t)item->depth >= f->o.max_depth
		   ? WALK_SKIP
		   : 0;
}

static void
find_failed(void *arg, const struct walk_item *item, int code, const char *text)
{
	struct find *f = arg;

	cli_item_failed(f->cli, "find", item->shown, code, text);
}

static int
find_path(void *arg, struct cfs *c, const char *path, const char *shown,
	  const struct cfs_attr *attr, struct cfs_err *err)
{
	struct find *f = arg;
	const struct walk w = {
	    .cli = f->cli,
	    .c = c,
	    .order = WALK_PRE,
	    .visit = find_visit,
	    .failed = find_failed,
	    .arg = f,
	};

	f->c = c;
	return walk_tree(&w, path, *shown != '\0' ? shown : ".", attr, (struct cfs_ref){0}, err);
}

static int
read_size(struct find *f, struct cfs_err *err)
{
	const char *text = f->o.size;

	if (text == NULL) {
		return 0;
	}
	f->size_op = *text == '+' || *text == '-' ? *text++ : '=';
	return size_parse(text, &f->size) == 0
		   ? 0
		   : cli_usage("find", err, "--size: '%s' is not a size like +10M", f->o.size);
}

static int
read_age(const char *option, const char *text, int64_t *bound, struct cfs_err *err)
{
	int64_t ms;

	if (text == NULL) {
		return 0;
	}
	if (duration_parse(text, &ms) != 0) {
		return cli_usage("find", err, "--%s: '%s' is not a time like 7d", option, text);
	}
	/* An age from before time began is any age. */
	*bound = ms < now_real_ns() / NS_PER_MS ? now_real_ns() - ms * NS_PER_MS : 1;
	return 0;
}

static int
read_type(struct find *f, struct cfs_err *err)
{
	static const char letters[] = "?fdl";
	const char *p;

	if (f->o.type == NULL) {
		return 0;
	}
	p = strlen(f->o.type) == 1 && *f->o.type != '?' ? strchr(letters, *f->o.type) : NULL;
	if (p == NULL) {
		return cli_usage("find", err, "--type: '%s' is not f, d or l", f->o.type);
	}
	f->type = (enum cfs_type)(p - letters);
	return 0;
}

int
cmd_find(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct find f = {.cli = cli, .o = {.max_depth = -1}};
	const struct cli_args args = {
	    .name = "find",
	    .synopsis = "[conditions] [PATH...]",
	    .summary = "Print what fits in a tree.",
	    .opts = find_opts,
	    .n_opts = find_n_opts,
	    .values = &f.o,
	    .max_args = -1,
	};
	static char here[] = "";
	char *none[] = {here};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	if ((rc = read_size(&f, err)) != 0 || (rc = read_type(&f, err)) != 0 ||
	    (rc = read_age("newer-than", f.o.newer, &f.oldest, err)) != 0 ||
	    (rc = read_age("older-than", f.o.older, &f.newest, err)) != 0) {
		return rc;
	}
	return first < argc
		   ? remote_each(cli, "find", argc - first, argv + first, 0, find_path, &f, err)
		   : remote_each(cli, "find", 1, none, 0, find_path, &f, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/walk.h"

/* du and df: how much there is. */

struct du_values {
	bool human, summarize;
};

const struct arg_opt du_opts[] = {
    {.short_name = 'h',
     .long_name = "human-readable",
     .kind = ARG_FLAG,
     .offset = offsetof(struct du_values, human),
     .help = "sizes as 1.5K, 23M"},
    {.short_name = 's',
     .long_name = "summarize",
     .kind = ARG_FLAG,
     .offset = offsetof(struct du_values, summarize),
     .help = "only a total for each argument"},
};
const size_t du_n_opts = sizeof du_opts / sizeof *du_opts;

/* Sums of the directories that are open in the walk, innermost last. */
struct du_sum {
	uint64_t bytes, files;
};
struct du {
	struct cli *cli;
	struct du_values o;
	struct du_sum *stack;
	size_t n, cap;
};

static void
print_sum(struct du *d, const struct walk_item *item, const struct du_sum *sum)
{
	char size[32];

	if (d->cli->opt.json) {
		json_t *o = json_object();

		out_json_name(o, "path", item->path);
		json_object_set_new(o, "bytes", json_integer((json_int_t)sum->bytes));
		json_object_set_new(o, "files", json_integer((json_int_t)sum->files));
		out_json(d->cli, o);
	} else {
		char *shown = out_escape(item->shown);

		out_size(size, sizeof size, sum->bytes, d->o.human);
		fprintf(d->cli->out, "%s\t%s\n", size, shown != NULL ? shown : "");
		free(shown);
	}
}

static int
enter(struct du *d, struct cfs_err *err)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 32;
		struct du_sum *stack = realloc(d->stack, cap * sizeof *stack);

		if (stack == NULL) {
			return err_code(err, CFS_ENOMEM);
		}
		d->stack = stack;
		d->cap = cap;
	}
	d->stack[d->n++] = (struct du_sum){0};
	return 0;
}

static int
du_visit(void *arg, const struct walk_item *item, struct cfs_err *err)
{
	struct du *d = arg;
	struct du_sum sum = {.bytes = item->attr->size, .files = 1};

	if (item->attr->type == CFS_DIR && !item->post) {
		return enter(d, err);
	}
	if (item->attr->type == CFS_DIR) {
		sum = d->stack[--d->n];
	}
	if (d->n > 0) {
		d->stack[d->n - 1].bytes += sum.bytes;
		d->stack[d->n - 1].files += sum.files;
	}
	if (item->depth == 0 || (item->attr->type == CFS_DIR && !d->o.summarize)) {
		print_sum(d, item, &sum);
	}
	return 0;
}

static void
du_failed(void *arg, const struct walk_item *item, int code, const char *text)
{
	struct du *d = arg;

	cli_item_failed(d->cli, "du", item->shown, code, text);
}

static int
du_path(void *arg, struct cfs *c, const char *path, const char *shown, const struct cfs_attr *attr,
	struct cfs_err *err)
{
	struct du *d = arg;
	const struct walk w = {
	    .cli = d->cli,
	    .c = c,
	    .order = WALK_PRE | WALK_POST,
	    .visit = du_visit,
	    .failed = du_failed,
	    .arg = d,
	};

	d->n = 0;
	return walk_tree(&w, path, *shown != '\0' ? shown : ".", attr, (struct cfs_ref){0}, err);
}

int
cmd_du(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct du d = {.cli = cli};
	const struct cli_args args = {
	    .name = "du",
	    .synopsis = "[-hs] [PATH...]",
	    .summary = "Bytes of the files in each directory.",
	    .opts = du_opts,
	    .n_opts = du_n_opts,
	    .values = &d.o,
	    .max_args = -1,
	};
	static char here[] = "";
	char *none[] = {here};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc == 0) {
		rc = first < argc
			 ? remote_each(cli, "du", argc - first, argv + first, 0, du_path, &d, err)
			 : remote_each(cli, "du", 1, none, 0, du_path, &d, err);
	}
	free(d.stack);
	return rc;
}

const struct arg_opt df_opts[] = {
    {.short_name = 'h',
     .long_name = "human-readable",
     .kind = ARG_FLAG,
     .offset = offsetof(struct du_values, human),
     .help = "sizes as 1.5K, 23M"},
};
const size_t df_n_opts = sizeof df_opts / sizeof *df_opts;

int
cmd_df(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct du_values v = {0};
	const struct cli_args args = {
	    .name = "df",
	    .synopsis = "[-h]",
	    .summary = "Space on the server, and what your files take.",
	    .opts = df_opts,
	    .n_opts = df_n_opts,
	    .values = &v,
	};
	struct cfs_space space;
	struct cfs *c;
	char total[32], used[32], attic[32], avail[32];
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0 || (rc = remote_default(cli, &c, err)) != 0 ||
	    (rc = cfs_statfs(c, &space, err)) != 0) {
		return rc;
	}
	if (cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "total", json_integer((json_int_t)space.total_bytes));
		json_object_set_new(o, "free", json_integer((json_int_t)space.free_bytes));
		json_object_set_new(o, "used", json_integer((json_int_t)space.used_bytes));
		json_object_set_new(o, "files", json_integer((json_int_t)space.files));
		json_object_set_new(o, "attic", json_integer((json_int_t)space.attic_bytes));
		json_object_set_new(o, "quota", json_integer((json_int_t)space.quota));
		out_json(cli, o);
		return 0;
	}
	out_size(total, sizeof total, space.total_bytes, v.human);
	out_size(used, sizeof used, space.used_bytes, v.human);
	out_size(avail, sizeof avail, space.free_bytes, v.human);
	out_size(attic, sizeof attic, space.attic_bytes, v.human);
	fprintf(cli->out, "%15s %15s %15s %15s %10s\n", space.quota != 0 ? "Quota" : "Size",
		"Yours", "Old versions", "Free", "Files");
	fprintf(cli->out, "%15s %15s %15s %15s %10llu\n", total, used, attic, avail,
		(unsigned long long)space.files);
	return 0;
}

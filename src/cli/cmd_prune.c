/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/versions.h"

/* prune: old versions are given up for good, before their time. */

struct prune_values {
	bool dry_run;
	int64_t older_ms, keep;
};

const struct arg_opt prune_opts[] = {
    {.short_name = 'n',
     .long_name = "dry-run",
     .kind = ARG_FLAG,
     .offset = offsetof(struct prune_values, dry_run),
     .help = "say what would be done, change nothing"},
    {.long_name = "older",
     .kind = ARG_DURATION,
     .offset = offsetof(struct prune_values, older_ms),
     .arg_name = "TIME",
     .help = "only what came into the attic longer ago than this (12h, 30d)"},
    {.long_name = "keep",
     .kind = ARG_INT,
     .offset = offsetof(struct prune_values, keep),
     .arg_name = "N",
     .help = "keep the newest N of each name",
     .min = 0,
     .max = INT32_MAX},
};
const size_t prune_n_opts = sizeof prune_opts / sizeof *prune_opts;

struct prune {
	struct cli *cli;
	struct prune_values o;
	uint64_t count, bytes;
};

/* A version with its path, to be sorted by it, the newest of each first. */
struct candidate {
	char *path;
	const struct cfs_version *v;
};

static int
compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int d = strcmp(x->path, y->path);

	return d != 0 ? d : (x->v->id < y->v->id) - (x->v->id > y->v->id);
}

static bool
is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strcmp(top, "/") == 0 ||
	       (strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* Those below the path with their names; *n_out of them. */
static struct candidate *
find_candidates(const struct versions *all, const char *top, size_t *n_out)
{
	struct candidate *list = calloc(all->n + 1, sizeof *list);

	*n_out = 0;
	for (size_t i = 0; list != NULL && i < all->n; i++) {
		char *path = versions_path(&all->v[i]);

		if (path != NULL && is_below(path, top)) {
			list[(*n_out)++] = (struct candidate){path, &all->v[i]};
		} else {
			free(path);
		}
	}
	if (list != NULL) {
		qsort(list, *n_out, sizeof *list, compare);
	}
	return list;
}

static void
report(struct prune *p, struct cfs *c, const struct candidate *k)
{
	if (p->cli->opt.json) {
		versions_json(p->cli, c, k->path, k->v);
	} else if (p->o.dry_run || p->cli->opt.verbose > 0) {
		char *shown = out_escape(k->path);

		fprintf(p->o.dry_run ? p->cli->out : p->cli->msg, "%s%s@%llu\n",
			p->o.dry_run ? "would prune " : "", shown != NULL ? shown : "",
			(unsigned long long)k->v->version);
		free(shown);
	}
}

/* Those that are to go, in chosen, and what they take; returns their number. */
static size_t
choose(struct prune *p, struct cfs *c, const struct candidate *list, size_t n,
       struct cfs_version *chosen, uint64_t *bytes)
{
	int64_t before = now_real_ns() - p->o.older_ms * NS_PER_MS;
	int64_t rank = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		rank = i > 0 && strcmp(list[i - 1].path, list[i].path) == 0 ? rank + 1 : 0;
		if (rank < p->o.keep || list[i].v->removed_ns > before) {
			continue;
		}
		report(p, c, &list[i]);
		chosen[count++] = *list[i].v;
		*bytes += list[i].v->attr.stored;
	}
	return count;
}

static int
prune_name(void *arg, struct remote *r, struct cfs_err *err)
{
	struct prune *p = arg;
	struct cfs_version *chosen = NULL;
	struct candidate *list = NULL;
	struct versions all;
	size_t n = 0, count;
	uint64_t done, bytes = 0;
	int rc = versions_all(r->c, &all, err);

	if (rc != 0) {
		return rc;
	}
	list = find_candidates(&all, r->path, &n);
	chosen = calloc(n + 1, sizeof *chosen);
	if (list == NULL || chosen == NULL) {
		rc = err_code(err, CFS_ENOMEM);
	} else {
		done = count = choose(p, r->c, list, n, chosen, &bytes);
		if (!p->o.dry_run) {
			rc = cfs_prune(r->c, chosen, count, &done, &bytes, err);
		}
		p->count += done;
		p->bytes += bytes;
	}
	for (size_t i = 0; i < n; i++) {
		free(list[i].path);
	}
	free(list);
	free(chosen);
	versions_fini(&all);
	return rc;
}

int
cmd_prune(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct prune p = {.cli = cli, .o = {.keep = 0}};
	const struct cli_args args = {
	    .name = "prune",
	    .synopsis = "[-n] [--older TIME] [--keep N] [PATH...]",
	    .summary =
		"Give up old versions for good, of PATH and what is or was below it. What is "
		"there now stays.",
	    .opts = prune_opts,
	    .n_opts = prune_n_opts,
	    .values = &p.o,
	    .max_args = -1,
	};
	static char here[] = "";
	char *none[] = {here};
	char size[32];
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	if (first == argc && p.o.older_ms == 0 && p.o.keep == 0) {
		return cli_usage("prune", err, "say of what (PATH), --older or --keep");
	}
	rc = first < argc
		 ? remote_each_name(cli, "prune", argc - first, argv + first, prune_name, &p, err)
		 : remote_each_name(cli, "prune", 1, none, prune_name, &p, err);
	out_size(size, sizeof size, p.bytes, true);
	cli_note(cli, "%llu old versions, %s%s", (unsigned long long)p.count, size,
		 p.o.dry_run ? "" : ", pruned");
	return rc;
}

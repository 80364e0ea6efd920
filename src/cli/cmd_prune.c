/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
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

/* What goes in one change. */
#define AT_ONCE 512u

/* How many versions of a path were met so far; by its hash, 0 for an empty place. */
struct met {
	uint64_t path;
	int64_t count;
};

struct prune {
	struct cli *cli;
	struct prune_values o;
	int64_t before_ns; /* what came into the attic later stays */
	uint64_t count, bytes;
	/* Of the name that is being pruned. */
	struct cfs *c;
	const char *top;
	struct met *met; /* a power of two of them, at most half in use; only with --keep */
	size_t met_used, met_cap;
	struct cfs_version chosen[AT_ONCE];
	size_t chosen_count;
	struct cfs_err *err;
};

static bool
is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strcmp(top, "/") == 0 ||
	       (strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* ---- how many of each path are kept ---- */

static uint64_t
hash_path(const char *path)
{
	struct sha256 hash;

	if (sha256_once(NULL, path, strlen(path), &hash) != 0) {
		return 0;
	}
	return load_le64(hash.b) | 1;
}

static struct met *
find_met(struct met *list, size_t cap, uint64_t path)
{
	size_t at = (path >> 1) & (cap - 1);

	while (list[at].path != 0 && list[at].path != path) {
		at = (at + 1) & (cap - 1);
	}
	return &list[at];
}

static int
grow_met(struct prune *p)
{
	size_t cap = p->met_cap > 0 ? p->met_cap * 2 : 1024;
	struct met *list = calloc(cap, sizeof *list);

	if (list == NULL) {
		return err_code(p->err, CFS_ENOMEM);
	}
	for (size_t i = 0; i < p->met_cap; i++) {
		if (p->met[i].path != 0) {
			*find_met(list, cap, p->met[i].path) = p->met[i];
		}
	}
	free(p->met);
	p->met = list;
	p->met_cap = cap;
	return 0;
}

/* How many newer versions of the path there are; it counts from now on. Or a code. */
static int
rank_of(struct prune *p, const char *path, int64_t *rank_out)
{
	uint64_t hash = hash_path(path);
	struct met *m;

	*rank_out = 0;
	if (p->o.keep == 0) {
		return 0;
	}
	if (hash == 0) {
		return err_code(p->err, CFS_ENOMEM);
	}
	if (p->met_used * 2 >= p->met_cap && grow_met(p) != 0) {
		return CFS_ENOMEM;
	}
	m = find_met(p->met, p->met_cap, hash);
	p->met_used += m->path == 0;
	m->path = hash;
	*rank_out = m->count++;
	return 0;
}

/* ---- one after the other, the newest first ---- */

static void
report(struct prune *p, const char *path, const struct cfs_version *v)
{
	if (p->cli->opt.json) {
		versions_json(p->cli, p->c, path, v);
	} else if (p->o.dry_run || p->cli->opt.verbose > 0) {
		char *shown = out_escape(path);

		fprintf(p->o.dry_run ? p->cli->out : p->cli->msg, "%s%s@%llu\n",
			p->o.dry_run ? "would prune " : "", shown != NULL ? shown : "",
			(unsigned long long)v->version);
		free(shown);
	}
}

static int
flush_chosen(struct prune *p)
{
	uint64_t done = 0, bytes = 0;
	int rc;

	if (p->chosen_count == 0) {
		return 0;
	}
	rc = cfs_prune(p->c, p->chosen, p->chosen_count, &done, &bytes, p->err);
	p->chosen_count = 0;
	p->count += done;
	p->bytes += bytes;
	return rc;
}

static int
choose(struct prune *p, const char *path, const struct cfs_version *v)
{
	int64_t rank;
	int rc = rank_of(p, path, &rank);

	if (rc != 0 || rank < p->o.keep || v->removed_ns > p->before_ns) {
		return rc;
	}
	report(p, path, v);
	if (p->o.dry_run) {
		p->count++;
		p->bytes += v->attr.stored;
		return 0;
	}
	p->chosen[p->chosen_count++] = *v;
	return p->chosen_count == AT_ONCE ? flush_chosen(p) : 0;
}

static int
look_at(void *arg, const struct cfs_version *v)
{
	struct prune *p = arg;
	char *path = versions_path(v);
	int rc = 0;

	if (path == NULL) {
		return err_code(p->err, CFS_ENOMEM);
	}
	if (is_below(path, p->top)) {
		rc = choose(p, path, v);
	}
	free(path);
	return rc;
}

static int
prune_name(void *arg, struct remote *r, struct cfs_err *err)
{
	struct prune *p = arg;
	int rc;

	p->c = r->c;
	p->top = r->path;
	p->err = err;
	p->chosen_count = 0;
	rc = cfs_attic(r->c, look_at, p, err);
	if (rc == 0) {
		rc = flush_chosen(p);
	}
	free(p->met);
	p->met = NULL;
	p->met_used = p->met_cap = 0;
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
	p.before_ns = now_real_ns() - p.o.older_ms * NS_PER_MS;
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

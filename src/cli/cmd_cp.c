/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/work.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/mvcp.h"

/*
 * cp: copies on the server, no data moves. A file's copy is one round trip, so that files of a tree are copied by a
 * few threads at once; directories are made without waiting.
 */

#define THREADS   16u
#define IN_FLIGHT 64u
#define IDLE_MS   1000u

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct mvcp_values, field), .help = (help_)                     \
	}
const struct arg_opt cp_opts[] = {
    OPT('r', "recursive", recursive, "directories with all that is in them"),
    OPT(0, "no-clobber", noclobber, "never replace a file"),
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
};
const size_t cp_n_opts = sizeof cp_opts / sizeof *cp_opts;

struct copier {
	struct mvcp m;
	struct work_pool *pool;
	struct listings *listings;
	int fatal; /* what ended it all, in a thread */
	struct cfs_err fatal_err;
};

/* One file that a thread copies. */
struct copy {
	struct work_job work;
	struct copier *copier;
	struct cfs_attr attr;
	struct cfs_ref dir;
	char *name, *shown;
	struct cfs_err err;
	int rc;
};

/* A source: what it is, where it goes. */
struct source {
	const struct cfs_attr *attr;
	const char *shown;
	struct cfs_ref dir;
	const char *name;
	bool fresh; /* dir was made by us: the name cannot be there */
	struct children *siblings;
	size_t index;
};

static void
run_copy(struct work_job *work)
{
	struct copy *job = CONTAINER_OF(work, struct copy, work);
	unsigned flags = job->copier->m.o.noclobber ? CFS_PUT_NOCLOBBER : 0;

	job->rc = cfs_copy_file(job->copier->m.to.c, &job->attr, job->dir, job->name, flags, NULL,
				&job->err);
}

static void
copy_free(struct copy *job)
{
	free(job->name);
	free(job->shown);
	free(job);
}

/* Tells of one item; a fatal code is returned. */
static int
tell(struct copier *k, const char *shown, int rc, const char *text)
{
	if (rc == 0) {
		cli_item_done(k->m.cli);
		cli_did(k->m.cli, "cp", shown, false);
		return 0;
	}
	if (cli_is_fatal(rc)) {
		return rc;
	}
	cli_item_failed(k->m.cli, "cp", shown, rc, text);
	return 0;
}

/* Takes what is finished, and waits until at most `most` are under way. */
static int
settle(struct copier *k, size_t most, struct cfs_err *err)
{
	for (;;) {
		struct pollfd p = {.fd = work_fd(k->pool), .events = POLLIN};
		struct work_job *next;

		for (struct work_job *w = work_collect(k->pool); w != NULL; w = next) {
			struct copy *job = CONTAINER_OF(w, struct copy, work);

			next = w->next;
			if (tell(k, job->shown, job->rc, job->err.text) != 0 && k->fatal == 0) {
				k->fatal = job->rc;
				k->fatal_err = job->err;
			}
			copy_free(job);
		}
		if (work_pending(k->pool) <= most) {
			break;
		}
		/* A signal ends the poll; the calls that it ended come back by themselves. */
		(void)poll(&p, 1, -1);
	}
	if (k->fatal != 0 && err != NULL) {
		*err = k->fatal_err;
	}
	return k->fatal;
}

static int
copy_file(struct copier *k, const struct source *s, struct cfs_err *err)
{
	struct copy *job = calloc(1, sizeof *job);

	if (job != NULL) {
		*job = (struct copy){
		    .work = {.run = run_copy},
		    .copier = k,
		    .attr = *s->attr,
		    .dir = s->dir,
		    .name = strdup(s->name),
		    .shown = strdup(s->shown),
		};
	}
	if (job == NULL || job->name == NULL || job->shown == NULL) {
		if (job != NULL) {
			copy_free(job);
		}
		return err_code(err, CFS_ENOMEM);
	}
	work_submit(k->pool, &job->work);
	return settle(k, IN_FLIGHT, err);
}

/* Links, fifos and devices are made anew. */
static int
copy_special(struct copier *k, const struct source *s, struct cfs_err *err)
{
	struct cfs_create create = {
	    .dir = s->dir,
	    .name = s->name,
	    .type = s->attr->type,
	    .mode = s->attr->mode,
	    .mtime_ns = s->attr->mtime_ns,
	    .rdev = s->attr->rdev,
	};
	char target[4096];
	struct cfs_ref made;
	int rc = 0;

	if (s->attr->type == CFS_SYMLINK) {
		rc = cfs_readlink(k->m.to.c, s->attr->ref, target, err);
		create.target = target;
	}
	if (rc == 0) {
		rc = cfs_create(k->m.to.c, &create, s->fresh ? CFS_LATER : CFS_VISIBLE, &made, NULL,
				err);
	}
	return rc;
}

/* The directory that a directory becomes: one that is there, or a new one (*fresh_out). */
static int
make_directory(struct copier *k, const struct source *s, struct cfs_ref *made, bool *fresh_out,
	       struct cfs_err *err)
{
	const struct cfs_create create = {
	    .dir = s->dir, .name = s->name, .type = CFS_DIR, .mode = s->attr->mode};
	struct cfs_attr old;
	int rc =
	    cfs_create(k->m.to.c, &create, s->fresh ? CFS_LATER : CFS_VISIBLE, made, NULL, err);

	*fresh_out = rc == 0;
	if (rc != CFS_EEXIST) {
		return rc;
	}
	rc = cfs_lookup(k->m.to.c, s->dir, s->name, &old, err);
	*made = old.ref;
	return rc == 0 && old.type != CFS_DIR ? err_code(err, CFS_ENOTDIR) : rc;
}

static int copy_any(struct copier *k, const struct source *s, struct cfs_err *err);

static int
copy_directory(struct copier *k, const struct source *s, struct cfs_err *err)
{
	struct source sub = {.fresh = false};
	struct children list = {0};
	int rc = make_directory(k, s, &sub.dir, &sub.fresh, err);

	if (rc == 0) {
		rc = s->siblings != NULL
			 ? listings_take(k->listings, s->siblings, s->index, &list, err)
			 : children_read(k->m.to.c, s->attr->ref, &list, err);
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char *shown = remote_join(s->shown, list.v[i].name);

		sub.attr = &list.v[i].attr;
		sub.shown = shown;
		sub.name = list.v[i].name;
		sub.siblings = &list;
		sub.index = i;
		rc = shown != NULL ? cli_check(k->m.cli, err) : err_code(err, CFS_ENOMEM);
		if (rc == 0) {
			rc = copy_any(k, &sub, err);
		}
		free(shown);
	}
	children_fini(&list);
	return rc;
}

/* One entry; what is wrong with it alone is told and does not stop the others. */
static int
copy_any(struct copier *k, const struct source *s, struct cfs_err *err)
{
	int rc;

	if (s->attr->type == CFS_FILE) {
		return copy_file(k, s, err);
	}
	rc = s->attr->type == CFS_DIR ? copy_directory(k, s, err) : copy_special(k, s, err);
	return tell(k, s->shown, rc, err->text);
}

static int
copy_one(void *arg, const char *path, const char *shown, const struct cfs_attr *attr,
	 struct cfs_ref dir, const char *name, struct cfs_err *err)
{
	struct copier *k = arg;
	struct cfs_attr real = *attr;
	const struct source s = {.attr = &real, .shown = shown, .dir = dir, .name = name};

	/* As cp(1): a link that is named itself stands for its target, unless a tree is copied. */
	if (attr->type == CFS_SYMLINK && !k->m.o.recursive) {
		int rc = cfs_stat(k->m.to.c, path, false, &real, err);

		if (rc != 0) {
			return rc;
		}
	}
	if (real.type == CFS_DIR && !k->m.o.recursive) {
		return err_set(err, CFS_EISDIR, "is a directory; use -r");
	}
	return copy_any(k, &s, err);
}

static int
copy_all(struct copier *k, int n, char **argv, struct cfs_err *err)
{
	int rc = mvcp_begin(&k->m, n, argv, err);

	if (rc == 0) {
		rc = listings_new(k->m.to.c, &k->listings, err);
	}
	if (rc == 0) {
		rc = work_new(THREADS, IDLE_MS, &k->pool, err);
	}
	if (rc == 0) {
		rc = mvcp_each(&k->m, n, argv, err);
		/* The threads end in any case; what they did before is counted. */
		int end = settle(k, 0, rc == 0 ? err : NULL);

		rc = rc == 0 ? end : rc;
	}
	if (rc == 0 && !k->m.o.dry_run) {
		rc = cfs_sync(k->m.to.c, err);
	}
	work_free(k->pool);
	listings_free(k->listings);
	mvcp_end(&k->m);
	return rc == 0 ? cli_outcome(k->m.cli, err) : rc;
}

int
cmd_cp(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct copier k = {.m = {.cli = cli, .command = "cp", .one = copy_one}};
	const struct cli_args args = {
	    .name = "cp",
	    .synopsis = "[-rn] FROM... TO",
	    .summary = "Copy on the server: content is shared, no data moves.",
	    .opts = cp_opts,
	    .n_opts = cp_n_opts,
	    .values = &k.m.o,
	    .min_args = 2,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	k.m.arg = &k;
	k.m.flags = REMOTE_UNCOUNTED | REMOTE_VERSIONS;
	k.m.through = true;
	return copy_all(&k, argc - first, argv + first, err);
}

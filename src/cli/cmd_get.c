/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "cli/transfer.h"

/*
 * get: remote files and trees to this machine. Names come from the server and are not trusted: each is checked to be one
 * plain name, and a directory is only entered if it is a real one, never through a link. Nor is a file written through a
 * link, unless the user named that: it may have come with an earlier state of the same tree.
 */

struct get_values {
	bool recursive, dry_run, noclobber;
	int64_t version;
};

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct get_values, field), .help = (help_)                      \
	}
#define VERSION_OF                                                                                 \
	{                                                                                          \
		.long_name = "version-of", .kind = ARG_INT,                                        \
		.offset = offsetof(struct get_values, version), .arg_name = "N",                   \
		.help = "version N of each file, as PATH@N", .min = 1, .max = INT64_MAX            \
	}
const struct arg_opt get_opts[] = {
    OPT('r', "recursive", recursive, "directories with all that is in them"),
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
    OPT(0, "no-clobber", noclobber, "never replace a file"),
    VERSION_OF,
};
const size_t get_n_opts = sizeof get_opts / sizeof *get_opts;
const struct arg_opt cat_opts[] = {
    VERSION_OF,
};
const size_t cat_n_opts = sizeof cat_opts / sizeof *cat_opts;

struct get {
	struct transfer t;
	struct listings *listings;
	struct get_values o;
	const char *to; /* LOCAL */
	bool into;      /* it is a directory and names go below it */
	bool to_stdout, cat;
	uint32_t mode_mask; /* what of a file's mode is taken over */
};

/* One thing to fetch. A directory's listing is fetched ahead if it is an entry of another. */
struct place {
	const char *remote, *local;
	const struct cfs_attr *attr;
	struct children *siblings; /* NULL for the top */
	size_t index;
	bool fresh; /* it goes into a directory that was made just now, so nothing is in its way */
};

static int
get_file(struct get *g, const struct place *p, struct cfs_err *err)
{
	struct cfs_get item = {
	    .attr = *p->attr,
	    .remote = p->remote,
	    .local = g->to_stdout ? NULL : p->local,
	    .fd = g->to_stdout ? STDOUT_FILENO : -1,
	    .noclobber = g->o.noclobber,
	    .nofollow = strcmp(p->local, g->to) != 0,
	    .absent = p->fresh,
	    .set_times = !g->to_stdout,
	    .set_mode = !g->to_stdout,
	};

	if (g->o.dry_run) {
		cli_did(g->t.cli, "get", p->remote, true);
		cli_item_done(g->t.cli);
		return 0;
	}
	item.attr.mode &= g->mode_mask;
	progress_expect(&g->t.progress, 1, p->attr->size);
	return cfs_xfer_get(g->t.x, &item, err);
}

static int
get_symlink(struct get *g, const char *remote, const char *local, const struct cfs_attr *attr,
	    struct cfs_err *err)
{
	char target[4096];
	struct stat st;
	int rc = cfs_readlink(g->t.c, attr->ref, target, err);

	if (rc != 0 || g->o.dry_run) {
		return rc;
	}
	if (!g->o.noclobber && lstat(local, &st) == 0 && !S_ISDIR(st.st_mode)) {
		unlink(local);
	}
	if (symlink(target, local) != 0) {
		return transfer_failed(&g->t, remote, err_from_local(errno), strerror(errno));
	}
	cli_did(g->t.cli, "get", remote, false);
	cli_item_done(g->t.cli);
	return 0;
}

/* Makes the local directory, or takes a real one that is there. */
static int
make_local_directory(const char *local, bool dry_run, bool *made_out, struct cfs_err *err)
{
	struct stat st;

	*made_out = !dry_run && mkdir(local, 0777) == 0;
	if (dry_run || *made_out ||
	    (errno == EEXIST && lstat(local, &st) == 0 && S_ISDIR(st.st_mode))) {
		return 0;
	}
	int why = errno == EEXIST ? ENOTDIR : errno;

	return err_set(err, err_from_local(why), "%s: %s", local, strerror(why));
}

static int get_any(struct get *g, const struct place *p, struct cfs_err *err);

static int
get_child(struct get *g, const struct place *dir, struct children *list, size_t i, bool fresh,
	  struct cfs_err *err)
{
	const struct child *child = &list->v[i];
	char *remote = remote_join(dir->remote, child->name);
	char *local = remote_join(dir->local, child->name);
	const struct place p = {remote, local, &child->attr, list, i, fresh};
	int rc = cli_check(g->t.cli, err);

	if (rc != 0) {
		goto out;
	}
	if (remote == NULL || local == NULL) {
		rc = err_code(err, CFS_ENOMEM);
	} else if ((rc = name_check(child->name, strlen(child->name))) != 0) {
		rc = transfer_failed(&g->t, remote, rc, "the server gave a name that is none");
	} else {
		rc = get_any(g, &p, err);
	}
out:
	free(remote);
	free(local);
	return rc;
}

static int
get_directory(struct get *g, const struct place *p, struct cfs_err *err)
{
	struct children list = {0};
	bool made;
	int rc = make_local_directory(p->local, g->o.dry_run, &made, err);

	if (rc != 0) {
		return rc;
	}
	rc = p->siblings != NULL ? listings_take(g->listings, p->siblings, p->index, &list, err)
				 : children_read(g->t.c, p->attr->ref, &list, err);
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		rc = get_child(g, p, &list, i, made, err);
	}
	children_fini(&list);
	if (rc == 0 && !g->o.dry_run &&
	    chmod(p->local, (p->attr->mode & g->mode_mask) | 0700) != 0) {
		rc = err_set_errno(err, errno, "%s", p->local);
	}
	return rc;
}

static int
get_any(struct get *g, const struct place *p, struct cfs_err *err)
{
	int rc;

	switch (p->attr->type) {
	case CFS_FILE:
		rc = get_file(g, p, err);
		break;
	case CFS_DIR:
		rc = get_directory(g, p, err);
		break;
	case CFS_SYMLINK:
		rc = get_symlink(g, p->remote, p->local, p->attr, err);
		break;
	case CFS_FIFO:
	case CFS_CHR:
	case CFS_BLK:
	case CFS_SOCK:
	default:
		rc = err_set(err, CFS_EUNSUPPORTED, "is a device, socket or fifo; left out");
		break;
	}
	return rc != 0 ? transfer_failed(&g->t, p->remote, rc, err->text) : 0;
}

/* Where one named source goes on this machine; malloc'd. */
static char *
local_target(const struct get *g, const char *path)
{
	struct path_view base = path_base(path_view_str(path));
	char *name, *out;

	if (!g->into) {
		return strdup(g->to);
	}
	if (base.len == 0 || *base.p == '/') {
		return strdup(g->to);
	}
	name = strndup(base.p, base.len);
	out = name != NULL ? remote_join(g->to, name) : NULL;
	free(name);
	return out;
}

/* The pipeline and the reader of listings are made with the first file, when the connection is known. */
static int
use_connection(struct get *g, struct cfs *c, struct cfs_err *err)
{
	if (g->t.c != c) {
		listings_free(g->listings);
		g->listings = NULL;
	}
	if (g->listings == NULL) {
		int rc = listings_new(c, &g->listings, err);

		if (rc != 0) {
			return rc;
		}
	}
	return transfer_use(&g->t, c, err);
}

/* What a symbolic link that is an old version points to, seen from where it stood. */
static int
follow_old(struct cfs *c, const char *path, const struct cfs_attr *link, struct cfs_attr *out,
	   struct cfs_err *err)
{
	struct path_view dir = path_dir(path_view_str(path));
	char target[4096], *where = NULL;
	int rc = cfs_readlink(c, link->ref, target, err);

	if (rc == 0 && asprintf(&where, "%.*s/%s", (int)dir.len, dir.p, target) < 0) {
		rc = err_code(err, CFS_ENOMEM);
	}
	if (rc == 0) {
		rc = cfs_stat(c, *target == '/' ? target : where, false, out, err);
	}
	free(where);
	return rc;
}

static int
get_source(void *arg, struct cfs *c, const char *path, const char *shown,
	   const struct cfs_attr *attr, struct cfs_err *err)
{
	struct get *g = arg;
	struct cfs_attr real = *attr;
	struct place p = {.remote = shown, .attr = &real};
	char *local;
	int rc = use_connection(g, c, err);

	/* A link that is named itself stands for what it points to; links inside a tree stay links. */
	if (rc == 0 && attr->type == CFS_SYMLINK) {
		rc = attr->nlink == 0 ? follow_old(c, path, attr, &real, err)
				      : cfs_stat(c, path, false, &real, err);
	}
	if (rc != 0) {
		return rc;
	}
	if (real.type == CFS_DIR && (!g->o.recursive || g->to_stdout)) {
		return err_set(err, CFS_EISDIR, "is a directory%s", g->to_stdout ? "" : "; use -r");
	}
	/* What a followed link leads to is none, whatever the server says: it would be made here under the name given. */
	if (real.type == CFS_SYMLINK || (g->to_stdout && real.type != CFS_FILE)) {
		return err_set(err, CFS_EINVAL, "is no file");
	}
	local = local_target(g, path);
	p.local = local;
	rc = local != NULL ? get_any(g, &p, err) : err_code(err, CFS_ENOMEM);
	free(local);
	return rc;
}

static int
check_target(struct get *g, int sources, struct cfs_err *err)
{
	struct stat st;
	size_t len = strlen(g->to);
	bool there, gone;

	g->to_stdout = strcmp(g->to, "-") == 0;
	there = !g->to_stdout && stat(g->to, &st) == 0;
	gone = !there && errno == ENOENT;
	g->into = there && S_ISDIR(st.st_mode);
	if (!g->to_stdout && !g->into && (sources > 1 || (len > 0 && g->to[len - 1] == '/'))) {
		return gone ? err_set(err, CFS_ENOENT, "%s: no such directory on this machine",
				      g->to)
			    : err_set(err, CFS_ENOTDIR, "%s: is no directory on this machine",
				      g->to);
	}
	return 0;
}

/* One argument; with --version-of that version of it. */
static int
get_arg(struct get *g, char *arg, struct cfs_err *err)
{
	char *named = NULL;
	int rc;

	if (g->o.version == 0) {
		return remote_each_item(g->t.cli, g->t.command, 1, &arg,
					REMOTE_UNCOUNTED | REMOTE_VERSIONS, get_source, g, err);
	}
	if (asprintf(&named, "%s@%lld", arg, (long long)g->o.version) < 0) {
		return err_code(err, CFS_ENOMEM);
	}
	rc = remote_each_item(g->t.cli, g->t.command, 1, &named, REMOTE_UNCOUNTED | REMOTE_VERSION,
			      get_source, g, err);
	free(named);
	return rc;
}

/* Fetches argv[0..n-1], telling of each that fails. */
static int
get_all(struct get *g, struct cli *cli, int n, char **argv, struct cfs_err *err)
{
	mode_t mask = umask(0);
	int rc = 0;

	umask(mask);
	/* As cp(1) without -p: neither set-id bits nor what the umask takes away. */
	g->mode_mask = 0777u & ~(uint32_t)mask;
	transfer_init(&g->t, cli, g->to_stdout && g->cat ? "cat" : "get");
	g->t.silent = g->to_stdout;
	fflush(cli->out);
	for (int i = 0; rc == 0 && i < n; i++) {
		rc = get_arg(g, argv[i], err);
	}
	rc = transfer_end(&g->t, rc, err);
	listings_free(g->listings);
	return rc;
}

int
cmd_get(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct get g = {.to = "."};
	const struct cli_args args = {
	    .name = "get",
	    .synopsis = "[-rn] [--version-of N] REMOTE[@N]... [LOCAL]",
	    .summary = "Fetch files; LOCAL \"-\" is standard output. "
		       "Nothing incomplete or damaged is ever left under a final name.",
	    .opts = get_opts,
	    .n_opts = get_n_opts,
	    .values = &g.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);
	int sources = argc - first > 1 ? argc - first - 1 : 1;

	if (rc != 0) {
		return rc;
	}
	if (argc - first > 1) {
		g.to = argv[argc - 1];
	}
	rc = check_target(&g, sources, err);
	return rc == 0 ? get_all(&g, cli, sources, argv + first, err) : rc;
}

int
cmd_cat(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct get g = {.to = "-", .to_stdout = true, .cat = true};
	const struct cli_args args = {
	    .name = "cat",
	    .synopsis = "[--version-of N] REMOTE[@N]...",
	    .summary = "Print files on standard output.",
	    .opts = cat_opts,
	    .n_opts = cat_n_opts,
	    .values = &g.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? get_all(&g, cli, argc - first, argv + first, err) : rc;
}

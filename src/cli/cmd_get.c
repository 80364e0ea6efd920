/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/transfer.h"
#include "cli/walk.h"

/*
 * get: remote files and trees to this machine. Names come from the server and are not trusted: each is checked to be one
 * plain name, and a directory is only entered if it is a real one, never through a link.
 */

struct get_values {
	bool recursive, dry_run, noclobber;
};

#define OPT(short_, long_, field, help_)                                                           \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = ARG_FLAG,                    \
		.offset = offsetof(struct get_values, field), .help = (help_)                      \
	}
const struct arg_opt get_opts[] = {
    OPT('r', "recursive", recursive, "directories with all that is in them"),
    OPT('n', "dry-run", dry_run, "say what would be done, change nothing"),
    OPT(0, "no-clobber", noclobber, "never replace a file"),
};
const size_t get_n_opts = sizeof get_opts / sizeof *get_opts;

struct get {
	struct transfer t;
	struct cli *cli;
	struct get_values o;
	const char *to; /* LOCAL */
	bool into;      /* it is a directory and names go below it */
	bool to_stdout;
};

/* The pipeline is made with the first file, when the connection is known. */
static int
pipeline(struct get *g, struct cfs *c, struct cfs_err *err)
{
	struct progress seen = g->t.progress;
	int rc;

	if (g->t.x != NULL && g->t.c == c) {
		return 0;
	}
	if (g->t.x != NULL) {
		rc = cfs_xfer_finish(g->t.x, err);
		cfs_xfer_free(g->t.x);
		g->t.x = NULL;
		if (rc != 0 && rc != CFS_EPARTIAL) {
			return rc;
		}
		rc = transfer_begin(&g->t, g->cli, "get", c, err);
		g->t.progress = seen;
		return rc;
	}
	return transfer_begin(&g->t, g->cli, "get", c, err);
}

static int
get_file(struct get *g, const char *remote, const char *local, const struct cfs_attr *attr,
	 struct cfs_err *err)
{
	const struct cfs_get item = {
	    .attr = *attr,
	    .remote = remote,
	    .local = g->to_stdout ? NULL : local,
	    .fd = g->to_stdout ? STDOUT_FILENO : -1,
	    .noclobber = g->o.noclobber,
	    .set_times = !g->to_stdout,
	    .set_mode = !g->to_stdout,
	};

	if (g->o.dry_run) {
		cli_note(g->cli, "would get %s", remote);
		return 0;
	}
	progress_expect(&g->t.progress, 1, attr->size);
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
		transfer_failed(&g->t, remote, err_from_errno(errno), strerror(errno));
		return 0;
	}
	cli_item_done(g->cli);
	return 0;
}

/* Makes the local directory, or takes a real one that is there. */
static int
make_local_directory(struct get *g, const char *remote, const char *local)
{
	struct stat st;

	if (g->o.dry_run || mkdir(local, 0777) == 0 ||
	    (errno == EEXIST && lstat(local, &st) == 0 && S_ISDIR(st.st_mode))) {
		return 0;
	}
	transfer_failed(&g->t, remote, CFS_ELOCALIO, strerror(errno == EEXIST ? ENOTDIR : errno));
	return -1;
}

static int get_any(struct get *g, const char *remote, const char *local,
		   const struct cfs_attr *attr, struct cfs_err *err);

static int
get_child(struct get *g, const char *remote, const char *local, const struct child *child,
	  struct cfs_err *err)
{
	char *sub_remote = remote_join(remote, child->name);
	char *sub_local = remote_join(local, child->name);
	int rc;

	if (sub_remote == NULL || sub_local == NULL) {
		rc = err_code(err, CFS_ENOMEM);
	} else if ((rc = name_check(child->name, strlen(child->name))) != 0) {
		transfer_failed(&g->t, sub_remote, rc, "the server gave a name that is none");
		rc = 0;
	} else {
		rc = get_any(g, sub_remote, sub_local, &child->attr, err);
	}
	free(sub_remote);
	free(sub_local);
	return rc;
}

static int
get_directory(struct get *g, const char *remote, const char *local, const struct cfs_attr *attr,
	      struct cfs_err *err)
{
	struct children list = {0};
	struct timespec times[2];
	int rc;

	if (make_local_directory(g, remote, local) != 0) {
		return 0;
	}
	rc = children_read(g->t.c, attr->ref, &list, err);
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		rc = get_child(g, remote, local, &list.v[i], err);
	}
	children_fini(&list);
	if (rc == 0 && !g->o.dry_run) {
		times[0] = times[1] = (struct timespec){
		    .tv_sec = (time_t)(attr->mtime_ns / 1000000000),
		    .tv_nsec = (long)(attr->mtime_ns % 1000000000),
		};
		chmod(local, (attr->mode & 0777) | 0700);
		utimensat(AT_FDCWD, local, times, AT_SYMLINK_NOFOLLOW);
	}
	return rc;
}

static int
get_any(struct get *g, const char *remote, const char *local, const struct cfs_attr *attr,
	struct cfs_err *err)
{
	switch (attr->type) {
	case CFS_FILE:
		return get_file(g, remote, local, attr, err);
	case CFS_DIR:
		return get_directory(g, remote, local, attr, err);
	case CFS_SYMLINK:
		return get_symlink(g, remote, local, attr, err);
	case CFS_FIFO:
	case CFS_CHR:
	case CFS_BLK:
	case CFS_SOCK:
	default:
		transfer_failed(&g->t, remote, CFS_EUNSUPPORTED,
				"is a device, socket or fifo; left out");
		return 0;
	}
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

static int
get_source(void *arg, struct cfs *c, const char *path, const char *shown,
	   const struct cfs_attr *attr, struct cfs_err *err)
{
	struct get *g = arg;
	struct cfs_attr real = *attr;
	char *local;
	int rc = pipeline(g, c, err);

	/* A link that is named itself stands for what it points to; links inside a tree stay links. */
	if (rc == 0 && attr->type == CFS_SYMLINK) {
		rc = cfs_stat(c, path, false, &real, err);
	}
	if (rc != 0) {
		return rc;
	}
	if (real.type == CFS_DIR && (!g->o.recursive || g->to_stdout)) {
		return err_set(err, CFS_EISDIR, "is a directory%s", g->to_stdout ? "" : "; use -r");
	}
	local = local_target(g, path);
	rc = local != NULL ? get_any(g, shown, local, &real, err) : err_code(err, CFS_ENOMEM);
	free(local);
	return rc;
}

static int
check_target(struct get *g, int sources, struct cfs_err *err)
{
	struct stat st;
	size_t len = strlen(g->to);

	g->to_stdout = strcmp(g->to, "-") == 0;
	g->into = !g->to_stdout && stat(g->to, &st) == 0 && S_ISDIR(st.st_mode);
	if (!g->to_stdout && !g->into && (sources > 1 || (len > 0 && g->to[len - 1] == '/'))) {
		return err_set(err, CFS_ENOTDIR, "%s: is no directory on this machine", g->to);
	}
	return 0;
}

/* Fetches argv[0..n-1], telling of each that fails. */
static int
get_all(struct get *g, int n, char **argv, struct cfs_err *err)
{
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		rc = remote_expand(g->cli, argv[i], get_source, g, err);
		if (rc == CFS_ENET || rc == CFS_ECANCELED || rc == CFS_ENOMEM) {
			break;
		}
		if (rc != 0) {
			g->t.cli = g->cli;
			g->t.command = g->to_stdout ? "cat" : "get";
			transfer_failed(&g->t, argv[i], rc, err->text);
			rc = 0;
		}
	}
	if (g->t.x == NULL) {
		return rc == 0 ? cli_outcome(g->cli, err) : rc;
	}
	return transfer_end(&g->t, rc, err);
}

int
cmd_get(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct get g = {.cli = cli, .to = "."};
	const struct cli_args args = {
	    .name = "get",
	    .synopsis = "[-rn] REMOTE... [LOCAL]",
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
	return rc == 0 ? get_all(&g, sources, argv + first, err) : rc;
}

int
cmd_cat(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct get g = {.cli = cli, .to = "-", .to_stdout = true};
	const struct cli_args args = {
	    .name = "cat",
	    .synopsis = "REMOTE...",
	    .summary = "Print files on standard output.",
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? get_all(&g, argc - first, argv + first, err) : rc;
}

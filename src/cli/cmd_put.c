/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/commands.h"
#include "cli/put_known.h"
#include "cli/remote.h"
#include "cli/transfer.h"

/* put: local files, trees or standard input to the server. */

struct put_values {
	bool recursive, dry_run, noclobber;
	int64_t if_version;
};

#define OPT(short_, long_, kind_, field, arg_, help_)                                              \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = (kind_),                     \
		.offset = offsetof(struct put_values, field), .arg_name = (arg_), .help = (help_), \
		.max = INT64_MAX                                                                   \
	}
const struct arg_opt put_opts[] = {
    OPT('r', "recursive", ARG_FLAG, recursive, NULL, "directories with all that is in them"),
    OPT('n', "dry-run", ARG_FLAG, dry_run, NULL, "say what would be done, change nothing"),
    OPT(0, "no-clobber", ARG_FLAG, noclobber, NULL, "never replace a file"),
    OPT(0, "if-version", ARG_INT, if_version, "N",
	"only if the file has this version now (0: only if there is none)"),
};
const size_t put_n_opts = sizeof put_opts / sizeof *put_opts;

/* Where the sources go. */
struct target {
	struct remote r;
	struct cfs_place place;
	bool into; /* place is a directory and sources keep their names below it */
};

struct put {
	struct transfer t;
	struct put_values o;
	struct target to;
	struct known *known; /* directories that are there already, of the tree at work */
};

static int64_t
mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int
resolve_target(struct cli *cli, const char *arg, int sources, struct target *to,
	       struct cfs_err *err)
{
	int rc = remote_open(cli, arg, &to->r, err);

	if (rc != 0) {
		return rc;
	}
	rc = cfs_place(to->r.c, to->r.path, false, &to->place, err);
	if (rc != 0) {
		return cli_wrap(err, arg);
	}
	to->into = to->place.found && to->place.attr.type == CFS_DIR;
	if (!to->into && (sources > 1 || to->r.trailing_slash)) {
		rc = to->place.found ? CFS_ENOTDIR : CFS_ENOENT;
		return err_set(err, rc, "%s: %s%s", arg, err_text(rc),
			       to->place.found ? "" : "; make it with 'cfs mkdir'");
	}
	return 0;
}

/* One open source into the pipeline; takes fd. */
static int
put_fd(struct put *p, int fd, const char *local, struct cfs_ref dir, const char *name,
       const char *remote, const struct stat *st, struct cfs_err *err)
{
	bool regular = S_ISREG(st->st_mode);
	const struct cfs_put item = {
	    .fd = fd,
	    .local = local,
	    .dir = dir,
	    .name = name,
	    .remote = remote,
	    .flags = (p->o.noclobber ? (unsigned)CFS_PUT_NOCLOBBER : 0u) |
		     (p->o.if_version >= 0 ? (unsigned)CFS_PUT_IF_VERSION : 0u) |
		     (regular ? (unsigned)CFS_PUT_SPARSE : 0u),
	    .if_version = p->o.if_version >= 0 ? (uint64_t)p->o.if_version : 0,
	    .mode = regular ? st->st_mode & 07777 : 0644,
	    .mtime_ns = regular ? mtime_of(st) : 0,
	};

	if (p->o.dry_run) {
		cli_did(p->t.cli, "put", remote, true);
		cli_item_done(p->t.cli);
		close(fd);
		return 0;
	}
	progress_expect(&p->t.progress, 1, regular ? (uint64_t)st->st_size : 0);
	return cfs_xfer_put(p->t.x, &item, err);
}

/* One local file; what is wrong with it alone is told and does not stop the others. */
static int
put_file(struct put *p, const char *local, struct cfs_ref dir, const char *name, const char *remote,
	 struct cfs_err *err)
{
	int fd = strcmp(local, "-") == 0 ? dup(STDIN_FILENO)
					 : open(local, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		int e = errno;

		if (fd >= 0) {
			close(fd);
		}
		/* Ctrl-C, where a pipe's other end is waited for. */
		if (e == EINTR) {
			return err_code(err, CFS_ECANCELED);
		}
		return transfer_failed(&p->t, local, err_from_local(e), strerror(e));
	}
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		return transfer_failed(&p->t, local, CFS_EISDIR, "is a directory; use -r");
	}
	return put_fd(p, fd, local, dir, name, remote, &st, err);
}

/* What is known of a remote directory while its local one is walked; hangs on the FTSENT. */
struct level {
	struct cfs_ref ref;
	bool fresh; /* made by us: nothing can be in it */
	char *path;
};

static void
level_free(FTSENT *e)
{
	struct level *l = e->fts_pointer;

	if (l != NULL) {
		free(l->path);
		free(l);
		e->fts_pointer = NULL;
	}
}

/* The remote directory `name` in parent: the one that is there, or a new one, made without waiting. */
static int
make_directory(struct put *p, const struct level *parent, const char *name, const struct stat *st,
	       struct level *out, struct cfs_err *err)
{
	const struct cfs_create create = {
	    .dir = parent->ref,
	    .name = name,
	    .type = CFS_DIR,
	    .mode = st->st_mode & 07777,
	};
	struct cfs_attr attr;
	int rc = CFS_ENOENT;

	if (!parent->fresh) {
		rc = known_find(p->known, out->path, &attr);
		if (rc != 0 && rc != CFS_ENOENT) {
			rc = cfs_lookup(p->t.c, parent->ref, name, &attr, err);
		}
	}
	if (rc == 0) {
		out->ref = attr.ref;
		return attr.type == CFS_DIR ? 0 : err_code(err, CFS_ENOTDIR);
	}
	if (rc != CFS_ENOENT) {
		return rc;
	}
	out->fresh = true;
	return p->o.dry_run ? 0 : cfs_create(p->t.c, &create, CFS_LATER, &out->ref, NULL, err);
}

static int
enter_directory(struct put *p, FTSENT *e, const struct level *parent, const char *name,
		struct cfs_err *err)
{
	struct level *l = calloc(1, sizeof *l);
	int rc;

	if (l == NULL || (l->path = remote_join(parent->path, name)) == NULL) {
		free(l);
		return err_code(err, CFS_ENOMEM);
	}
	e->fts_pointer = l;
	rc = make_directory(p, parent, name, e->fts_statp, l, err);
	if (rc == 0) {
		return 0;
	}
	/* Without a level, what is in it is passed over. */
	level_free(e);
	return transfer_failed(&p->t, e->fts_path, rc, err->text);
}

static int
put_symlink(struct put *p, FTSENT *e, const struct level *parent, const char *name,
	    struct cfs_err *err)
{
	char target[4096];
	ssize_t n = readlink(e->fts_accpath, target, sizeof target - 1);
	struct cfs_create create = {
	    .dir = parent->ref,
	    .name = name,
	    .type = CFS_SYMLINK,
	    .mode = 0777,
	    .mtime_ns = mtime_of(e->fts_statp),
	    .target = target,
	};
	struct cfs_ref ref;
	int rc;

	if (n < 0) {
		return transfer_failed(&p->t, e->fts_path, err_from_local(errno), strerror(errno));
	}
	target[n] = '\0';
	if (p->o.dry_run) {
		return 0;
	}
	if (parent->fresh) {
		return cfs_create(p->t.c, &create, CFS_LATER, &ref, NULL, err);
	}
	rc = cfs_unlink(p->t.c, parent->ref, name, false, CFS_VISIBLE, NULL, err);
	if (rc == 0 || rc == CFS_ENOENT) {
		rc = cfs_create(p->t.c, &create, CFS_VISIBLE, &ref, NULL, err);
	}
	return rc != 0 ? transfer_failed(&p->t, e->fts_path, rc, err->text) : 0;
}

static int
put_entry(struct put *p, FTSENT *e, const struct level *parent, const char *name,
	  struct cfs_err *err)
{
	char *remote;
	int rc;

	switch (e->fts_info) {
	case FTS_D:
		return enter_directory(p, e, parent, name, err);
	case FTS_DP:
		level_free(e);
		return 0;
	case FTS_F:
		remote = remote_join(parent->path, name);
		rc = remote != NULL ? put_file(p, e->fts_accpath, parent->ref, name, remote, err)
				    : err_code(err, CFS_ENOMEM);
		free(remote);
		return rc;
	case FTS_SL:
	case FTS_SLNONE:
		return put_symlink(p, e, parent, name, err);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		level_free(e);
		return transfer_failed(&p->t, e->fts_path, err_from_local(e->fts_errno),
				       strerror(e->fts_errno));
	default:
		return transfer_failed(&p->t, e->fts_path, CFS_EUNSUPPORTED,
				       "is a device, socket or fifo; left out");
	}
}

/* Over a tree that is there: what of it is met again. */
static int
look_ahead(struct put *p, char *local, const struct level *top, const char *name,
	   struct cfs_err *err)
{
	struct cfs_attr attr;
	char *remote;
	int rc;

	if (cfs_lookup(p->t.c, top->ref, name, &attr, NULL) != 0 || attr.type != CFS_DIR) {
		return 0;
	}
	remote = remote_join(top->path, name);
	rc = remote != NULL ? known_new(p->t.c, local, remote, &p->known, err)
			    : err_code(err, CFS_ENOMEM);
	free(remote);
	return rc;
}

/* A tree: local goes to `name` in the directory top. */
static int
put_tree(struct put *p, char *local, const struct level *top, const char *name, struct cfs_err *err)
{
	char *paths[] = {local, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e = NULL;
	int rc;

	if (fts == NULL) {
		return err_set_errno(err, errno, "%s", local);
	}
	rc = look_ahead(p, local, top, name, err);
	while (rc == 0 && (e = fts_read(fts)) != NULL) {
		bool root = e->fts_level == FTS_ROOTLEVEL;
		const struct level *parent = root ? top : e->fts_parent->fts_pointer;

		rc = cli_check(p->t.cli, err);
		if (rc == 0 && parent != NULL) {
			rc = put_entry(p, e, parent, root ? name : e->fts_name, err);
		}
	}
	/* After an error, entries above the last one still hold their level. */
	for (e = rc != 0 ? e : NULL; e != NULL && e->fts_level >= FTS_ROOTLEVEL;
	     e = e->fts_parent) {
		level_free(e);
	}
	fts_close(fts);
	known_free(p->known);
	p->known = NULL;
	return rc;
}

/* The last name of a local path, for where it goes; "." and ".." are resolved first. */
static char *
local_name(const char *local)
{
	char *real = NULL, *out;
	struct path_view v = path_base(path_view_str(local));

	if (v.len == 0 || (v.len <= 2 && strncmp(v.p, "..", v.len) == 0)) {
		real = realpath(local, NULL);
		v = path_base(path_view_str(real != NULL ? real : local));
	}
	out = strndup(v.p, v.len);
	free(real);
	return out;
}

static int
put_source(struct put *p, char *local, struct cfs_err *err)
{
	const struct target *to = &p->to;
	struct level top = {.ref = to->into ? to->place.attr.ref : to->place.parent};
	char *name = to->into ? local_name(local) : strdup(to->place.name);
	char *parent = NULL, *remote = NULL;
	struct stat st;
	int rc = CFS_ENOMEM;

	if (to->into && strcmp(local, "-") == 0) {
		free(name);
		return cli_usage("put", err, "standard input needs a REMOTE name, not a directory");
	}
	if (to->into) {
		parent = strdup(to->r.path);
	} else {
		struct path_view dir = path_dir(path_view_str(to->r.path));

		parent = strndup(dir.p, dir.len);
	}
	remote = name != NULL && parent != NULL ? remote_join(parent, name) : NULL;
	if (remote == NULL) {
		err_code(err, rc);
	} else if (p->o.recursive && strcmp(local, "-") != 0 && lstat(local, &st) == 0 &&
		   S_ISDIR(st.st_mode)) {
		top.path = parent;
		rc = put_tree(p, local, &top, name, err);
	} else {
		rc = put_file(p, local, top.ref, name, remote, err);
	}
	free(parent);
	free(remote);
	free(name);
	return rc;
}

int
cmd_put(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct put p = {.o = {.if_version = -1}};
	const struct cli_args args = {
	    .name = "put",
	    .synopsis = "[-rn] LOCAL... [REMOTE]",
	    .summary = "Store local files; \"-\" is standard input. A file is replaced at once.",
	    .opts = put_opts,
	    .n_opts = put_n_opts,
	    .values = &p.o,
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, sources, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	sources = argc - first > 1 ? argc - first - 1 : 1;
	if (argc - first == 1 && strcmp(argv[first], "-") == 0) {
		return cli_usage("put", err, "standard input needs a REMOTE name");
	}
	rc = resolve_target(cli, argc - first > 1 ? argv[argc - 1] : "", sources, &p.to, err);
	if (rc == 0) {
		transfer_init(&p.t, cli, "put");
		p.t.puts = true;
		rc = transfer_use(&p.t, p.to.r.c, err);
		for (int i = 0; rc == 0 && i < sources; i++) {
			rc = put_source(&p, argv[first + i], err);
		}
		rc = transfer_end(&p.t, rc, err);
	}
	remote_fini(&p.to.r);
	return rc;
}

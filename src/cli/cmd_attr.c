/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/mode.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/walk.h"

/* stat, chmod, sum: inodes' attributes. */

static void
print_field(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%-9s %s\n", name, value);
}

static void
print_time_field(FILE *f, const char *name, int64_t ns)
{
	char text[TIME_SIZE];

	print_field(f, name, time_format(text, ns, 9));
}

static void
print_stat(struct cli *cli, struct cfs *c, const char *shown, const struct cfs_attr *a)
{
	char mode[11], text[96], owner[65] = "?", uploader[65] = "?", *name = out_escape(shown);

	cfs_user_name(c, a->owner, owner, NULL);
	cfs_user_name(c, a->uploader, uploader, NULL);
	out_mode(mode, a);
	print_field(cli->out, "path", name != NULL ? name : "");
	print_field(cli->out, "type", out_type(a->type));
	snprintf(text, sizeof text, "%llu", (unsigned long long)a->size);
	print_field(cli->out, "size", text);
	snprintf(text, sizeof text, "%04o (%s)", (unsigned)a->mode, mode);
	print_field(cli->out, "mode", text);
	print_field(cli->out, "owner", owner);
	print_field(cli->out, "uploader", uploader);
	snprintf(text, sizeof text, "%llu", (unsigned long long)a->version);
	print_field(cli->out, "version", text);
	snprintf(text, sizeof text, "%llu, %u link%s", (unsigned long long)a->ref.ino, a->nlink,
		 a->nlink == 1 ? "" : "s");
	print_field(cli->out, "inode", text);
	print_time_field(cli->out, "modified", a->mtime_ns);
	print_time_field(cli->out, "changed", a->ctime_ns);
	print_time_field(cli->out, "created", a->btime_ns);
	free(name);
}

static int
stat_path(void *arg, struct cfs *c, const char *path, const char *shown,
	  const struct cfs_attr *attr, struct cfs_err *err)
{
	struct cli *cli = arg;
	char target[4096];
	json_t *o;

	if (!cli->opt.json) {
		print_stat(cli, c, *shown != '\0' ? shown : path, attr);
		if (attr->type == CFS_SYMLINK && cfs_readlink(c, attr->ref, target, err) == 0) {
			char *text = out_escape(target);

			print_field(cli->out, "target", text != NULL ? text : "");
			free(text);
		}
		return 0;
	}
	o = json_object();
	out_json_name(o, "path", path);
	out_json_attr(c, o, attr);
	if (attr->type == CFS_SYMLINK && cfs_readlink(c, attr->ref, target, err) == 0) {
		out_json_name(o, "target", target);
	}
	out_json(cli, o);
	return 0;
}

int
cmd_stat(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "stat",
	    .synopsis = "PATH...",
	    .summary = "Everything that is known of a file.",
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? remote_each(cli, "stat", argc - first, argv + first, REMOTE_VERSIONS,
				     stat_path, cli, err)
		       : rc;
}

struct chmod_values {
	bool recursive;
};
const struct arg_opt chmod_opts[] = {
    {.short_name = 'R',
     .long_name = "recursive",
     .kind = ARG_FLAG,
     .offset = offsetof(struct chmod_values, recursive),
     .help = "everything below, too"},
};
const size_t chmod_n_opts = sizeof chmod_opts / sizeof *chmod_opts;

struct chmod_run {
	struct cli *cli;
	struct chmod_values o;
	struct mode_change mode;
	struct cfs *c;
};

static int
chmod_visit(void *arg, const struct walk_item *item, struct cfs_err *err)
{
	struct chmod_run *r = arg;
	const struct cfs_setattr set = {
	    .ref = item->attr->ref,
	    .valid = 1,
	    .mode = mode_apply(&r->mode, item->attr->mode, item->attr->type == CFS_DIR),
	};

	int rc;

	if (item->attr->type == CFS_SYMLINK) {
		return 0;
	}
	rc = cfs_setattr(r->c, &set, CFS_LATER, NULL, err);
	if (rc == 0) {
		cli_did(r->cli, "chmod", item->shown, false);
	}
	return rc;
}

static void
chmod_failed(void *arg, const struct walk_item *item, int code, const char *text)
{
	struct chmod_run *r = arg;

	cli_item_failed(r->cli, "chmod", item->shown, code, text);
}

static int
chmod_path(void *arg, struct cfs *c, const char *path, const char *shown,
	   const struct cfs_attr *attr, struct cfs_err *err)
{
	struct chmod_run *r = arg;
	const struct walk w = {
	    .cli = r->cli,
	    .c = c,
	    .order = WALK_PRE,
	    .visit = chmod_visit,
	    .failed = chmod_failed,
	    .arg = r,
	};
	struct cfs_attr real = *attr;
	int rc = 0;

	r->c = c;
	if (attr->type == CFS_SYMLINK) {
		rc = cfs_stat(c, path, false, &real, err);
	}
	if (rc == 0 && r->o.recursive) {
		rc = walk_tree(&w, path, shown, &real, (struct cfs_ref){0}, err);
	} else if (rc == 0) {
		const struct walk_item item = {.path = path, .shown = shown, .attr = &real};

		rc = chmod_visit(r, &item, err);
	}
	return rc == 0 ? cfs_sync(c, err) : rc;
}

int
cmd_chmod(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct chmod_run r = {.cli = cli};
	const struct cli_args args = {
	    .name = "chmod",
	    .synopsis = "[-R] MODE PATH...",
	    .summary = "Change permission bits: 644, u+x, go-w, a=rX …",
	    .opts = chmod_opts,
	    .n_opts = chmod_n_opts,
	    .values = &r.o,
	    .min_args = 2,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	if (mode_parse(argv[first], &r.mode) != 0) {
		return cli_usage("chmod", err, "'%s' is not a mode like 644 or u+x", argv[first]);
	}
	return remote_each(cli, "chmod", argc - first - 1, argv + first + 1, 0, chmod_path, &r,
			   err);
}

static int
sum_path(void *arg, struct cfs *c, const char *path, const char *shown, const struct cfs_attr *attr,
	 struct cfs_err *err)
{
	struct cli *cli = arg;
	struct cfs_attr real = *attr;
	struct sha256 sum;
	uint64_t version;
	char hex[2 * sizeof sum.b + 1];
	int rc = attr->type == CFS_SYMLINK ? cfs_stat(c, path, false, &real, err) : 0;

	if (rc == 0 && real.type != CFS_FILE) {
		rc = err_code(err, real.type == CFS_DIR ? CFS_EISDIR : CFS_EINVAL);
	}
	if (rc == 0) {
		rc = cfs_sum(c, real.ref, &sum, &version, err);
	}
	if (rc != 0) {
		return rc;
	}
	hex_encode(hex, sum.b, sizeof sum.b);
	if (cli->opt.json) {
		json_t *o = json_object();

		out_json_name(o, "path", path);
		json_object_set_new(o, "sha256", json_string(hex));
		json_object_set_new(o, "version", json_integer((json_int_t)version));
		out_json(cli, o);
	} else {
		char *name = out_escape(shown);

		fprintf(cli->out, "%s  %s\n", hex, name != NULL ? name : "");
		free(name);
	}
	return 0;
}

int
cmd_sum(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "sum",
	    .synopsis = "PATH...",
	    .summary = "SHA-256 of the content, computed on the server; nothing is transferred.",
	    .min_args = 1,
	    .max_args = -1,
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? remote_each(cli, "sum", argc - first, argv + first, REMOTE_VERSIONS,
				     sum_path, cli, err)
		       : rc;
}

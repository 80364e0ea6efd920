/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "cli/versions.h"

/*
 * Globs in remote paths, expanded here because the local shell cannot see the remote tree: component by component, so that only
 * directories that match are listed.
 */

typedef int expand_fn(void *arg, struct cfs *c, const char *path, const char *shown,
		      const struct cfs_attr *attr, struct cfs_err *err);

struct expansion {
	struct cfs *c;
	expand_fn *each;
	void *arg;
	struct cfs_err *err;
	size_t found;
	bool directories; /* the pattern ended in '/' */
};

/* Goes on below one directory with the rest of the pattern; shown is what stands before it as typed. */
static int expand_below(struct expansion *x, struct cfs_ref dir, const char *path,
			const char *shown, struct path_view rest);

static int
expand_one(struct expansion *x, const char *dir_path, const char *dir_shown, const char *name,
	   const struct cfs_attr *attr, struct path_view rest)
{
	char *path = remote_join(dir_path, name);
	char *shown = *dir_shown != '\0' ? remote_join(dir_shown, name) : strdup(name);
	int rc = CFS_ENOMEM;

	if (path == NULL || shown == NULL) {
		err_code(x->err, CFS_ENOMEM);
	} else if (rest.len > 0) {
		rc = attr->type == CFS_DIR ? expand_below(x, attr->ref, path, shown, rest) : 0;
	} else if (x->directories && attr->type != CFS_DIR) {
		rc = 0;
	} else {
		x->found++;
		rc = x->each(x->arg, x->c, path, shown, attr, x->err);
	}
	free(path);
	free(shown);
	return rc;
}

/* As in a shell, a name that begins with a dot must be asked for. */
static bool
matches(struct path_view pattern, const char *name)
{
	return (name[0] != '.' || pattern.p[0] == '.') && glob_match(pattern, path_view_str(name));
}

static int
expand_below(struct expansion *x, struct cfs_ref dir, const char *path, const char *shown,
	     struct path_view rest)
{
	struct children list;
	struct path_view pattern;
	int rc;

	if (!path_next(&rest, &pattern)) {
		return 0;
	}
	while (rest.len > 0 && *rest.p == '/') {
		rest.p++, rest.len--;
	}
	rc = children_read(x->c, dir, &list, x->err);
	if (rc == CFS_EDENIED) {
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		if (matches(pattern, list.v[i].name)) {
			rc = expand_one(x, path, shown, list.v[i].name, &list.v[i].attr, rest);
		}
	}
	children_fini(&list);
	return rc;
}

/* Length of the leading part of the path whose components have no glob character. */
static size_t
literal_prefix(const char *path)
{
	struct path_view rest = path_view_str(path), name;
	size_t end = 0;

	while (path_next(&rest, &name) && !glob_has_magic(name)) {
		end = (size_t)(name.p - path) + name.len;
	}
	return end;
}

static int
expand_glob(struct expansion *x, const char *arg, const struct remote *r)
{
	size_t n = literal_prefix(r->path), typed = strlen(arg), tail = strlen(r->path) - n;
	char *dir = n > 0 ? strndup(r->path, n) : strdup("/");
	/* What stands before the first glob component as it was typed: the pattern's tail is the same in both. */
	size_t keep = typed > tail ? typed - tail : 0;
	char *shown;
	struct cfs_attr attr;
	int rc = CFS_ENOMEM;

	/* The root's own slash belongs to what stands before. */
	keep += n == 0 && arg[keep] == '/';
	shown = strndup(arg, keep);
	x->directories = r->trailing_slash;
	if (dir != NULL && shown != NULL) {
		rc = cfs_stat(x->c, dir, false, &attr, x->err);
		if (rc == 0) {
			rc = expand_below(x, attr.ref, dir, shown, path_view_str(r->path + n));
		}
	} else {
		err_code(x->err, rc);
	}
	free(dir);
	free(shown);
	if (rc == 0 && x->found == 0) {
		rc = err_set(x->err, CFS_ENOENT, "no match");
	}
	return rc;
}

/* The attributes of PATH@N; CFS_ENOENT also for what is not of that form. */
static int
stat_version(const struct remote *r, struct cfs_attr *attr, struct cfs_err *err)
{
	char *path = strdup(r->path);
	uint64_t number;
	int rc;

	if (path == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	rc = versions_split(path, &number) ? versions_attr(r->c, path, number, attr, err)
					   : err_code(err, CFS_ENOENT);
	free(path);
	return rc;
}

int
remote_expand(struct cli *cli, const char *arg, unsigned flags, expand_fn *each, void *arg_each,
	      struct cfs_err *err)
{
	struct remote r;
	struct cfs_attr attr;
	struct expansion x = {.each = each, .arg = arg_each, .err = err};
	int rc = remote_open(cli, arg, &r, err);

	if (rc != 0) {
		return rc;
	}
	x.c = r.c;
	/* A name that exists as it stands wins over its meaning as a pattern, or as a version. */
	rc = (flags & REMOTE_VERSION) != 0 ? CFS_ENOENT
					   : cfs_stat(r.c, r.path, !r.trailing_slash, &attr, err);
	if (rc == CFS_ENOENT && (flags & (REMOTE_VERSION | REMOTE_VERSIONS)) != 0) {
		rc = stat_version(&r, &attr, err);
	}
	if (rc == 0 && r.trailing_slash && attr.type != CFS_DIR) {
		rc = err_code(err, CFS_ENOTDIR);
	}
	if (rc == 0) {
		rc = each(arg_each, r.c, r.path, arg, &attr, err);
	} else if (rc == CFS_ENOENT && glob_has_magic(path_view_str(r.path))) {
		rc = expand_glob(&x, arg, &r);
	}
	remote_fini(&r);
	return rc;
}

/* Every match counts by itself: one that fails does not stop the others. */
struct counting {
	struct cli *cli;
	const char *command;
	unsigned flags;
	expand_fn *each;
	void *arg;
};

static int
count(struct counting *k, const char *item, int rc, const struct cfs_err *err)
{
	if (cli_is_fatal(rc)) {
		return rc;
	}
	if (rc != 0 && !(rc == CFS_ENOENT && (k->flags & REMOTE_ABSENT_OK) != 0)) {
		cli_item_failed(k->cli, k->command, *item != '\0' ? item : ".", rc, err->text);
	} else if ((k->flags & REMOTE_UNCOUNTED) == 0) {
		cli_item_done(k->cli);
	}
	return 0;
}

static int
count_match(void *arg, struct cfs *c, const char *path, const char *shown,
	    const struct cfs_attr *attr, struct cfs_err *err)
{
	struct counting *k = arg;
	int rc = cli_check(k->cli, err);

	return rc != 0 ? rc : count(k, shown, k->each(k->arg, c, path, shown, attr, err), err);
}

int
remote_each_item(struct cli *cli, const char *command, int n, char **argv, unsigned flags,
		 expand_fn *each, void *arg_each, struct cfs_err *err)
{
	struct counting k = {
	    .cli = cli, .command = command, .flags = flags, .each = each, .arg = arg_each};
	int rc = 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		rc = cli_check(cli, err);
		if (rc == 0) {
			rc = remote_expand(cli, argv[i], flags, count_match, &k, err);
		}
		/* What is left here concerns the argument: matches were counted. */
		if (rc != 0) {
			rc = count(&k, argv[i], rc, err);
		}
	}
	return rc;
}

int
remote_each(struct cli *cli, const char *command, int n, char **argv, unsigned flags,
	    expand_fn *each, void *arg_each, struct cfs_err *err)
{
	int rc = remote_each_item(cli, command, n, argv, flags, each, arg_each, err);

	return rc == 0 ? cli_outcome(cli, err) : rc;
}

int
remote_each_name(struct cli *cli, const char *command, int n, char **argv,
		 int (*each)(void *arg, struct remote *r, struct cfs_err *err), void *arg_each,
		 struct cfs_err *err)
{
	struct counting k = {.cli = cli, .command = command};
	int rc = 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		struct remote r = {0};

		rc = cli_check(cli, err);
		if (rc == 0) {
			rc = remote_open(cli, argv[i], &r, err);
		}
		if (rc == 0) {
			rc = each(arg_each, &r, err);
		}
		remote_fini(&r);
		rc = count(&k, argv[i], rc, err);
	}
	return rc == 0 ? cli_outcome(cli, err) : rc;
}

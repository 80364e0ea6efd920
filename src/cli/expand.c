/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/remote.h"

/*
 * Globs in remote paths, expanded here because the local shell cannot see the remote tree: component by component, so that only
 * directories that match are listed.
 */

typedef int expand_fn(void *arg, struct cfs *c, const char *path, const char *shown,
		      const struct cfs_attr *attr, struct cfs_err *err);

struct match {
	char *name;
	struct cfs_attr attr;
};
struct matches {
	struct match *v;
	size_t n, cap;
	struct path_view pattern;
};

struct expansion {
	struct cfs *c;
	expand_fn *each;
	void *arg;
	struct cfs_err *err;
	size_t found;
};

static int
collect(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	struct matches *m = arg;

	(void)cookie;
	/* As in a shell, a name that begins with a dot must be asked for. */
	if ((name[0] == '.' && m->pattern.p[0] != '.') ||
	    !glob_match(m->pattern, path_view_str(name))) {
		return 0;
	}
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct match *v = realloc(m->v, cap * sizeof *v);

		if (v == NULL) {
			return CFS_ENOMEM;
		}
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n] = (struct match){.name = strdup(name), .attr = *attr};
	return m->v[m->n++].name != NULL ? 0 : CFS_ENOMEM;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct match *)a)->name, ((const struct match *)b)->name);
}

static void
matches_fini(struct matches *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
	}
	free(m->v);
}

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
	} else {
		x->found++;
		rc = x->each(x->arg, x->c, path, shown, attr, x->err);
	}
	free(path);
	free(shown);
	return rc;
}

static int
expand_below(struct expansion *x, struct cfs_ref dir, const char *path, const char *shown,
	     struct path_view rest)
{
	struct matches m = {0};
	bool eof = false;
	uint64_t parent;
	int rc;

	if (!path_next(&rest, &m.pattern)) {
		return 0;
	}
	while (rest.len > 0 && *rest.p == '/') {
		rest.p++, rest.len--;
	}
	rc = cfs_readdir(x->c, dir, 0, collect, &m, &eof, &parent, x->err);
	if (rc == CFS_EDENIED) {
		rc = 0;
	}
	if (rc == 0 && m.n > 0) {
		qsort(m.v, m.n, sizeof *m.v, by_name);
	}
	for (size_t i = 0; rc == 0 && i < m.n; i++) {
		rc = expand_one(x, path, shown, m.v[i].name, &m.v[i].attr, rest);
	}
	matches_fini(&m);
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
	char *shown = strndup(arg, typed > tail ? typed - tail : 0);
	struct cfs_attr attr;
	int rc = CFS_ENOMEM;

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
		rc = err_set(x->err, CFS_ENOENT, "%s: no match", arg);
	}
	return rc;
}

int
remote_expand(struct cli *cli, const char *arg, expand_fn *each, void *arg_each,
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
	/* A name that exists as it stands wins over its meaning as a pattern. */
	rc = cfs_stat(r.c, r.path, !r.trailing_slash, &attr, err);
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

int
remote_each(struct cli *cli, const char *command, int n, char **argv, bool absent_ok,
	    expand_fn *each, void *arg_each, struct cfs_err *err)
{
	for (int i = 0; i < n; i++) {
		int rc = remote_expand(cli, argv[i], each, arg_each, err);

		if (rc == CFS_ENET || rc == CFS_ECANCELED || rc == CFS_ENOMEM ||
		    rc == CFS_ENOTSIGNEDIN || rc == CFS_EKEYCHANGED) {
			return rc;
		}
		if (rc == 0 || (rc == CFS_ENOENT && absent_ok)) {
			cli_item_done(cli);
		} else {
			cli_item_failed(cli, command, *argv[i] != '\0' ? argv[i] : ".", rc,
					err->text);
		}
	}
	return cli_outcome(cli, err);
}

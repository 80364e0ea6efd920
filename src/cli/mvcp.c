/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/mvcp.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static int
each_source(void *arg, struct cfs *c, const char *path, const char *shown,
	    const struct cfs_attr *attr, struct cfs_err *err)
{
	struct mvcp *m = arg;
	struct path_view base = path_base(path_view_str(path));
	char *name;
	int rc;

	if (c != m->to.c) {
		return err_set(err, CFS_EUNSUPPORTED,
			       "is on another server; use 'cfs get' and 'cfs put'");
	}
	if (attr->type == CFS_DIR &&
	    path_is_below(path_view_str(m->to.path), path_view_str(path)) &&
	    (m->into || strcmp(m->to.path, path) != 0)) {
		return err_set(err, CFS_EINVAL, "a directory cannot go into itself");
	}
	if (m->o.dry_run) {
		cli_did(m->cli, m->command, shown, true);
		return 0;
	}
	name = m->into ? strndup(base.p, base.len) : strdup(m->place.name);
	rc = name != NULL ? m->one(m->arg, path, shown, attr, m->dir, name, err)
			  : err_code(err, CFS_ENOMEM);
	free(name);
	return rc;
}

int
mvcp_begin(struct mvcp *m, int n, char **argv, struct cfs_err *err)
{
	const char *to = argv[n - 1];
	bool many = n > 2 || (!remote_is_other(argv[0]) && glob_has_magic(path_view_str(argv[0])));
	int rc = remote_open(m->cli, to, &m->to, err);

	if (rc == 0) {
		rc = m->through ? cfs_place(m->to.c, m->to.path, false, &m->place, err)
				: remote_place(&m->to, &m->place, &m->into, &m->dir, err);
	}
	if (rc != 0) {
		return cli_wrap(err, to);
	}
	if (m->through) {
		m->into = m->place.found && m->place.attr.type == CFS_DIR;
		m->dir = m->into ? m->place.attr.ref : m->place.parent;
	}
	if (!m->into && (many || m->to.trailing_slash)) {
		return err_set(err, m->place.found ? CFS_ENOTDIR : CFS_ENOENT,
			       "%s: is no directory", to);
	}
	return 0;
}

int
mvcp_each(struct mvcp *m, int n, char **argv, struct cfs_err *err)
{
	return remote_each_item(m->cli, m->command, n - 1, argv, m->o.dry_run ? 0 : m->flags,
				each_source, m, err);
}

void
mvcp_end(struct mvcp *m)
{
	remote_fini(&m->to);
}

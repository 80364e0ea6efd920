/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"

/* The store's directory, or while there is none the one that it will be made in. */
static int
find_owner(const char *path, struct stat *st, struct cfs_err *err)
{
	char copy[PATH_MAX];

	if (stat(path, st) == 0)
		return 0;
	if (errno != ENOENT || snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return err_set_errno(err, errno, "%s", path);
	if (stat(dirname(copy), st))
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

int
admin_become_owner(const struct admin *a, struct cfs_err *err)
{
	struct stat st;
	int rc;

	if (geteuid() != 0)
		return 0;
	rc = find_owner(a->config->path, &st, err);
	if (rc || st.st_uid == 0)
		return rc;
	if (setgroups(0, NULL) || setresgid(st.st_gid, st.st_gid, st.st_gid) ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid))
		return err_set_errno(err, errno, "cannot act as the owner of %s", a->config->path);
	return 0;
}

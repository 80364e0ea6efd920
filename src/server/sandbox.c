/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The connection, the hub, the store's directory and its open blobs, the database, the log. */
#define FILES_MAX 256

static int
limit(int resource, rlim_t most, struct cfs_err *err)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)resource, &r))
		return err_set_errno(err, errno, "getrlimit");
	if (r.rlim_max > most)
		r.rlim_max = most;
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &r))
		return err_set_errno(err, errno, "setrlimit");
	return 0;
}

int
sandbox_enter(struct cfs_err *err)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set_errno(err, errno, "no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return err_set_errno(err, errno, "undumpable");
	rc = limit(RLIMIT_CORE, 0, err);
	return rc ? rc : limit(RLIMIT_NOFILE, FILES_MAX, err);
}

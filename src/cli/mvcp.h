/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_MVCP_H
#define CFS_CLI_MVCP_H

/* What mv and cp share: sources to one name, or below a directory. Both happen on the server. */

#include "cli/cli.h"
#include "cli/remote.h"

struct mvcp_values {
	bool recursive, noclobber, dry_run;
};

struct mvcp {
	struct cli *cli;
	const char *command;
	struct mvcp_values o;
	unsigned flags; /* enum remote_flags */
	struct remote to;
	struct cfs_place place;
	struct cfs_ref dir; /* where names go */
	bool through;       /* a link at the target is written through, not replaced */
	bool into;          /* to is a directory and sources keep their names below it */
	/* Does it for one source; name in dir is where it goes. arg as set here. */
	int (*one)(void *arg, const char *path, const char *shown, const struct cfs_attr *attr,
		   struct cfs_ref dir, const char *name, struct cfs_err *err);
	void *arg;
};

/*
 * argv[0..n-2] are the sources, argv[n-1] the target. mvcp_begin() looks at the target; mvcp_each() then calls one() for every
 * source, as remote_each_item() does; mvcp_end() frees and may be called after a begin that failed.
 */
int mvcp_begin(struct mvcp *m, int n, char **argv, struct cfs_err *err);
int mvcp_each(struct mvcp *m, int n, char **argv, struct cfs_err *err);
void mvcp_end(struct mvcp *m);

#endif

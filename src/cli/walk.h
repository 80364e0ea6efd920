/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_WALK_H
#define CFS_CLI_WALK_H

/*
 * Walks a remote tree for ls -R, rm, du, find and chmod -R. Directories are listed whole before anything below them is
 * visited, so the visitor may change what it visits.
 */

#include "cli/cli.h"
#include "cli/listing.h"

enum walk_order {
	WALK_PRE = 1,  /* a directory before what is in it */
	WALK_POST = 2, /* and after */
};

struct walk_item {
	const char *path;            /* absolute */
	const char *shown;           /* as a person would write it */
	const char *name;            /* the last component */
	const struct cfs_attr *attr; /* as it was listed */
	struct cfs_ref parent;       /* 0 for the top */
	unsigned depth;              /* 0 for the top */
	bool post;                   /* the second visit of a directory */
};

/*
 * Calls visit() for the top and everything below it in the orders asked for, by name in each directory. visit() returns 0,
 * WALK_SKIP (at a directory's first visit: do not enter it), or a negative code, which ends the walk and is returned. A
 * directory below the top that cannot be listed is told to failed(), and the walk goes on (it has no post visit). A walk ends
 * with CFS_ECANCELED after Ctrl-C, and quietly when nobody reads the output any more.
 */
#define WALK_SKIP 1
struct walk {
	struct cli *cli;
	struct cfs *c;
	unsigned order;
	int (*visit)(void *arg, const struct walk_item *item, struct cfs_err *err);
	void (*failed)(void *arg, const struct walk_item *item, int code, const char *text);
	void *arg;
};
int walk_tree(const struct walk *w, const char *path, const char *shown, const struct cfs_attr *top,
	      struct cfs_ref parent, struct cfs_err *err);

#endif

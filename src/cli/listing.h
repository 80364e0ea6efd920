/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_LISTING_H
#define CFS_CLI_LISTING_H

/*
 * Directories' entries in memory, fetched ahead: while a command works on one directory of a tree, those that it enters
 * next, and those in them, are being listed already, so that a tree costs few lone round trips.
 */

#include "cli/cli.h"

struct listing_job;

struct child {
	char *name;
	struct cfs_attr attr;
	struct listing_job *job; /* its listing, if it was asked for and not taken */
};

/* The entries of one directory by name; children_fini() frees. */
struct children {
	struct child *v;
	size_t n, cap;
	size_t asked; /* entries before this one were looked at for what to fetch ahead */
};

/* Lists one directory now. */
int children_read(struct cfs *c, struct cfs_ref dir, struct children *out, struct cfs_err *err);
void children_fini(struct children *list);

struct listings;

/* Makes a reader of listings on c. listings_free() ends what is under way; NULL accepted. */
int listings_new(struct cfs *c, struct listings **out, struct cfs_err *err);
void listings_free(struct listings *l);

/*
 * The listing of the directory list->v[i], fetched before if it could be; and asks for those of the directories behind it. Call it
 * for the directories of a list in order (some may be left out). Errors: those of cfs_readdir().
 */
int listings_take(struct listings *l, struct children *list, size_t i, struct children *out,
		  struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_VERSIONS_LIST_H
#define CFS_FUSE_VERSIONS_LIST_H

/* What stands in the directories of versions.h; asked for anew each time. */

#include <stdbool.h>
#include <stddef.h>

#include "client/cfs.h"

struct versions_row {
	char *name;
	uint64_t ino;
	bool is_dir;
	struct cfs_attr attr; /* of a version */
};

struct versions_list {
	struct versions_row *v;
	size_t n, cap;
	bool present; /* the file itself is there */
};

/* The names in a directory that have or may have versions: its files, and what was removed. Returns 0 or a code. */
int versions_list_dir(struct cfs *c, struct cfs_ref dir, struct versions_list *out);
/* The old versions of one name, as "3-2026-01-31T12:00:00Z". Returns 0 or a code. */
int versions_list_name(struct cfs *c, struct cfs_ref dir, const char *name,
		       struct versions_list *out);
/* The version that is called so. */
bool versions_list_find(const struct versions_list *list, const char *name, struct cfs_attr *out);
/* NULL accepted. */
void versions_list_fini(struct versions_list *list);

#endif

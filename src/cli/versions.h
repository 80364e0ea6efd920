/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_VERSIONS_H
#define CFS_CLI_VERSIONS_H

/* Old versions in memory, and which one a PATH@N means. */

#include "cli/cli.h"
#include "cli/remote.h"

/* Versions with copies of their strings; versions_fini() frees. */
struct versions {
	struct cfs_version *v;
	size_t n, cap;
};

/* The versions of a name, and of what was removed from a directory; in the order of cfs_versions(). */
int versions_of(struct cfs *c, const char *path, struct versions *out, struct cfs_err *err);
int versions_removed(struct cfs *c, const char *path, struct versions *out, struct cfs_err *err);
void versions_fini(struct versions *list);

/* The one with a number, or NULL. */
const struct cfs_version *versions_find(const struct versions *list, uint64_t number);

/* Takes "@N" off the end of path, in place: true and *number_out, or false where there is none. */
bool versions_split(char *path, uint64_t *number_out);

/* Attributes of version `number` of a path, by which its content is read. CFS_ENOENT. */
int versions_attr(struct cfs *c, const char *path, uint64_t number, struct cfs_attr *out,
		  struct cfs_err *err);

/* Whether v has content that can be restored. */
bool versions_has_content(const struct cfs_version *v);

/* "now", "replaced" … for people and programs. */
const char *versions_state(const struct cfs_version *v);

/* Prints one as an object of JSON, with what key "path" is. */
void versions_json(struct cli *cli, struct cfs *c, const char *path, const struct cfs_version *v);

/* Where a version was; malloc'd; NULL without memory. */
char *versions_path(const struct cfs_version *v);

#endif

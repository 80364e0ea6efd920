/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_NAMES_H
#define CFS_CLI_SHELL_NAMES_H

/*
 * Names that stand for texts: aliases and bookmarks, sorted. They may be kept in a file of $XDG_CONFIG_HOME/cfs, one a line: name and text
 * as two words of the shell. What another shell has put there meanwhile is read before a change.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct shell_name {
	char *name, *text;
};

struct shell_names {
	const char *file; /* "aliases", or NULL: not kept */
	struct shell_name *v;
	size_t n;
};

/* Reads the file, if there is one; without it nothing is known. CFS_EINVAL names a line that is not two words. */
int names_load(struct shell_names *names, const char *file, struct cfs_err *err);
void names_fini(struct shell_names *names);

/* The text, or NULL; borrowed until the next change. */
const char *names_find(const struct shell_names *names, const char *name);

/* Sets or (text NULL; CFS_ENOENT) removes one, and writes the file. CFS_EINVAL: a name is letters, digits and "_.-" alone. */
int names_set(struct shell_names *names, const char *name, const char *text, struct cfs_err *err);

#endif

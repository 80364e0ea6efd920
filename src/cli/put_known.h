/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_PUT_KNOWN_H
#define CFS_CLI_PUT_KNOWN_H

/*
 * Which directories of a local tree are on the server already: looked up many at once before a `put -r` over a tree that is there,
 * because one after the other they would cost a round trip each.
 */

#include "cli/cli.h"

struct known;

/*
 * Looks up every directory of the local tree below the remote path that it goes to. Directories of the local tree that cannot be
 * read are left out. known_free() frees. Errors: CFS_ENOMEM, fatal ones of the look-ups (cli_is_fatal()).
 */
int known_new(struct cfs *c, char *local, const char *remote, struct known **out,
	      struct cfs_err *err);
void known_free(struct known *k);

/*
 * What was found at this remote path: 0 and *attr, or the look-up's code; CFS_EINVAL when it was not looked up. k may be
 * NULL.
 */
int known_find(const struct known *k, const char *remote, struct cfs_attr *attr);

#endif

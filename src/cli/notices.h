/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_NOTICES_H
#define CFS_CLI_NOTICES_H

#include "cli/cli.h"

/*
 * Prints the downloads of the caller's files that were not seen yet on f, one line or JSON object each, and marks them seen.
 * *upto_out (may be NULL): the number to go on from.
 */
int notices_print(struct cli *cli, struct cfs *c, FILE *f, uint64_t *upto_out, struct cfs_err *err);

#endif

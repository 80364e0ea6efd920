/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_TRANSFER_H
#define CFS_CLI_TRANSFER_H

/* What put and get share: one pipeline with progress, a line or object for each file, and the count of failures. */

#include "cli/cli.h"
#include "cli/progress.h"

struct transfer {
	struct cli *cli;
	const char *command; /* "put" */
	struct progress progress;
	struct cfs_xfer *x;
	struct cfs *c;
};

/* Makes the pipeline on c. transfer_end() waits for it, frees it and gives the command's outcome. */
int transfer_begin(struct transfer *t, struct cli *cli, const char *command, struct cfs *c,
		   struct cfs_err *err);
int transfer_end(struct transfer *t, int rc, struct cfs_err *err);

/* A failure of one item outside the pipeline: removes the progress line, then as cli_item_failed(). */
void transfer_failed(struct transfer *t, const char *item, int code, const char *text);

#endif

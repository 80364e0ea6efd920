/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_TRANSFER_H
#define CFS_CLI_TRANSFER_H

/* What put, get and cat share: one pipeline with progress, a line or object for each file, and the count of failures. */

#include "cli/cli.h"
#include "cli/progress.h"

struct transfer {
	struct cli *cli;
	const char *command; /* "put" */
	bool puts;           /* failures are told with the local name, and directories were made */
	bool silent;         /* standard output carries the data: nothing is printed for a file */
	struct progress progress;
	struct cfs_xfer *x;
	struct cfs *c;
};

/* Sets t up without a connection. */
void transfer_init(struct transfer *t, struct cli *cli, const char *command);

/* Makes the pipeline on c, or goes on with it if it is on c already; one on another connection is waited for first. */
int transfer_use(struct transfer *t, struct cfs *c, struct cfs_err *err);

/*
 * Waits for everything (unless rc says that all is lost), frees the pipeline and gives the command's outcome: rc itself if it is
 * not 0, else cli_outcome().
 */
int transfer_end(struct transfer *t, int rc, struct cfs_err *err);

/* One item that cannot be transferred: told and counted; the others go on. Returns 0, or code if it is fatal. */
int transfer_failed(struct transfer *t, const char *item, int code, const char *text);

#endif

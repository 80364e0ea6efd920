/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_NOTICES_H
#define CFS_CLI_SHELL_NOTICES_H

/* Notices that are pushed while the shell waits for keys or runs a command. */

#include <stdbool.h>

#include "cli/cli.h"

struct shell_notices;

/* Subscribes to the downloads of the caller's files behind event `since`. A code when that cannot be had now. */
int shell_notices_begin(const struct cli *cli, struct cfs *c, uint64_t since,
			struct shell_notices **out, struct cfs_err *err);
/* NULL accepted. Before the connection is closed. */
void shell_notices_end(struct shell_notices *n);

/* Readable when there is something to take; -1 for NULL. */
int shell_notices_fd(const struct shell_notices *n);

/*
 * The lines that have come, freed by the caller, or NULL; *upto_out is the last event's number, for
 * cfs_events_seen_later() once they were printed. What came in too great a number is counted in the last line.
 */
char *shell_notices_take(struct shell_notices *n, uint64_t *upto_out);

/* Whether it ended by itself: begin again. */
bool shell_notices_ended(struct shell_notices *n);

#endif

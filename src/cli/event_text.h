/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_EVENT_TEXT_H
#define CFS_CLI_EVENT_TEXT_H

#include "cli/cli.h"

/* An event as people and programs read it. */

/* "download", "change", "signin", "refused", "admin"; "other" for a kind of a newer server. */
const char *event_kind(const struct cfs_event *e);

/* What it was, in lower case: the operation, "put"; for a download "download" or "open"; "sign-in". */
const char *event_verb(char buf[32], const struct cfs_event *e);

/* A line on f, or an object with --json. receipt: about one of the reader's own files, so the file matters, not the number. */
void event_print(const struct cli *cli, FILE *f, const struct cfs_event *e, bool receipt);

#endif

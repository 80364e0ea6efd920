/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_EVENT_TEXT_H
#define CFS_SHOW_EVENT_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "client/cfs.h"

/* An event as people and programs read it. */

/* "download", "change", "signin", "refused", "admin"; "other" for a kind of a newer server. */
const char *event_kind(const struct cfs_event *e);

/* An operation in lower case: "put". */
const char *event_op(char buf[32], unsigned op);

/* What it was: the operation; for a download "download" or "open"; "sign-in". */
const char *event_verb(char buf[32], const struct cfs_event *e);

/* A line on f, or an object with json. receipt: about one of the reader's own files, so the file matters, not the number. */
void event_print(FILE *f, const struct cfs_event *e, bool json, bool receipt);

/* The same without time and number, escaped and cut to fit, for where they stand in a column. */
void event_line(char *out, size_t size, const struct cfs_event *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_OUTPUT_H
#define CFS_CLI_OUTPUT_H

/*
 * What commands print. Text is for people: names that are not printable are escaped. JSON is for programs: one object, or
 * one object a line for streams; field names stay once they are published.
 */

#include <jansson.h>

#include "cli/cli.h"
#include "show/text.h"

/* Prints one JSON object and a newline on stdout, and drops the reference. */
void out_json(struct cli *cli, json_t *object);

/* Adds type, mode ("0644"), size, owner (name), uploader, mtime (RFC 3339), version, ino, nlink … of an inode. */
void out_json_attr(struct cfs *c, json_t *object, const struct cfs_attr *attr);

/* "file", "directory" …; "unknown" for a type of a newer server. */
const char *out_type(enum cfs_type type);

/* "-rw-r--r--" */
void out_mode(char buf[11], const struct cfs_attr *attr);

/* Whether stdout is a pipe that nobody reads any more. */
bool out_is_abandoned(const struct cli *cli);

/* Whether stdout takes colours (--color, NO_COLOR, a terminal). */
bool out_colors(const struct cli *cli);

#endif

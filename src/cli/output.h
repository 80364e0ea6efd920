/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_OUTPUT_H
#define CFS_CLI_OUTPUT_H

/*
 * What commands print. Text is for people: names that are not printable are escaped. JSON is for programs: one object, or
 * one object a line for streams; field names stay once they are published.
 */

#include <jansson.h>

#include "cli/cli.h"

/* Prints one JSON object and a newline on stdout, and drops the reference. */
void out_json(struct cli *cli, json_t *object);

/* A name or path as JSON: sets key to its UTF-8 (lossy) form and, if that is not exact, key_b64 to the bytes in base64. */
void out_json_name(json_t *object, const char *key, const char *bytes);

/* A time as RFC 3339 in UTC with nanoseconds. */
void out_json_time(json_t *object, const char *key, int64_t time_ns);

/* Adds type, mode ("0644"), size, owner (name), uploader, mtime (RFC 3339), version, ino, nlink … of an inode. */
void out_json_attr(struct cfs *c, json_t *object, const struct cfs_attr *attr);

/* "file", "directory" …; "unknown" for a type of a newer server. */
const char *out_type(enum cfs_type type);

/* A name escaped for the terminal, in a buffer owned by the caller: "a\nb" as a\nb. Returns malloc'd text or NULL. */
char *out_escape(const char *bytes);

/* "-rw-r--r--" */
void out_mode(char buf[11], const struct cfs_attr *attr);

/* "2026-01-31 14:03" in local time. */
void out_time(char *buf, size_t size, int64_t time_ns);

/* "12345", or with human "12.1K". */
void out_size(char *buf, size_t size, uint64_t bytes, bool human);

/* Whether stdout is a pipe that nobody reads any more. */
bool out_is_abandoned(const struct cli *cli);

/* Whether stdout takes colours (--color, NO_COLOR, a terminal). */
bool out_colors(const struct cli *cli);

#endif

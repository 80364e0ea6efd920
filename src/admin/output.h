/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_ADMIN_OUTPUT_H
#define CFS_ADMIN_OUTPUT_H

/* What the commands print, for people and for programs. */

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

/* Prints one object on one line of stdout and releases it; NULL (it could not be made) is CFS_ENOMEM. */
int output_json(json_t *object, struct cfs_err *err);

/* Prints an error as one object on one line of stderr, as cfs does. */
void output_json_error(const char *name, int exit_code, const char *message);

/* A string value of any bytes: names here are checked to be plain, others are made valid UTF-8. NULL when memory is out. */
json_t *output_str(struct str s);

/* A time for people: "2026-01-02T03:04:05Z", or "-" for 0. Returns out. */
char *output_time(char out[TIME_SIZE], int64_t ns);

/* The same as a JSON value, null for 0. */
json_t *output_json_time(int64_t ns);

#endif

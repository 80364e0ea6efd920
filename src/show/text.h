/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_TEXT_H
#define CFS_SHOW_TEXT_H

/* Names, times and sizes as people and programs read them: the pieces of what is printed. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name or path as JSON: sets key to its UTF-8 (lossy) form and, if that is not exact, key_b64 to the bytes in base64. */
void out_json_name(json_t *object, const char *key, const char *bytes);

/* A time as RFC 3339 in UTC with nanoseconds. */
void out_json_time(json_t *object, const char *key, int64_t time_ns);

/* A name escaped for the terminal, in a buffer owned by the caller: "a\nb" as a\nb. Returns malloc'd text or NULL. */
char *out_escape(const char *bytes);

/* "2026-01-31 14:03" in local time. */
void out_time(char *buf, size_t size, int64_t time_ns);
/* "2026-01-31 14:03:59", where one line follows the other closely. */
void out_time_seconds(char *buf, size_t size, int64_t time_ns);

/* "12345", or with human "12.1K". */
void out_size(char *buf, size_t size, uint64_t bytes, bool human);

#endif

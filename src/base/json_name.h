/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_JSON_NAME_H
#define CFS_BASE_JSON_NAME_H

/* Names, which are bytes, in JSON, which is UTF-8. */

#include <jansson.h>
#include <stddef.h>

/*
 * Sets key to the bytes as UTF-8, each byte that is none as U+FFFD; where that is not exact, also key with "_b64" behind it to
 * the bytes in base64 (RFC 4648, 4). What there is no memory for is left out.
 */
void json_set_name(json_t *object, const char *key, const char *bytes, size_t len);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_TRACE_H
#define CFS_PROTO_TRACE_H

/* One-line renderings of messages for debug logs. Pure; any thread. */

#include <stddef.h>

#include "proto/ops.h"

/*
 * Writes `dir=2 gen=1 name="a\n" pieces=[{length=5 ...}]` for a decoded message to out (size bytes, size > 0, always
 * NUL-terminated, "..." at the end when cut). Bytes of names outside printable ASCII are escaped as \xNN; a SECRET
 * shows its length alone. Returns out.
 */
char *trace_message(char *out, size_t size, const struct msg_desc *desc, const void *msg);

#endif

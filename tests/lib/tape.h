/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_TAPE_H
#define CFS_TESTS_TAPE_H

/*
 * A fuzzer's bytes as a tape, and messages made from it: fields by their kinds, names from a list of nasty ones or from the
 * tape. So a mutation of a few bytes is another valid message, not a frame that no decoder takes. At the end of the
 * tape everything is zero.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/ops.h"

struct tape {
	const uint8_t *p; /* borrowed; what was used up is taken off */
	size_t left;
	const uint64_t *hints; /* numbers that mean something to the receiver */
	size_t hint_count;
};

/* Bytes that lists of one message may take: reserved by the caller in scratch before, because views point there. */
#define TAPE_SCRATCH ((size_t)64 * 1024)

uint8_t tape_byte(struct tape *t);
/* A number of up to eight bytes, or a hint. */
uint64_t tape_number(struct tape *t);
/* A view of the next bytes, at most len. */
struct str tape_bytes(struct tape *t, size_t len);
/* Fills msg (zeroed by the caller); lists stand in scratch until it is cleared. */
void tape_fill(struct tape *t, const struct msg_desc *desc, void *msg, struct buf *scratch);

#endif

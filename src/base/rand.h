/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_RAND_H
#define CFS_BASE_RAND_H

/* Random bytes and 128-bit ids. Any thread, any process after a fork: nothing is buffered. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * Fills p with n random bytes fit for keys, from getrandom(2). It cannot fail softly: where the kernel gives none, the
 * process aborts, because going on with guessable ids or keys would be worse than any crash.
 */
void rand_bytes(void *p, size_t n);

/* A random number of 64 bits. */
uint64_t rand_u64(void);

/* A random 128-bit id: blobs, streams, invites. Plain data; all zero means none. */
struct id128 {
	unsigned char b[16];
};

#define ID128_HEX_SIZE HEX_SIZE(16)

/* A new id, never all zero. Two are never equal in practice (2^64 ids for an even chance of one collision). */
struct id128 id128_random(void);

bool id128_equal(const struct id128 *a, const struct id128 *b);
bool id128_is_zero(const struct id128 *id);

/* Writes 32 lower-case hex digits and a NUL. Returns out. */
char *id128_hex(char out[ID128_HEX_SIZE], const struct id128 *id);

/* Reads exactly 32 hex digits. Returns 0 or CFS_EINVAL. */
int id128_parse(struct id128 *out, const char *text);

#endif

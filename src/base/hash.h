/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_HASH_H
#define CFS_BASE_HASH_H

/* SHA-256 for content, CRC32C for frames, and the two things that secrets need. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* A SHA-256 (FIPS 180-4). Plain data. */
struct sha256 {
	unsigned char b[32];
};

#define SHA256_HEX_SIZE HEX_SIZE(32)

/*
 * A SHA-256 computation. Made once and used again for any number of messages: looking the algorithm up in OpenSSL is
 * what costs (more than hashing 1 KiB), and that happens in sha256_new(). One thread at a time; may cross a fork.
 */
struct sha256_ctx;

/* A context ready for its first message; NULL when memory is out. Freed with sha256_free() (NULL is fine). */
struct sha256_ctx *sha256_new(void);
void sha256_free(struct sha256_ctx *ctx);

/* Starts a message, dropping one that was not finished. Need not be called after sha256_new() or sha256_final(). */
void sha256_reset(struct sha256_ctx *ctx);

/* Adds n bytes to the message. An error (OpenSSL has none here in practice) is kept and told by sha256_final(). */
void sha256_update(struct sha256_ctx *ctx, const void *p, size_t n);

/* Ends the message and is ready for the next one. Returns 0 or CFS_EFAIL. */
int sha256_final(struct sha256_ctx *ctx, struct sha256 *out);

/* One whole message. ctx may be NULL, then one is made for this call alone. Returns 0, CFS_ENOMEM or CFS_EFAIL. */
int sha256_once(struct sha256_ctx *ctx, const void *p, size_t n, struct sha256 *out);

bool sha256_equal(const struct sha256 *a, const struct sha256 *b);

/* Writes 64 lower-case hex digits and a NUL. Returns out. */
char *sha256_hex(char out[SHA256_HEX_SIZE], const struct sha256 *h);

/* Reads exactly 64 hex digits. Returns 0 or CFS_EINVAL. */
int sha256_parse(struct sha256 *out, const char *text);

/*
 * CRC32C (RFC 3720, appendix B.4; as iSCSI, ext4 and SSE4.2 have it) of n bytes, following those that gave crc; crc is 0
 * for the first. crc32c(0, "123456789", 9) is 0xe3069283. Picks the processor's instruction when it runs; keeps no
 * state, so any thread and any side of a fork may call it.
 */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The same by tables, whatever the processor has; for tests. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

/* Whether n bytes are equal, in a time that depends on n alone. */
bool ct_equal(const void *a, const void *b, size_t n);

/* Overwrites n bytes so that the compiler cannot leave it out. p may be NULL if n is 0. */
void secure_wipe(void *p, size_t n);

#endif

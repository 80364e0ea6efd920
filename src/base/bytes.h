/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_BYTES_H
#define CFS_BASE_BYTES_H

/*
 * Numbers in bytes, checked arithmetic, and text forms of bytes. Pure functions: no state, no allocation, any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that member ptr is part of. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/*
 * Little-endian loads and stores at any alignment. The shifts are what every compiler turns into one move, and are
 * right on machines of either order.
 */
static inline uint16_t
load_le16(const void *p)
{
	const unsigned char *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t
load_le32(const void *p)
{
	const unsigned char *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t
load_le64(const void *p)
{
	const unsigned char *b = p;

	return (uint64_t)load_le32(b) | (uint64_t)load_le32(b + 4) << 32;
}

static inline void
store_le16(void *p, uint16_t v)
{
	unsigned char *b = p;

	b[0] = (unsigned char)v;
	b[1] = (unsigned char)(v >> 8);
}

static inline void
store_le32(void *p, uint32_t v)
{
	unsigned char *b = p;

	b[0] = (unsigned char)v;
	b[1] = (unsigned char)(v >> 8);
	b[2] = (unsigned char)(v >> 16);
	b[3] = (unsigned char)(v >> 24);
}

static inline void
store_le64(void *p, uint64_t v)
{
	unsigned char *b = p;

	store_le32(b, (uint32_t)v);
	store_le32(b + 4, (uint32_t)(v >> 32));
}

/* Checked arithmetic: true and the result in *out when it fits; false, and *out not to be used, when it does not. */
static inline bool
add_size(size_t a, size_t b, size_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool
mul_size(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

static inline bool
add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool
mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

static inline bool
add_i64(int64_t a, int64_t b, int64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool
mul_i64(int64_t a, int64_t b, int64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

static inline size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t
max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static inline uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* v rounded down to a multiple of align, which is a power of two. */
static inline uint64_t
align_down_u64(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

/* v rounded up to a multiple of align (a power of two); the caller knows that v + align - 1 fits. */
static inline uint64_t
align_up_u64(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

/* Room for the hex form of n bytes with its NUL. */
#define HEX_SIZE(n) (2 * (n) + 1)

/* Writes 2n lower-case digits and a NUL to out, which has HEX_SIZE(n) bytes. */
void hex_encode(char *out, const void *data, size_t n);

/*
 * Decodes exactly 2n hex digits of either case from text (text_len must be 2n) into out's n bytes. Returns 0 or
 * CFS_EINVAL (a wrong length or another character; out is then undefined).
 */
int hex_decode(void *out, size_t n, const char *text, size_t text_len);

/* RFC 4648: the standard alphabet with padding (section 4), the URL-safe one without (section 5). */
enum base64_kind { BASE64_STD, BASE64_URL };

/* Room for the base64 form of n bytes with its NUL, in either kind. n is below SIZE_MAX / 2. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Room that base64_decode() may need for text_len characters. */
#define BASE64_DECODED_MAX(text_len) ((text_len) / 4 * 3 + 3)

/* Writes the text and a NUL to out, which has BASE64_SIZE(n) bytes. Returns the length without the NUL. */
size_t base64_encode(char *out, enum base64_kind kind, const void *data, size_t n);

/*
 * Decodes text_len characters into out, which holds out_size bytes. Strict: padding as the kind has it, no white
 * space, unused bits zero, so that every byte string has exactly one text. Returns the number of bytes, or CFS_EINVAL
 * (not base64), or CFS_ETOOBIG (out is too small).
 */
ssize_t base64_decode(void *out, size_t out_size, enum base64_kind kind, const char *text,
		      size_t text_len);

#endif

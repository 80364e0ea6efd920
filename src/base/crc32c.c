/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/crc32c.h"

#include "base/bytes.h"
#include "base/hash.h"

/* Eight bytes a step ("slicing by 8"): one look-up for each, none of which waits for another. */
uint32_t
crc32c_portable(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *b = p;

	crc = ~crc;
	for (; n >= 8; n -= 8, b += 8) {
		uint32_t low = crc ^ load_le32(b);
		uint32_t high = load_le32(b + 4);

		crc = crc32c_table[7][low & 255] ^ crc32c_table[6][low >> 8 & 255] ^
		      crc32c_table[5][low >> 16 & 255] ^ crc32c_table[4][low >> 24] ^
		      crc32c_table[3][high & 255] ^ crc32c_table[2][high >> 8 & 255] ^
		      crc32c_table[1][high >> 16 & 255] ^ crc32c_table[0][high >> 24];
	}
	for (; n > 0; n--, b++)
		crc = crc >> 8 ^ crc32c_table[0][(crc ^ *b) & 255];
	return ~crc;
}

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <wmmintrin.h>

#define TARGET_CRC __attribute__((target("sse4.2,pclmul")))

/*
 * The instruction takes three cycles but a new one can start every cycle, so three lanes run side by side, each over
 * its own third of 3 * lane bytes; then the first two remainders are moved over the bytes that follow their lane.
 * Moving over n bytes multiplies by x^(8n) modulo the polynomial: a carry-less product with x^(8n - 33), reflected, which
 * the instruction itself reduces (it contributes x^32, and the reflected product one more x).
 */
#define LANE_LONG  2048
#define LANE_SHORT 256
#define X_LONG_1   0xa51b6135 /* x^(8 * 2048 - 33) */
#define X_LONG_2   0x82f89c77 /* x^(8 * 4096 - 33) */
#define X_SHORT_1  0xb9e02b86 /* x^(8 * 256 - 33) */
#define X_SHORT_2  0xdd7e3b0c /* x^(8 * 512 - 33) */

TARGET_CRC static inline uint64_t
shift(uint64_t crc, uint32_t factor)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
					       _mm_cvtsi64_si128((long long)factor), 0);

	return _mm_crc32_u64(0, (unsigned long long)_mm_cvtsi128_si64(product));
}

/* The remainder of 3 * lane bytes at b following crc; x1 and x2 move it over one and two lanes. */
TARGET_CRC static inline uint64_t
three_lanes(uint64_t crc, const unsigned char *b, size_t lane, uint32_t x1, uint32_t x2)
{
	uint64_t c0 = crc, c1 = 0, c2 = 0;

	for (size_t i = 0; i < lane; i += 8) {
		c0 = _mm_crc32_u64(c0, load_le64(b + i));
		c1 = _mm_crc32_u64(c1, load_le64(b + lane + i));
		c2 = _mm_crc32_u64(c2, load_le64(b + 2 * lane + i));
	}
	return shift(c0, x2) ^ shift(c1, x1) ^ c2;
}

TARGET_CRC static uint32_t
crc32c_sse42(uint32_t crc, const unsigned char *b, size_t n)
{
	uint64_t c = ~crc;

	for (; n >= 3 * LANE_LONG; n -= 3 * LANE_LONG, b += 3 * LANE_LONG)
		c = three_lanes(c, b, LANE_LONG, X_LONG_1, X_LONG_2);
	for (; n >= 3 * LANE_SHORT; n -= 3 * LANE_SHORT, b += 3 * LANE_SHORT)
		c = three_lanes(c, b, LANE_SHORT, X_SHORT_1, X_SHORT_2);
	for (; n >= 8; n -= 8, b += 8)
		c = _mm_crc32_u64(c, load_le64(b));
	for (; n > 0; n--, b++)
		c = _mm_crc32_u8((uint32_t)c, *b);
	return ~(uint32_t)c;
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
		return crc32c_sse42(crc, p, n);
	return crc32c_portable(crc, p, n);
}

#else

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	return crc32c_portable(crc, p, n);
}

#endif

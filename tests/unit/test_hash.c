/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rand.h"

static void
sha256_has_the_standards_values(void **state)
{
	struct sha256_ctx *ctx = sha256_new();
	struct sha256 a, b;
	char text[SHA256_HEX_SIZE];

	(void)state;
	assert_non_null(ctx);
	assert_int_equal(sha256_once(ctx, "abc", 3, &a), 0);
	assert_string_equal(sha256_hex(text, &a),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(sha256_parse(&b, text), 0);
	assert_true(sha256_equal(&a, &b));
	text[5] ^= 1;
	assert_int_equal(sha256_parse(&b, text), 0);
	assert_false(sha256_equal(&a, &b));
	assert_int_equal(sha256_parse(&b, "ba78"), CFS_EINVAL);
	/* A context is used again, also after a message that was not ended. */
	sha256_update(ctx, "rubbish", 7);
	sha256_reset(ctx);
	for (int round = 0; round < 2; round++) {
		sha256_update(ctx, "a", 1);
		sha256_update(ctx, NULL, 0);
		sha256_update(ctx, "bc", 2);
		assert_int_equal(sha256_final(ctx, &b), 0);
		assert_true(sha256_equal(&a, &b));
	}
	assert_int_equal(sha256_once(NULL, "", 0, &b), 0);
	assert_string_equal(sha256_hex(text, &b),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_free(ctx);
	sha256_free(NULL);
}

static void
crc_tables_follow_the_rule(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = (c & 1) != 0 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		assert_int_equal(crc32c_table[0][i], c);
		for (int k = 1; k < 8; k++) {
			c = c >> 8 ^ crc32c_table[0][c & 255];
			assert_int_equal(crc32c_table[k][i], c);
		}
	}
}

/* RFC 3720, appendix B.4, and the usual check value. */
static void
crc_has_the_standards_values(void **state)
{
	unsigned char b[32];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (unsigned char)i;
	assert_int_equal(crc32c_portable(0, b, sizeof(b)), 0x46dd794e);
}

/* Lengths round the borders of the three-lane loops, at every alignment, in one piece and in two. */
static void
crc_is_the_same_by_every_way(void **state)
{
	static const size_t lengths[] = {0,    1,    7,    8,    9,     767,   768,   769,  1536,
					 6143, 6144, 6145, 6912, 12288, 65536, 65543, 20000};
	unsigned char *b = malloc(65536 + 16);

	(void)state;
	assert_non_null(b);
	rand_bytes(b, 65536 + 16);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t start = 0; start < 8; start++) {
			size_t n = lengths[i];
			size_t cut = n / 3;
			uint32_t whole = crc32c_portable(0, b + start, n);

			assert_int_equal(crc32c(0, b + start, n), whole);
			assert_int_equal(
			    crc32c(crc32c(0, b + start, cut), b + start + cut, n - cut), whole);
		}
	}
	free(b);
}

static void
secrets_are_compared_and_wiped(void **state)
{
	unsigned char a[20], b[20];

	(void)state;
	rand_bytes(a, sizeof(a));
	memcpy(b, a, sizeof(a));
	assert_true(ct_equal(a, b, sizeof(a)));
	b[19] ^= 0x80;
	assert_false(ct_equal(a, b, sizeof(a)));
	secure_wipe(a, sizeof(a));
	memset(b, 0, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	secure_wipe(NULL, 0);
}

static void
ids_are_new_also_after_a_fork(void **state)
{
	struct id128 a = id128_random(), b, zero = {{0}};
	char text[ID128_HEX_SIZE];
	int fds[2];
	pid_t pid;

	(void)state;
	assert_false(id128_is_zero(&a));
	assert_true(id128_is_zero(&zero));
	assert_int_equal(id128_parse(&b, id128_hex(text, &a)), 0);
	assert_true(id128_equal(&a, &b));
	assert_int_equal(id128_parse(&b, "12"), CFS_EINVAL);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		b = id128_random();
		_exit(write(fds[1], &b, sizeof(b)) == sizeof(b) ? 0 : 1);
	}
	a = id128_random();
	assert_int_equal(read(fds[0], &b, sizeof(b)), sizeof(b));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(id128_equal(&a, &b));
	assert_true(rand_u64() != rand_u64());
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_has_the_standards_values),
	    cmocka_unit_test(crc_tables_follow_the_rule),
	    cmocka_unit_test(crc_has_the_standards_values),
	    cmocka_unit_test(crc_is_the_same_by_every_way),
	    cmocka_unit_test(secrets_are_compared_and_wiped),
	    cmocka_unit_test(ids_are_new_also_after_a_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/err.h"

void
rand_bytes(void *p, size_t n)
{
	unsigned char *out = p;

	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		out += got;
		n -= (size_t)got;
	}
}

uint64_t
rand_u64(void)
{
	uint64_t v;

	rand_bytes(&v, sizeof(v));
	return v;
}

struct id128
id128_random(void)
{
	struct id128 id;

	do {
		rand_bytes(&id, sizeof(id));
	} while (id128_is_zero(&id));
	return id;
}

bool
id128_equal(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool
id128_is_zero(const struct id128 *id)
{
	static const struct id128 zero;

	return id128_equal(id, &zero);
}

char *
id128_hex(char out[ID128_HEX_SIZE], const struct id128 *id)
{
	hex_encode(out, id->b, sizeof(id->b));
	return out;
}

int
id128_parse(struct id128 *out, const char *text)
{
	return hex_decode(out->b, sizeof(out->b), text, strlen(text));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * calm ADDRESS PORT KEYFILE COUNT: one user who does small things one after the other. Prints what a look-up and a small put took, in
 * microseconds: the medians, and the longest.
 */

#include <stdio.h>
#include <stdlib.h>

#include "../lib/goodclient.h"
#include "base/time.h"

#define COUNT_MAX 500u

struct times {
	uint64_t us[COUNT_MAX];
};

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
print(const char *what, struct times *t, unsigned n)
{
	qsort(t->us, n, sizeof(t->us[0]), compare);
	(void)printf("%s %llu %llu\n", what, (unsigned long long)t->us[n / 2],
		     (unsigned long long)t->us[n - 1]);
}

int
main(int argc, char **argv)
{
	unsigned count = argc == 5 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	static struct times look, put;
	struct target to;
	struct good g;

	if (count == 0 || count > COUNT_MAX) {
		(void)fprintf(stderr, "usage: calm ADDRESS PORT KEYFILE COUNT\n");
		return 2;
	}
	target_init(&to, argv[1], argv[2], argv[3]);
	good_start(&g, &to);
	good_put(&g, "crowd-0");
	for (unsigned i = 0; i < count; i++) {
		uint64_t began = now_mono_ns(), between;

		good_put(&g, "small");
		between = now_mono_ns();
		good_look(&g);
		put.us[i] = (between - began) / 1000;
		look.us[i] = (now_mono_ns() - between) / 1000;
	}
	print("look", &look, count);
	print("put", &put, count);
	good_end(&g);
	target_fini(&to);
	return 0;
}

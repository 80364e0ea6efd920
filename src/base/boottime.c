/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <time.h>

#include "base/time.h"

/* A file of its own, so that a test can put a clock of its own in its place. */
uint64_t
now_boot_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * (uint64_t)NS_PER_S + (uint64_t)ts.tv_nsec;
}

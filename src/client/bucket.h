/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_BUCKET_H
#define CFS_CLIENT_BUCKET_H

/* A token bucket: bytes per second, with a quarter of a second's worth of burst. Plain data; its owner locks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket {
	uint64_t rate;  /* bytes per second; 0: no limit */
	int64_t tokens; /* may be negative: a frame is moved whole and paid for afterwards */
	uint64_t last_ns;
};

void bucket_init(struct bucket *b, uint64_t rate);
/* Whether bytes may be moved at now_ns (now_mono_ns()). */
bool bucket_open(struct bucket *b, uint64_t now_ns);
void bucket_take(struct bucket *b, size_t bytes);
/* Milliseconds until bucket_open(), rounded up; 0: now. */
int bucket_wait_ms(const struct bucket *b);

#endif

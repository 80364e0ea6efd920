/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_LEASETEST_H
#define CFS_TESTS_LEASETEST_H

/* Two clients, a directory, and what is said about leases. Helpers assert. */

#include "servertest.h"

#define LONG_MS  10000u
#define SHORT_MS 300u

/* Two clients of alice's, and a directory with a file that the first one made. */
struct scene {
	struct peer a, b;
	struct m_attr dir, file;
};

void scene_begin(struct servertest *t, struct scene *s, uint32_t promise_ms);
void scene_end(struct scene *s);

/* Whether it is granted; or, given back. */
bool lease(struct peer *p, uint64_t dir, uint8_t back);
/* These do not wait, and return the request's number. */
uint64_t send_lease(struct peer *p, uint64_t dir, uint8_t back);
uint64_t send_lookup(struct peer *p, uint64_t dir, const char *name);
uint64_t send_unlink(struct peer *p, uint64_t dir, const char *name, bool directory, uint64_t ino);

int status_of(struct peer *p, uint64_t number);
/* The next push is a recall; its number. */
uint64_t next_recall(struct peer *p);
void acknowledge(struct peer *p, uint64_t push);
/* What p asks now is answered, and what it asked before is not: its answer would be lost here. */
void expect_waiting(struct peer *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_UNIT_HOSTILE_H
#define CFS_TESTS_UNIT_HOSTILE_H

/* A server that signs anybody in and then answers what a test wants, for a client that is not to trust it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "client/cfs.h"
#include "proto/ops.h"

#define LINES_MAX 64

/* A server in a thread for each line. answer() appends whole frames to out. */
struct hostile {
	void (*answer)(struct hostile *h, const struct op_desc *op, uint64_t number,
		       struct buf *out);
	pthread_t threads[LINES_MAX];
	unsigned lines;
	unsigned seed;
	atomic_bool hang_up; /* after this answer */
	uint32_t retry_ms;
	unsigned answer_ms; /* the client waits so long for an answer; 0: half a second */
	const char *cache_dir;
	atomic_uint maps; /* MAPs asked */
};

/* The payload of the request that this thread is to answer. */
struct hostile_asked {
	const unsigned char *payload;
	size_t len;
};
extern _Thread_local struct hostile_asked hostile_asked;

/* Appends a good answer to a request of this number. */
void hostile_reply(struct buf *out, const struct op_desc *op, uint64_t number, const void *rep,
		   const void *bulk, size_t len);
/* A client on it; hostile_stop() closes that and waits for the server's threads. */
struct cfs *hostile_start(struct hostile *h);
void hostile_stop(struct hostile *h, struct cfs *c);

#endif

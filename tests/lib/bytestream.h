/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_BYTESTREAM_H
#define CFS_TESTS_BYTESTREAM_H

/*
 * A stream whose peer is a piece of memory: it reads bytes that are there from the start, in arrivals of a chosen size
 * with nothing between them, then the end; what is written to it is collected. For fuzzers: no thread, no socket buffer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/stream.h"

struct byte_stream {
	struct stream base; /* first */
	const uint8_t *in;  /* borrowed */
	size_t left;        /* of it */
	size_t arrival;     /* at most so many bytes a read, at least 1 */
	bool pause;         /* the next read finds nothing */
	int fd;             /* always readable and writable, so that a poll goes on at once */
	struct buf out;     /* what was written, up to out_max bytes */
	size_t out_max;     /* further bytes are dropped */
	bool truncated;     /* some were */
	unsigned closed;    /* how often its user closed it */
};

/* Makes it; byte_stream_fini() frees what it holds (closing it as a stream only counts). False without a descriptor. */
bool byte_stream_init(struct byte_stream *b, const uint8_t *in, size_t len, size_t arrival,
		      size_t out_max);
void byte_stream_fini(struct byte_stream *b);

#endif

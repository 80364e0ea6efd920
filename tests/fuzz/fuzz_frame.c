/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a connection's, in arrivals of sizes that the first bytes choose, to a reader that takes bulk in pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A stream of the fuzzer's bytes: each read gives one arrival, between two there is nothing. */
struct bytes {
	struct stream stream; /* first */
	const uint8_t *p;
	size_t left;
	size_t arrival;
	bool pause;
};

static ssize_t
read_bytes(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	struct bytes *b = CONTAINER_OF(s, struct bytes, stream);
	size_t n = min_size(min_size(size, b->left), b->arrival);

	(void)err;
	b->pause = !b->pause;
	if (b->pause)
		return CFS_EBUSY;
	if (n > 0)
		memcpy(buf, b->p, n);
	b->p += n;
	b->left -= n;
	return (ssize_t)n;
}

static size_t
buffered(const struct stream *s)
{
	(void)s;
	return 0;
}

static const struct stream_ops ops = {.read = read_bytes, .buffered = buffered};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {.stream.ops = &ops};
	struct frame_reader *r;
	unsigned char dst[64];
	union m_any msg;
	struct frame f;
	struct str bulk;
	int rc;

	if (size < 2)
		return 0;
	b.arrival = (size_t)load_le16(data) + 1;
	b.p = data + 2;
	b.left = size - 2;
	r = frame_reader_new(&b.stream, 1 << 20);
	if (!r)
		return 0;
	while ((rc = frame_next(r, &f, NULL)) >= 0 && rc != FRAME_EOF) {
		if (rc == FRAME_COMPLETE || rc == FRAME_BULK)
			frame_decode(&f, &msg, &bulk, NULL);
		if (rc == FRAME_BULK && f.bulk_left % 2)
			frame_bulk_into(r, dst, min_size(sizeof dst, f.bulk_left));
		else if (rc == FRAME_BULK)
			frame_bulk_into(r, NULL, f.bulk_left / 2 + 1);
	}
	frame_reader_free(r);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bytestream.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "quietstream.h"

static struct byte_stream *
of(struct stream *s)
{
	return CONTAINER_OF(s, struct byte_stream, base);
}

static ssize_t
read_bytes(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	struct byte_stream *b = of(s);
	size_t n = min_size(min_size(size, b->left), b->arrival);

	(void)err;
	b->pause = !b->pause;
	if (b->pause)
		return CFS_EBUSY;
	if (n == 0)
		return 0;
	memcpy(buf, b->in, n);
	b->in += n;
	b->left -= n;
	return (ssize_t)n;
}

static ssize_t
collect(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err)
{
	struct byte_stream *b = of(s);
	ssize_t total = 0;

	(void)err;
	for (int i = 0; i < count; i++) {
		size_t room = b->out_max - b->out.len;

		if (iov[i].iov_len > room)
			b->truncated = true;
		if (!b->truncated && buf_append(&b->out, iov[i].iov_base, iov[i].iov_len))
			b->truncated = true;
		total += (ssize_t)iov[i].iov_len;
	}
	return total;
}

static int
descriptor(const struct stream *s)
{
	return ((const struct byte_stream *)(const void *)s)->fd;
}

static void
count_close(struct stream *s)
{
	of(s)->closed++;
}

static const struct stream_ops ops = {
    .read = read_bytes,
    .writev = collect,
    .flush = quiet_flush,
    .fd = descriptor,
    .events = quiet_events,
    .buffered = quiet_buffered,
    .close = count_close,
};

bool
byte_stream_init(struct byte_stream *b, const uint8_t *in, size_t len, size_t arrival,
		 size_t out_max)
{
	*b = (struct byte_stream){
	    .base = {.ops = &ops},
	    .in = in,
	    .left = len,
	    .arrival = arrival > 0 ? arrival : 1,
	    .out = BUF_INIT,
	    .out_max = out_max,
	};
	b->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return b->fd >= 0;
}

void
byte_stream_fini(struct byte_stream *b)
{
	(void)close(b->fd);
	buf_fini(&b->out);
}

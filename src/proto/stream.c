/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/stream.h"

ssize_t
stream_read(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	ssize_t n = s->ops->read(s, buf, size, err);

	if (n > 0)
		s->bytes_in += (uint64_t)n;
	return n;
}

ssize_t
stream_writev(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err)
{
	ssize_t n = s->ops->writev(s, iov, count, err);

	if (n > 0)
		s->bytes_out += (uint64_t)n;
	return n;
}

int
stream_flush(struct stream *s, struct cfs_err *err)
{
	return s->ops->flush(s, err);
}

int
stream_fd(const struct stream *s)
{
	return s->ops->fd(s);
}

short
stream_events(const struct stream *s)
{
	return s->ops->events(s);
}

size_t
stream_buffered(const struct stream *s)
{
	return s->ops->buffered(s);
}

void
stream_close(struct stream *s)
{
	if (s)
		s->ops->close(s);
}

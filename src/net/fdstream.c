/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/fdstream.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"

struct fdstream {
	struct stream stream;
	int fd;
	bool is_socket;
	bool write_blocked;
};

static struct fdstream *
self(struct stream *s)
{
	return CONTAINER_OF(s, struct fdstream, stream);
}

static const struct fdstream *
self_const(const struct stream *s)
{
	return (const struct fdstream *)(const void *)s;
}

static ssize_t
fd_read(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	ssize_t n;

	do
		n = read(self(s)->fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return CFS_EBUSY;
	return err_set(err, CFS_ENET, "connection lost: %s", strerrordesc_np(errno));
}

static ssize_t
fd_writev(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err)
{
	struct fdstream *f = self(s);
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = (size_t)count};
	ssize_t n;

	do
		n = f->is_socket ? sendmsg(f->fd, &msg, MSG_NOSIGNAL) : writev(f->fd, iov, count);
	while (n < 0 && errno == EINTR);
	f->write_blocked = n < 0 && errno == EAGAIN;
	if (n >= 0)
		return n;
	if (f->write_blocked)
		return CFS_EBUSY;
	return err_set(err, CFS_ENET, "connection lost: %s", strerrordesc_np(errno));
}

/* Nothing is buffered here: what writev() took is with the kernel. */
static int
fd_flush(struct stream *s, struct cfs_err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static int
fd_fd(const struct stream *s)
{
	return self_const(s)->fd;
}

static short
fd_events(const struct stream *s)
{
	return self_const(s)->write_blocked ? POLLOUT : 0;
}

static size_t
fd_buffered(const struct stream *s)
{
	(void)s;
	return 0;
}

static void
fd_stream_close(struct stream *s)
{
	fd_close(&self(s)->fd);
	free(self(s));
}

static const struct stream_ops fd_ops = {
    .read = fd_read,
    .writev = fd_writev,
    .flush = fd_flush,
    .fd = fd_fd,
    .events = fd_events,
    .buffered = fd_buffered,
    .close = fd_stream_close,
};

struct stream *
fdstream_new(int fd)
{
	struct fdstream *f = calloc(1, sizeof *f);
	socklen_t len = sizeof(int);
	int type;

	if (!f)
		return NULL;
	f->stream.ops = &fd_ops;
	f->fd = fd;
	f->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
	if (fd_set_nonblock(fd, true) < 0) {
		free(f);
		return NULL;
	}
	return &f->stream;
}

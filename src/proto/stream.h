/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_STREAM_H
#define CFS_PROTO_STREAM_H

/*
 * The transport seam: a byte stream in both directions, without blocking.
 *
 * Above it are frames, below it TLS over TCP, a plain descriptor (Unix socket, socketpair), or whatever a test makes.
 * A stream is an ops table and a descriptor to poll. It is used by one thread at a time (the owner's lock or its only
 * I/O thread); nothing here blocks but where said.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct stream;

/* What a call that moves no byte needs before it can; the values are those of poll(2)'s events. */
enum stream_want {
	STREAM_WANT_READ = 1,  /* POLLIN */
	STREAM_WANT_WRITE = 4, /* POLLOUT */
};

struct stream_ops {
	/* As stream_read() etc. below. */
	ssize_t (*read)(struct stream *s, void *buf, size_t size, struct cfs_err *err);
	ssize_t (*writev)(struct stream *s, const struct iovec *iov, int count,
			  struct cfs_err *err);
	int (*flush)(struct stream *s, struct cfs_err *err);
	int (*fd)(const struct stream *s);
	short (*events)(const struct stream *s);
	size_t (*buffered)(const struct stream *s);
	void (*close)(struct stream *s);
};

/* First member of every kind of stream. */
struct stream {
	const struct stream_ops *ops;
	uint64_t bytes_in, bytes_out; /* that stream_read() and stream_writev() moved */
};

/*
 * Reads up to size bytes into buf. Returns the count (> 0); 0 at the peer's orderly end; CFS_EBUSY when nothing is there
 * yet (poll for stream_events() and call again); another negative code with err set when the stream is broken for good
 * (CFS_ENET for a reset or a cut).
 */
ssize_t stream_read(struct stream *s, void *buf, size_t size, struct cfs_err *err);

/*
 * Takes bytes of up to count pieces. Returns how many were taken (they may still be buffered below until
 * stream_flush()), or CFS_EBUSY when none can be taken now, or another negative code as above. A caller that got
 * CFS_EBUSY must come again with the same bytes or more behind them.
 */
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err);

/* Sends what is buffered. 0 when all is with the kernel, CFS_EBUSY when some is left, or another negative code. */
int stream_flush(struct stream *s, struct cfs_err *err);

/* The descriptor to poll; owned by the stream. */
int stream_fd(const struct stream *s);

/*
 * Events (POLLIN, POLLOUT) that a poll must wait for before calls that said CFS_EBUSY can go on. POLLIN for the next
 * message is not among them: whoever wants to read adds it, and an owner that reads no more for now must not be woken.
 */
short stream_events(const struct stream *s);

/*
 * Bytes that stream_read() can return without the descriptor becoming readable: a poll may only sleep when this is 0.
 */
size_t stream_buffered(const struct stream *s);

/* Closes without waiting (TLS says close_notify if that does not block) and frees. NULL is accepted. */
void stream_close(struct stream *s);

#endif

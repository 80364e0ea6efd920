/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/io.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
};

int
fdpass_send(int sock, const void *msg, size_t n, const int *fds, size_t count, int flags)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)msg, .iov_len = n};
	union control control = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (count > FDPASS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (count > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do
		sent = sendmsg(sock, &m, flags | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)n ? 0 : -1;
}

/* Every descriptor that came is the caller's to close, also those that there is no place for. */
static bool
take(struct msghdr *m, int fds[FDPASS_MAX])
{
	bool fits = true;
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (count < FDPASS_MAX) {
				fds[count++] = fd;
			} else {
				fd_close(&fd);
				fits = false;
			}
		}
	}
	return fits && !(m->msg_flags & (MSG_CTRUNC | MSG_TRUNC));
}

ssize_t
fdpass_receive(int sock, void *msg, size_t n, int fds[FDPASS_MAX], int flags)
{
	struct iovec iov = {.iov_base = msg, .iov_len = n};
	union control control = {0};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	ssize_t got;

	for (int i = 0; i < FDPASS_MAX; i++)
		fds[i] = -1;
	do
		got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got;
	if (take(&m, fds))
		return got;
	fdpass_close(fds);
	errno = EMSGSIZE;
	return -1;
}

void
fdpass_close(int fds[FDPASS_MAX])
{
	for (int i = 0; i < FDPASS_MAX; i++)
		fd_close(&fds[i]);
}

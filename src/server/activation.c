/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

/* SD_LISTEN_FDS_START of sd_listen_fds(3). */
#define FIRST_FD 3

/* A number in the environment, or -1. */
static long
number_of(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long n;

	if (!text || *text == '\0')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 ? n : -1;
}

static bool
option_is(int fd, int option, int wanted)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

static int
take(int fd, struct listener *net, struct listener *admin, struct cfs_err *err)
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(addr);
	struct listener *l = net;

	if (!option_is(fd, SO_TYPE, SOCK_STREAM) || !option_is(fd, SO_ACCEPTCONN, 1) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		return err_set(err, CFS_EINVAL,
			       "descriptor %d of the service manager is no listening stream socket",
			       fd);
	if (addr.ss_family == AF_UNIX)
		l = admin;
	else if (addr.ss_family != AF_INET && addr.ss_family != AF_INET6)
		return err_set(err, CFS_EINVAL,
			       "descriptor %d of the service manager is of another family", fd);
	if (l->count == LISTEN_MAX)
		return err_set(err, CFS_EINVAL, "the service manager passed too many sockets");
	if (fd_set_nonblock(fd, true) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return err_set_errno(err, errno, "descriptor %d", fd);
	l->fds[l->count++] = fd;
	return 0;
}

/* They may have been meant for the process that started this one. */
static long
how_many(void)
{
	long n = number_of("LISTEN_FDS");

	return number_of("LISTEN_PID") == (long)getpid() && n > 0 && n < INT_MAX - FIRST_FD ? n : 0;
}

void
activation_close_others(void)
{
	(void)close_range((unsigned)(FIRST_FD + how_many()), UINT_MAX, 0);
}

int
activation_take(struct listener *net, struct listener *admin, struct cfs_err *err)
{
	long n = how_many();
	int rc = 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	for (int fd = FIRST_FD; fd - FIRST_FD < n && rc == 0; fd++)
		rc = take(fd, net, admin, err);
	return rc;
}

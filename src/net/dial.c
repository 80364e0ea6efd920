/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"
#include "net/addr.h"

/* RFC 8305, 5: the time after which the next address is tried beside those under way. */
#define NEXT_AFTER_MS 250

/* Addresses of one name that are tried. */
#define ATTEMPTS_MAX 8

/* The race of one dial: attempts under way, as poll() wants them. */
struct race {
	const struct addrinfo *next;
	struct pollfd fds[ATTEMPTS_MAX];
	nfds_t count;
	uint64_t next_at; /* when the next address is due */
	int last_errno;
};

/* Starts the next address. A socket that is connected at once, or -1. */
static int
start_next(struct race *r)
{
	const struct addrinfo *a = r->next;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	r->next = r->count + 1 < ATTEMPTS_MAX ? a->ai_next : NULL;
	r->next_at = deadline_from_ms(NEXT_AFTER_MS);
	if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	if (fd >= 0 && errno == EINPROGRESS) {
		r->fds[r->count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
		return -1;
	}
	r->last_errno = errno;
	r->next_at = 0;
	fd_close(&fd);
	return -1;
}

/* Takes the attempts that have ended out of the race. A connected socket, or -1. */
static int
collect(struct race *r)
{
	for (nfds_t i = 0; i < r->count;) {
		int fd = r->fds[i].fd;
		int e = 0;
		socklen_t len = sizeof e;

		if (r->fds[i].revents == 0) {
			i++;
			continue;
		}
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
			e = errno;
		r->fds[i] = r->fds[--r->count];
		if (e == 0)
			return fd;
		fd_close(&fd);
		r->last_errno = e;
		r->next_at = 0;
	}
	return -1;
}

/* A connected socket, or -1 with last_errno. */
static int
run_race(struct race *r, uint64_t deadline)
{
	int fd = -1;

	while (fd < 0 && (r->next || r->count > 0)) {
		uint64_t until = r->next ? min_u64(deadline, r->next_at) : deadline;

		if (deadline_passed(deadline)) {
			r->last_errno = ETIMEDOUT;
			break;
		}
		if (r->next && deadline_passed(r->next_at)) {
			fd = start_next(r);
			continue;
		}
		if (poll(r->fds, r->count, deadline_left_ms(until)) < 0 && errno != EINTR) {
			r->last_errno = errno;
			break;
		}
		fd = collect(r);
	}
	for (nfds_t i = 0; i < r->count; i++)
		fd_close(&r->fds[i].fd);
	return fd;
}

int
dial_tcp(const char *host, uint16_t port, uint64_t deadline, int *fd_out, struct cfs_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	struct race race = {.last_errno = EHOSTUNREACH};
	char service[8];
	char where[HOSTPORT_SIZE];
	int one = 1;
	int rc;

	hostport_format(where, host, port);
	snprintf(service, sizeof service, "%u", port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0)
		return err_set(err, CFS_ENET, "cannot reach %s: %s", where,
			       rc == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(rc));
	race.next = list;
	*fd_out = run_race(&race, deadline);
	freeaddrinfo(list);
	if (*fd_out >= 0) {
		setsockopt(*fd_out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		return 0;
	}
	if (race.last_errno == ETIMEDOUT)
		return err_set(err, CFS_ETIMEDOUT, "cannot reach %s: timed out", where);
	return err_set(err, CFS_ENET, "cannot reach %s: %s", where,
		       strerrordesc_np(race.last_errno));
}

int
dial_unix(const char *path, int *fd_out, struct cfs_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int e;

	if (strlen(path) >= sizeof addr.sun_path)
		return err_set(err, CFS_ENAMETOOLONG, "%s: too long for a socket's path", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	*fd_out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd_out >= 0 && connect(*fd_out, (struct sockaddr *)&addr, sizeof addr) == 0)
		return 0;
	e = errno;
	fd_close(fd_out);
	return err_set(err, e == EACCES || e == EPERM ? CFS_EDENIED : CFS_ENET,
		       "cannot reach %s: %s", path, strerrordesc_np(e));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "net/addr.h"

#define BACKLOG 1024

/* Tries to find a port that is free on every address of an entry with port 0. */
#define PORT_TRIES 8

static void
close_from(struct listener *l, size_t keep)
{
	while (l->count > keep)
		fd_close(&l->fds[--l->count]);
}

void
listener_close(struct listener *l)
{
	close_from(l, 0);
}

/* A listening socket on one address, or -1 and errno. */
static int
listen_on(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    (a->ai_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
	    bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	fd_close(&fd);
	return -1;
}

static void
set_port(struct addrinfo *a, uint16_t port)
{
	if (a->ai_family == AF_INET)
		((struct sockaddr_in *)(void *)a->ai_addr)->sin_port = htons(port);
	else if (a->ai_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)a->ai_addr)->sin6_port = htons(port);
}

/* Listens on every address of a name; 0 or an errno. A machine without IPv6 (or IPv4) has the others alone. */
static int
listen_all(struct listener *l, struct addrinfo *list, uint16_t port)
{
	size_t before = l->count;
	int skipped = EADDRNOTAVAIL;

	for (struct addrinfo *a = list; a; a = a->ai_next) {
		int fd;

		if (l->count == LISTEN_MAX)
			return EMFILE;
		set_port(a, port);
		fd = listen_on(a);
		if (fd >= 0) {
			l->fds[l->count++] = fd;
			port = addr_local_port(fd);
		} else if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) {
			skipped = errno;
		} else {
			return errno;
		}
	}
	return l->count > before ? 0 : skipped;
}

static int
listen_entry(struct listener *l, const char *entry, struct cfs_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list = NULL;
	size_t before = l->count;
	char host[HOST_SIZE];
	uint16_t port;
	int tries = 0;
	int rc = hostport_parse(entry, CFS_PORT, host, &port, err);

	if (rc < 0)
		return err_wrap(err, "cannot listen on %s", entry);
	rc = getaddrinfo(host[0] ? host : NULL, "0", &hints, &list);
	if (rc != 0)
		return err_set(err, CFS_ENET, "cannot listen on %s: %s", entry, gai_strerror(rc));
	do {
		close_from(l, before);
		rc = listen_all(l, list, port);
	} while (rc == EADDRINUSE && port == 0 && ++tries < PORT_TRIES);
	freeaddrinfo(list);
	if (rc != 0)
		return err_set(err, rc == EACCES ? CFS_EDENIED : CFS_ENET,
			       "cannot listen on %s: %s", entry, strerrordesc_np(rc));
	return 0;
}

/* each() for every entry of a list, until one fails. */
static int
each_entry(const char *addresses,
	   int (*each)(struct listener *l, const char *entry, struct cfs_err *err),
	   struct listener *l, struct cfs_err *err)
{
	static const char between[] = " ,\t";
	const char *p = addresses + strspn(addresses, between);
	char entry[HOSTPORT_SIZE];
	int rc = 0;

	if (*p == '\0')
		return err_set(err, CFS_EINVAL, "no address to listen on");
	while (*p && rc == 0) {
		size_t len = strcspn(p, between);

		if (len >= sizeof entry)
			return err_set(err, CFS_EINVAL, "cannot listen on %s: too long", p);
		memcpy(entry, p, len);
		entry[len] = '\0';
		rc = each(l, entry, err);
		p += len;
		p += strspn(p, between);
	}
	return rc;
}

int
listen_tcp(struct listener *l, const char *addresses, struct cfs_err *err)
{
	size_t before = l->count;
	int rc = each_entry(addresses, listen_entry, l, err);

	if (rc < 0)
		close_from(l, before);
	return rc;
}

static int
check_entry(struct listener *l, const char *entry, struct cfs_err *err)
{
	char host[HOST_SIZE];
	uint16_t port;

	(void)l;
	return hostport_parse(entry, CFS_PORT, host, &port, err);
}

int
listen_check(const char *addresses, struct cfs_err *err)
{
	return each_entry(addresses, check_entry, NULL, err);
}

/* Removes a socket file that nobody answers on. */
static int
remove_stale(const char *path, const struct sockaddr_un *addr, struct cfs_err *err)
{
	struct stat st;
	int fd;
	int e = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(err, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, CFS_EEXIST, "%s: there is a file that is no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0)
		e = errno;
	fd_close(&fd);
	if (e != ECONNREFUSED && e != ENOENT)
		return err_set(err, CFS_ELOCKED, "%s: another process listens there", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

int
listen_unix(struct listener *l, const char *path, mode_t mode, struct cfs_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;
	int rc;

	if (strlen(path) >= sizeof addr.sun_path)
		return err_set(err, CFS_ENAMETOOLONG, "%s: too long for a socket's path", path);
	if (l->count == LISTEN_MAX)
		return err_set(err, CFS_EINVAL, "too many addresses to listen on");
	memcpy(addr.sun_path, path, strlen(path) + 1);
	rc = remove_stale(path, &addr, err);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Until listen() nobody can connect, so the mode is in force before the first who tries. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
		rc = err_set_errno(err, errno, "cannot listen on %s", path);
		fd_close(&fd);
		return rc;
	}
	l->fds[l->count++] = fd;
	return 0;
}

int
listen_accept(int listen_fd, struct cfs_err *err)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		return fd;
	/* accept(2): what happened to the new connection alone is no error of the listener. */
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return CFS_EBUSY;
	default:
		return err_set_errno(err, errno, "accept");
	}
}

int
peer_credentials(int fd, uid_t *uid_out, gid_t *gid_out, pid_t *pid_out, struct cfs_err *err)
{
	struct ucred c;
	socklen_t len = sizeof c;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0)
		return err_set_errno(err, errno, "SO_PEERCRED");
	*uid_out = c.uid;
	*gid_out = c.gid;
	*pid_out = c.pid;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dialling and listening on loopback, and Unix sockets. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/time.h"
#include "net/addr.h"
#include "net/dial.h"
#include "net/listen.h"

static int
accept_one(int listen_fd)
{
	int fd;

	while ((fd = listen_accept(listen_fd, NULL)) == CFS_EBUSY)
		continue;
	assert_true(fd >= 0);
	return fd;
}

static bool
have_ipv6(void)
{
	struct listener l = {.count = 0};
	bool have = listen_tcp(&l, "[::1]:0", NULL) == 0;

	listener_close(&l);
	return have;
}

static void
test_dial_by_name_and_literal(void **state)
{
	const char *hosts[] = {"127.0.0.1", "localhost", "::1"};
	struct listener l = {.count = 0};
	struct cfs_err err = CFS_ERR_INIT;

	(void)state;
	assert_int_equal(listen_tcp(&l, ":0", &err), 0);
	for (size_t i = 0; i < (have_ipv6() ? 3u : 2u); i++) {
		struct listener *all = &l;
		uint16_t port = addr_local_port(l.fds[0]);
		char peer[HOSTPORT_SIZE];
		char local[HOSTPORT_SIZE];
		int fd;
		int got = CFS_EBUSY;

		assert_int_equal(dial_tcp(hosts[i], port, deadline_from_ms(5000), &fd, &err), 0);
		assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		while (got == CFS_EBUSY)
			for (size_t k = 0; k < all->count && got == CFS_EBUSY; k++)
				got = listen_accept(all->fds[k], NULL);
		assert_true(got >= 0);
		assert_string_equal(addr_format_peer(peer, got), addr_format_local(local, fd));
		fd_close(&got);
		fd_close(&fd);
	}
	listener_close(&l);
	assert_int_equal(l.count, 0);
}

static void
test_nobody_there(void **state)
{
	struct listener l = {.count = 0};
	struct cfs_err err = CFS_ERR_INIT;
	char expected[HOSTPORT_SIZE + 64];
	uint16_t port;
	int fd;

	(void)state;
	assert_int_equal(listen_tcp(&l, "127.0.0.1:0", &err), 0);
	port = addr_local_port(l.fds[0]);
	listener_close(&l);
	assert_int_equal(dial_tcp("127.0.0.1", port, deadline_from_ms(5000), &fd, &err), CFS_ENET);
	snprintf(expected, sizeof expected, "cannot reach 127.0.0.1:%u: Connection refused", port);
	assert_string_equal(err.text, expected);
	assert_int_equal(dial_tcp("no-such-host.invalid", 1, deadline_from_ms(5000), &fd, &err),
			 CFS_ENET);
	assert_memory_equal(err.text, "cannot reach no-such-host.invalid:1: ", 37);
	assert_int_equal(dial_tcp("127.0.0.1", port, 1, &fd, &err), CFS_ETIMEDOUT);
}

static void
test_several_addresses(void **state)
{
	struct listener l = {.count = 0};
	struct cfs_err err = CFS_ERR_INIT;
	char text[HOSTPORT_SIZE + 32];
	char first[HOSTPORT_SIZE];

	(void)state;
	assert_int_equal(listen_tcp(&l, " 127.0.0.1:0, 127.0.0.2:0", &err), 0);
	assert_int_equal(l.count, 2);
	assert_memory_equal(addr_format_local(first, l.fds[0]), "127.0.0.1:", 10);

	/* One that is taken: nothing is added, and the text says which. */
	snprintf(text, sizeof text, "127.0.0.3:0 %s", first);
	assert_int_equal(listen_tcp(&l, text, &err), CFS_ENET);
	assert_int_equal(l.count, 2);
	assert_non_null(strstr(err.text, first));
	assert_int_equal(listen_tcp(&l, "", &err), CFS_EINVAL);
	assert_int_equal(listen_tcp(&l, "127.0.0.1:port", &err), CFS_EINVAL);
	assert_int_equal(l.count, 2);
	listener_close(&l);
}

static void
test_unix_sockets(void **state)
{
	struct listener first = {.count = 0};
	struct listener second = {.count = 0};
	struct cfs_err err = CFS_ERR_INIT;
	char dir[] = "/tmp/test_dial.XXXXXX";
	char path[200];
	struct stat st;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	int fd;
	int got;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/socket", dir);
	assert_int_equal(dial_unix(path, &fd, &err), CFS_ENET);
	assert_int_equal(listen_unix(&first, path, 0600, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(dial_unix(path, &fd, &err), 0);
	got = accept_one(first.fds[0]);
	assert_int_equal(peer_credentials(got, &uid, &gid, &pid, &err), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(pid, getpid());
	fd_close(&got);
	fd_close(&fd);

	/* Somebody listens; then nobody does; then it is no socket. */
	assert_int_equal(listen_unix(&second, path, 0600, &err), CFS_ELOCKED);
	listener_close(&first);
	assert_int_equal(listen_unix(&second, path, 0600, &err), 0);
	listener_close(&second);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	fd_close(&fd);
	assert_int_equal(listen_unix(&second, path, 0600, &err), CFS_EEXIST);
	unlink(path);
	rmdir(dir);
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_int_equal(listen_unix(&second, path, 0600, &err), CFS_ENAMETOOLONG);
	assert_int_equal(dial_unix(path, &fd, &err), CFS_ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dial_by_name_and_literal),
	    cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_several_addresses),
	    cmocka_unit_test(test_unix_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

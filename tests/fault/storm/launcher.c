/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "storm.h"

static _Noreturn void
become_daemon(const struct server *s)
{
	char conf[5000], control[5000];
	const char *const argv[] = {"cfsd", "-c", conf, "--foreground", NULL};
	int fd = server_open_log(s, "server.log");

	(void)snprintf(conf, sizeof(conf), "%s/cfsd.conf", s->folder);
	(void)snprintf(control, sizeof(control), "%s/inject", s->folder);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(126);
	if (s->preload != NULL) {
		(void)setenv("LD_PRELOAD", s->preload, 1);
		/* It stands before the sanitizer's library, which is fine with it. */
		(void)setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
		(void)setenv(INJECT_ENV, control, 1);
	}
	server_exec(s, argv);
}

/* Between the launcher and the daemon: it ends at once, so that the daemon is given to the process that wants to wait for it. */
static pid_t
fork_daemon(const struct server *s)
{
	pid_t pid = -1, between;
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	between = fork();
	if (between == 0) {
		pid = fork();
		if (pid == 0)
			become_daemon(s);
		_exit(io_write_full(pipes[1], &pid, sizeof(pid)) != 0);
	}
	fd_close(&pipes[1]);
	if (between < 0 || io_read_full(pipes[0], &pid, sizeof(pid)) != sizeof(pid))
		pid = -1;
	fd_close(&pipes[0]);
	(void)waitpid(between, NULL, 0);
	return pid;
}

/* "s": one more daemon, answered with its process. "e": the end. Nothing more: whoever asked was killed, and so is the last one. */
static _Noreturn void
serve(const struct server *s, int fd)
{
	pid_t last = 0;
	char byte = 0;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	while (read(fd, &byte, 1) == 1 && byte == 's') {
		last = fork_daemon(s);
		if (io_write_full(fd, &last, sizeof(last)) != 0)
			break;
	}
	/* Who ends in order has ended the daemon, and its number may be another's. */
	if (byte != 'e' && last > 0)
		(void)kill(last, SIGKILL);
	_exit(0);
}

int
launcher_make(struct server *s)
{
	int fds[2];

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return -1;
	s->launcher = fork();
	if (s->launcher == 0) {
		fd_close(&fds[0]);
		serve(s, fds[1]);
	}
	fd_close(&fds[1]);
	s->launcher_fd = fds[0];
	return s->launcher < 0 ? -1 : 0;
}

pid_t
launcher_launch(const struct server *s)
{
	pid_t pid;

	if (io_write_full(s->launcher_fd, "s", 1) != 0 ||
	    io_read_full(s->launcher_fd, &pid, sizeof(pid)) != sizeof(pid))
		return -1;
	return pid;
}

void
launcher_end(struct server *s)
{
	if (s->launcher <= 0)
		return;
	(void)io_write_full(s->launcher_fd, "e", 1);
	fd_close(&s->launcher_fd);
	(void)waitpid(s->launcher, NULL, 0);
	s->launcher = 0;
}

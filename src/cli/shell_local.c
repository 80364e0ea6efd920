/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_local.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int
local_start(const char *path, char *const argv[], const int fds[4], pid_t group, pid_t *pid_out,
	    struct cfs_err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int e = posix_spawnattr_init(&attr);

	if (e != 0) {
		return err_set_errno(err, e, "%s", path);
	}
	e = posix_spawn_file_actions_init(&actions);
	if (e != 0) {
		posix_spawnattr_destroy(&attr);
		return err_set_errno(err, e, "%s", path);
	}
	for (int i = 0; e == 0 && i < 4; i++) {
		if (fds[i] >= 0) {
			e = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
		}
	}
	if (e == 0 && group >= 0) {
		e = posix_spawnattr_setpgroup(&attr, group);
	}
	if (e == 0 && group >= 0) {
		e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	}
	if (e == 0) {
		e = posix_spawnp(pid_out, path, &actions, &attr, argv, environ);
	}
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (e == ENOENT) {
		return err_set(err, CFS_ENOENT, "%s: no such program on this machine", path);
	}
	return e != 0 ? err_set_errno(err, e, "%s", path) : 0;
}

int
local_exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
local_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return 1;
		}
	}
	return local_exit_code(status);
}

int
local_shell(const char *line)
{
	const char *shell = getenv("SHELL");
	int status;

	if (line[strspn(line, " \t")] == '\0') {
		line = shell != NULL && *shell != '\0' ? "exec \"$SHELL\"" : "exec sh";
	}
	/* Ctrl-C is the program's meanwhile, as system(3) does it. */
	status = system(line);
	return status != -1 ? local_exit_code(status) : 1;
}

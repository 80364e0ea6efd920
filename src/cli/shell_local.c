/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_local.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/interrupt.h"

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

/* Ctrl-C and Ctrl-\\ are the program's; this process keeps them from its handlers meanwhile, and drops them then. */
static void
keys_hold(sigset_t *keys, sigset_t *before)
{
	sigemptyset(keys);
	sigaddset(keys, SIGINT);
	sigaddset(keys, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, keys, before);
}

static void
keys_release(const sigset_t *keys, const sigset_t *before)
{
	static const struct timespec now;

	while (sigtimedwait(keys, NULL, &now) > 0) {
	}
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/*
 * What the terminal sent before the program was there reached this process alone, and is passed on. What came while it began reached
 * both: then the two are one, because it has them all blocked until it is itself.
 */
static void
keys_pass_on(pid_t pid)
{
	sigset_t waiting;

	sigpending(&waiting);
	if (sigismember(&waiting, SIGINT)) {
		kill(pid, SIGINT);
	}
	if (sigismember(&waiting, SIGQUIT)) {
		kill(pid, SIGQUIT);
	}
}

static int
run_shell(const char *line, const sigset_t *mask)
{
	char sh[] = "sh", c[] = "-c", *text = strdup(line);
	char *const argv[] = {sh, c, text, NULL};
	posix_spawnattr_t attr;
	pid_t pid;
	int code = 127;

	if (text == NULL || posix_spawnattr_init(&attr) != 0) {
		free(text);
		return 1;
	}
	if (posix_spawnattr_setsigmask(&attr, mask) == 0 &&
	    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK) == 0 &&
	    posix_spawn(&pid, "/bin/sh", NULL, &attr, argv, environ) == 0) {
		keys_pass_on(pid);
		code = local_wait(pid);
	}
	posix_spawnattr_destroy(&attr);
	free(text);
	return code;
}

int
local_shell(const char *line)
{
	const char *shell = getenv("SHELL");
	sigset_t keys, before;
	int code = 128 + SIGINT;

	if (line[strspn(line, " \t")] == '\0') {
		line = shell != NULL && *shell != '\0' ? "exec \"$SHELL\"" : "exec sh";
	}
	keys_hold(&keys, &before);
	/* From here on no handler takes what is meant for the program. */
	if (interrupt_pending() == 0) {
		code = run_shell(line, &before);
	}
	keys_release(&keys, &before);
	return code;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_LOCAL_H
#define CFS_CLI_SHELL_LOCAL_H

/* Programs of this machine that the shell starts. They are started without a copy of this process: it has threads. */

#include <sys/types.h>

#include "base/err.h"

/*
 * Starts path (looked for as execvp(3) does) with the descriptors 0, 1, 2 and 3 replaced by those of fds that are not -1, in
 * process group `group`: 0 a new one, -1 the shell's own. CFS_ENOENT ("no such program on this machine"), CFS_ELOCALIO …
 */
int local_start(const char *path, char *const argv[], const int fds[4], pid_t group, pid_t *pid_out,
		struct cfs_err *err);

/* Waits for the end of a program: its exit code, or 128 and the signal that ended it. */
int local_wait(pid_t pid);
int local_exit_code(int status);

/*
 * Runs a line with sh(1) in the foreground and gives its exit code; an empty one starts $SHELL. Ctrl-C is the program's meanwhile: one that
 * came before keeps it from being started (130), one that comes while it starts reaches it.
 */
int local_shell(const char *line);

#endif

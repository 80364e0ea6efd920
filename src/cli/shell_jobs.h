/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_JOBS_H
#define CFS_CLI_SHELL_JOBS_H

/*
 * Jobs: what runs in the background. Each is a process of this program's own with a connection of its own, because a
 * command may be interrupted, redirected and wait in its own directory only as a process: signals, descriptors and the working
 * directory are a process's, not a thread's. It leads a process group, so that the terminal's Ctrl-C passes it by.
 *
 * In an interactive shell its output comes through a pipe and stands above the prompt in whole lines; how far it is, through a page of
 * memory that both have (cli/progress.h).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/shell_parse.h"

struct cli;
struct progress_page;

struct job {
	unsigned number;
	pid_t pid;
	int pid_fd;      /* readable when it has ended */
	int out;         /* what it writes; -1: it writes to where the shell does, or has ended */
	struct buf line; /* read from out, not yet a whole line */
	struct progress_page *page;
	char *text;
	bool ended;
	int status; /* of waitpid(2) */
	struct job *next;
};

struct shell_jobs {
	struct job *first; /* by number */
	int epoll;         /* readable when a job wrote something or ended; -1 before the first */
};

#define SHELL_JOBS_INIT                                                                            \
	{                                                                                          \
		.first = NULL, .epoll = -1                                                         \
	}

/* Starts an item in the background; captured: its output comes through the shell. */
int jobs_start(struct shell_jobs *jobs, const struct cli *cli, const struct shell_item *item,
	       bool captured, struct job **out, struct cfs_err *err);

/* Ends those that run with a signal (0: none does), waits for them, and frees all. */
void jobs_fini(struct shell_jobs *jobs, int sig);

/* The one that "%2", "2", or "%%" (also NULL: the newest) names. CFS_ENOENT. */
int jobs_find(const struct shell_jobs *jobs, const char *name, struct job **out,
	      struct cfs_err *err);

bool jobs_running(const struct shell_jobs *jobs);

/* Looks which have ended, without waiting, and appends whole lines of what they wrote. CFS_ENOMEM. */
int jobs_read(struct shell_jobs *jobs, struct buf *out);

/* Waits up to so many milliseconds for something to look at; sooner after a signal. */
void jobs_poll(const struct shell_jobs *jobs, int timeout_ms);

/* Appends "[1] done  put big" for each job that has ended and forgets it, or only for the one given. CFS_ENOMEM. */
int jobs_reap(struct shell_jobs *jobs, const struct job *only, struct buf *out);

/* How a job stands: "running", "done", "exit 3", "interrupted"…, in a buffer of 32 bytes; and its exit code when it has ended. */
const char *job_state(const struct job *job, char buf[32]);
int job_exit_code(const struct job *job);

/* Sends a signal to a job and what it has started. */
void job_signal(const struct job *job, int sig);

#endif

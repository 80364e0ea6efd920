/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/globals.h"
#include "cli/progress.h"
#include "cli/shell_local.h"

/* So that a job which writes is not held up by a command that runs long. */
#define PIPE_BYTES     (1024 * 1024)
/* A line that does not end is shown in pieces. */
#define LINE_MAX_BYTES 65536u

static void
job_free(struct job *job)
{
	fd_close(&job->pid_fd);
	fd_close(&job->out);
	buf_fini(&job->line);
	progress_page_free(job->page);
	free(job->text);
	free(job);
}

/* ---- starting ---- */

/* The command line of the process: cfs OPTIONS __job DIRECTORY TEXT. */
static int
make_words(const struct cli *cli, const char *text, struct words *w)
{
	int rc = words_add(w, "cfs");

	if (rc == 0) {
		rc = cli_globals_words(&cli->opt, w);
	}
	if (rc == 0) {
		rc = words_add(w, "__job");
	}
	if (rc == 0) {
		rc = words_add(w, "--");
	}
	if (rc == 0) {
		rc = words_add(w, cli->cwd != NULL ? cli->cwd : "");
	}
	return rc == 0 ? words_add(w, text) : rc;
}

static int
spawn(struct job *job, const struct cli *cli, int page_fd, bool captured, struct cfs_err *err)
{
	int pipe_fds[2] = {-1, -1}, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct words w = {0};
	int rc = make_words(cli, job->text, &w);

	if (rc != 0) {
		err_code(err, rc);
	} else if (null < 0 || (captured && pipe2(pipe_fds, O_CLOEXEC) != 0)) {
		rc = err_set_errno(err, errno, "job");
	} else {
		const int fds[4] = {null, pipe_fds[1], pipe_fds[1], page_fd};

		rc = local_start("/proc/self/exe", w.v, fds, 0, &job->pid, err);
	}
	if (rc == 0 && captured) {
		job->out = pipe_fds[0];
		pipe_fds[0] = -1;
		fd_set_nonblock(job->out, true);
		(void)fcntl(job->out, F_SETPIPE_SZ, PIPE_BYTES);
	}
	fd_close(&pipe_fds[0]);
	fd_close(&pipe_fds[1]);
	fd_close(&null);
	words_fini(&w);
	return rc;
}

static void
follow(const struct shell_jobs *jobs, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};

	if (fd >= 0) {
		/* Without it the job is looked at when the next one has news. */
		(void)epoll_ctl(jobs->epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

int
jobs_start(struct shell_jobs *jobs, const struct cli *cli, const struct shell_item *item,
	   bool captured, struct job **out, struct cfs_err *err)
{
	struct job *job = calloc(1, sizeof *job), **tail = &jobs->first;
	int page_fd = -1, rc;

	if (job == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	job->pid_fd = job->out = -1;
	job->number = 1;
	for (; *tail != NULL; tail = &(*tail)->next) {
		job->number = (*tail)->number + 1;
	}
	if (jobs->epoll < 0) {
		jobs->epoll = epoll_create1(EPOLL_CLOEXEC);
	}
	job->text = shell_item_text(item);
	job->page = progress_page_new(&page_fd);
	rc =
	    job->text != NULL ? spawn(job, cli, page_fd, captured, err) : err_code(err, CFS_ENOMEM);
	fd_close(&page_fd);
	if (rc != 0) {
		job_free(job);
		return rc;
	}
	job->pid_fd = pidfd_open(job->pid, 0);
	follow(jobs, job->pid_fd);
	follow(jobs, job->out);
	*tail = job;
	*out = job;
	return 0;
}

/* ---- looking ---- */

int
jobs_find(const struct shell_jobs *jobs, const char *name, struct job **out, struct cfs_err *err)
{
	const char *p = name != NULL && *name == '%' ? name + 1 : name;
	char *end = NULL;
	unsigned long number = p != NULL && *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 0;

	*out = NULL;
	for (struct job *job = jobs->first; job != NULL; job = job->next) {
		if (p == NULL || strcmp(p, "%") == 0 || strcmp(p, "+") == 0 ||
		    (end != NULL && *end == '\0' && job->number == number)) {
			*out = job;
		}
	}
	return *out != NULL ? 0
			    : err_set(err, CFS_ENOENT, "%s%sno such job", name != NULL ? name : "",
				      name != NULL ? ": " : "");
}

bool
jobs_running(const struct shell_jobs *jobs)
{
	for (const struct job *job = jobs->first; job != NULL; job = job->next) {
		if (!job->ended) {
			return true;
		}
	}
	return false;
}

/* Moves what ends with the last newline, or everything, to out. */
static int
give_lines(struct job *job, bool all, struct buf *out)
{
	const unsigned char *nl =
	    job->line.len > 0 ? memrchr(job->line.data, '\n', job->line.len) : NULL;
	size_t n = nl != NULL ? (size_t)(nl - job->line.data) + 1 : 0;
	int rc;

	n = all || job->line.len - n > LINE_MAX_BYTES ? job->line.len : n;
	rc = n > 0 ? buf_append(out, job->line.data, n) : 0;
	if (rc == 0 && n > 0 && all && job->line.data[n - 1] != '\n') {
		rc = buf_append_byte(out, '\n');
	}
	buf_consume(&job->line, n);
	return rc;
}

static int
read_output(struct job *job, struct buf *out)
{
	ssize_t n = 1;
	int rc = 0;

	while (rc == 0 && job->out >= 0 && n > 0) {
		unsigned char *p = buf_reserve(&job->line, LINE_MAX_BYTES);

		if (p == NULL) {
			return CFS_ENOMEM;
		}
		n = read(job->out, p, LINE_MAX_BYTES);
		if (n > 0) {
			buf_commit(&job->line, (size_t)n);
		} else if (n == 0 || errno != EAGAIN) {
			fd_close(&job->out);
		}
		rc = give_lines(job, job->out < 0, out);
	}
	return rc;
}

int
jobs_read(struct shell_jobs *jobs, struct buf *out)
{
	int rc = 0;

	for (struct job *job = jobs->first; rc == 0 && job != NULL; job = job->next) {
		if (!job->ended && waitpid(job->pid, &job->status, WNOHANG) == job->pid) {
			job->ended = true;
			fd_close(&job->pid_fd);
		}
		rc = read_output(job, out);
		/* A program that it left behind may hold the pipe open. */
		if (rc == 0 && job->ended) {
			fd_close(&job->out);
			rc = give_lines(job, true, out);
		}
	}
	return rc;
}

void
jobs_poll(const struct shell_jobs *jobs, int timeout_ms)
{
	struct pollfd p = {.fd = jobs->epoll, .events = POLLIN};

	(void)poll(&p, 1, timeout_ms);
}

const char *
job_state(const struct job *job, char buf[32])
{
	int code;

	if (!job->ended) {
		return "running";
	}
	code = local_exit_code(job->status);
	if (WIFSIGNALED(job->status)) {
		snprintf(buf, 32, "%s", strsignal(WTERMSIG(job->status)));
	} else if (code == err_exit_code(CFS_ECANCELED)) {
		return "interrupted";
	} else if (code != 0) {
		snprintf(buf, 32, "exit %d", code);
	} else {
		return "done";
	}
	return buf;
}

int
job_exit_code(const struct job *job)
{
	return local_exit_code(job->status);
}

int
jobs_reap(struct shell_jobs *jobs, const struct job *only, struct buf *out)
{
	struct job **link = &jobs->first;
	int rc = 0;

	while (rc == 0 && *link != NULL) {
		struct job *job = *link;
		char state[32];

		if (!job->ended || (only != NULL && job != only)) {
			link = &job->next;
			continue;
		}
		rc = buf_appendf(out, "[%u] %s  %s\n", job->number, job_state(job, state),
				 job->text);
		*link = job->next;
		job_free(job);
	}
	return rc;
}

/* ---- ending ---- */

void
job_signal(const struct job *job, int sig)
{
	/* Not waited for yet, so the number is still its own. */
	if (!job->ended) {
		kill(-job->pid, sig);
		/* One that stands still would not hear of it. */
		if (sig != SIGSTOP) {
			kill(-job->pid, SIGCONT);
		}
	}
}

void
jobs_fini(struct shell_jobs *jobs, int sig)
{
	while (jobs->first != NULL) {
		struct job *job = jobs->first;

		jobs->first = job->next;
		/* Nobody reads any more: what it writes must not hold it up. */
		fd_close(&job->out);
		if (!job->ended && sig != 0) {
			job_signal(job, sig);
			(void)local_wait(job->pid);
		}
		job_free(job);
	}
	fd_close(&jobs->epoll);
}

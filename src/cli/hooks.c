/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"
#include "cli/words.h"
#include "show/event_text.h"

#define FACTS_MAX 16
#define JOBS_MAX  256u

extern char **environ;

struct job {
	pid_t pid;
	int fd; /* of the process, readable when it has ended */
};

struct hooks {
	struct words command;
	unsigned max, running;
	struct job jobs[JOBS_MAX];
};

int
hooks_new(const char *command, unsigned jobs, struct hooks **out, struct cfs_err *err)
{
	struct hooks *h = calloc(1, sizeof *h);
	int rc;

	*out = NULL;
	if (h == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	rc = words_split(command, &h->command, err);
	if (rc == 0 && h->command.n == 0) {
		words_fini(&h->command);
		rc = err_set(err, CFS_EUSAGE, "the command is empty");
	}
	if (rc != 0) {
		free(h);
		return rc;
	}
	h->max = jobs < JOBS_MAX ? jobs : JOBS_MAX;
	*out = h;
	return 0;
}

void
hooks_free(struct hooks *h)
{
	if (h == NULL) {
		return;
	}
	words_fini(&h->command);
	free(h);
}

/* ---- the environment ---- */

/* Facts of one event, and the rest of the environment behind them. */
struct facts {
	char **env;
	size_t n;
	int status;
};

__attribute__((format(printf, 2, 3))) static void
fact(struct facts *f, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		f->status = CFS_ENOMEM;
	}
	va_end(ap);
	if (text != NULL) {
		f->env[f->n++] = text;
	}
}

static void
add_facts(struct facts *f, const struct cfs_event *e)
{
	char time[TIME_SIZE], verb[32];

	fact(f, "CFS_EVENT_ID=%llu", (unsigned long long)e->id);
	fact(f, "CFS_EVENT_TIME=%s", time_format(time, e->time_ns, 9));
	fact(f, "CFS_EVENT_KIND=%s", event_kind(e));
	fact(f, "CFS_EVENT_OP=%s", event_verb(verb, e));
	fact(f, "CFS_EVENT_USER=%s", e->user);
	fact(f, "CFS_EVENT_DEVICE=%s", e->device);
	fact(f, "CFS_EVENT_PEER=%s", e->peer);
	fact(f, "CFS_EVENT_PATH=%s", e->path);
	fact(f, "CFS_EVENT_TARGET=%s", e->target);
	fact(f, "CFS_EVENT_INO=%llu", (unsigned long long)e->ino);
	fact(f, "CFS_EVENT_VERSION=%llu", (unsigned long long)e->version);
	fact(f, "CFS_EVENT_BYTES=%llu", (unsigned long long)e->bytes);
	fact(f, "CFS_EVENT_DURATION_US=%llu", (unsigned long long)e->duration_us);
	fact(f, "CFS_EVENT_RESULT=%s", e->result == 0 ? "done" : err_name(e->result));
	fact(f, "CFS_EVENT_COMPLETE=%d", e->complete);
}

static void
facts_fini(struct facts *f)
{
	for (size_t i = 0; f->env != NULL && i < f->n; i++) {
		free(f->env[i]);
	}
	free(f->env);
}

/* Facts of an event around this one are not this one's. */
static int
facts_init(struct facts *f, const struct cfs_event *e)
{
	size_t count = 0, n;

	while (environ[count] != NULL) {
		count++;
	}
	*f = (struct facts){.env = calloc(count + FACTS_MAX + 1, sizeof(char *))};
	if (f->env == NULL) {
		return CFS_ENOMEM;
	}
	add_facts(f, e);
	n = f->n;
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], "CFS_EVENT_", 10) != 0) {
			f->env[n++] = environ[i];
		}
	}
	return f->status;
}

/* ---- running ---- */

/* A program starts with nothing to read, and with the signals that this one was started with. */
static int
spawn(char *const *argv, char *const *env, pid_t *pid_out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int rc;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGTERM);
	sigaddset(&usual, SIGHUP);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0) {
		rc = posix_spawnp(pid_out, argv[0], &actions, &attr, argv, env);
	}
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return rc;
}

static void
reap(struct hooks *h, size_t i, void (*failed)(void *arg, const char *text), void *arg)
{
	struct job *job = &h->jobs[i];
	char text[80] = "";
	int status = 0;

	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (job->fd >= 0) {
		close(job->fd);
	}
	*job = h->jobs[--h->running];
	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof text, "ended by signal %d", WTERMSIG(status));
	} else if (WEXITSTATUS(status) != 0) {
		snprintf(text, sizeof text, "ended with %d", WEXITSTATUS(status));
	}
	if (text[0] != '\0') {
		failed(arg, text);
	}
}

/* Until no more than so many run. One without a descriptor is waited for by itself. */
static void
wait_until(struct hooks *h, unsigned running, void (*failed)(void *arg, const char *text),
	   void *arg)
{
	struct pollfd p[JOBS_MAX];

	while (h->running > running) {
		size_t done = 0;

		for (size_t i = 0; i < h->running; i++) {
			p[i] = (struct pollfd){.fd = h->jobs[i].fd, .events = POLLIN};
			done = h->jobs[i].fd < 0 ? i : done;
		}
		if (h->jobs[done].fd >= 0 && h->running > 1) {
			if (poll(p, h->running, -1) <= 0) {
				continue;
			}
			for (size_t i = 0; i < h->running; i++) {
				done = p[i].revents != 0 ? i : done;
			}
		}
		reap(h, done, failed, arg);
	}
}

int
hooks_run(struct hooks *h, const struct cfs_event *e, void (*failed)(void *arg, const char *text),
	  void *arg, struct cfs_err *err)
{
	struct facts facts;
	pid_t pid;
	int rc = facts_init(&facts, e);

	if (rc == 0) {
		rc = spawn(h->command.v, facts.env, &pid);
		if (rc != 0) {
			rc = err_set_errno(err, rc, "%s", h->command.v[0]);
		}
	}
	facts_fini(&facts);
	if (rc != 0) {
		return rc;
	}
	h->jobs[h->running++] = (struct job){.pid = pid, .fd = pidfd_open(pid, 0)};
	wait_until(h, h->max - 1, failed, arg);
	return 0;
}

void
hooks_wait(struct hooks *h, void (*failed)(void *arg, const char *text), void *arg)
{
	wait_until(h, 0, failed, arg);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cuts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a case's process says. */
struct news {
	enum stage stage;
	int error;
	long got;
	int64_t took_ms;
	char text[200];
};

static int to_parent = -1; /* in a case's process */

int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- in the case's process */

static void
tell(const struct news *n)
{
	if (send(to_parent, n, sizeof(*n), MSG_NOSIGNAL) != (ssize_t)sizeof(*n))
		_exit(1);
}

static void
await_word(void)
{
	char word;

	if (recv(to_parent, &word, 1, 0) != 1)
		_exit(0);
}

_Noreturn static void
fail(const char *file, int line, const char *text, const char *why)
{
	const char *slash = strrchr(file, '/');
	struct news n = {.stage = STAGE_FAILED};

	(void)snprintf(n.text, sizeof(n.text), "%s:%d: %s: %s", slash != NULL ? slash + 1 : file,
		       line, text, why);
	tell(&n);
	_exit(1);
}

void
check(bool good, const char *text, const char *file, int line)
{
	if (!good)
		fail(file, line, text, "not so");
}

long
check_ok(long value, const char *text, const char *file, int line)
{
	if (value == -1)
		fail(file, line, text, strerror(errno));
	return value;
}

_Noreturn static void
live(const struct kind *k, unsigned number)
{
	struct news n = {.stage = STAGE_BEGUN};
	char dir[40];
	int64_t began;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(dir, sizeof(dir), "case%u", number);
	OK(mkdir(dir, 0755));
	OK(chdir(dir));
	k->begin();
	tell(&n);
	await_word();
	n.stage = STAGE_ACTING;
	tell(&n);
	began = now_ms();
	errno = 0;
	n.got = k->act();
	n.error = n.got == -1 ? errno : 0;
	n.took_ms = now_ms() - began;
	n.stage = STAGE_DONE;
	tell(&n);
	await_word();
	k->right(n.got);
	n.stage = STAGE_RIGHT;
	tell(&n);
	await_word();
	_exit(0);
}

/* ---- in the program's */

/* The next news, if they come in time; the end of the process is a failure. */
static bool
take_news(struct cut_case *c, int wait_ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	struct news n;

	if (poll(&p, 1, wait_ms) <= 0)
		return false;
	if (recv(c->fd, &n, sizeof(n), 0) != (ssize_t)sizeof(n)) {
		n.stage = STAGE_FAILED;
		(void)snprintf(n.text, sizeof(n.text), "its process ended");
	}
	if (n.stage == STAGE_FAILED)
		printf("# %s: %s\n", c->kind->name, n.text);
	c->stage = n.stage;
	if (n.stage == STAGE_DONE) {
		c->got = n.got;
		c->error = n.error;
		c->took_ms = n.took_ms;
	}
	return true;
}

static void
say_go(struct cut_case *c)
{
	(void)send(c->fd, "g", 1, MSG_NOSIGNAL);
}

bool
case_begin(struct cut_case *c, const struct kind *k, unsigned number)
{
	int sv[2];

	*c = (struct cut_case){.kind = k, .fd = -1, .stage = STAGE_FAILED};
	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		return false;
	c->pid = fork();
	if (c->pid == 0) {
		(void)close(sv[0]);
		to_parent = sv[1];
		live(k, number);
	}
	(void)close(sv[1]);
	c->fd = sv[0];
	return take_news(c, -1) && c->stage == STAGE_BEGUN;
}

void
case_act(struct cut_case *c)
{
	say_go(c);
	(void)take_news(c, -1);
	c->began_ms = now_ms();
}

bool
case_done(struct cut_case *c, int wait_ms)
{
	return c->stage != STAGE_ACTING || (take_news(c, wait_ms) && c->stage != STAGE_ACTING);
}

bool
case_is_stuck(const struct cut_case *c)
{
	char path[40], text[600];
	const char *state;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	state = strrchr(text, ')');
	return state != NULL && (state[2] == 'S' || state[2] == 'D');
}

bool
case_right(struct cut_case *c)
{
	if (c->stage != STAGE_DONE)
		return false;
	say_go(c);
	return take_news(c, -1) && c->stage == STAGE_RIGHT;
}

void
case_end(struct cut_case *c)
{
	int status;

	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, &status, 0);
	}
	c->pid = 0;
}

/* ---- helpers of the kinds */

const unsigned char *
pattern(size_t n)
{
	unsigned char *p = malloc(n);

	T(p != NULL);
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)((i * 31 + i / 251) & 0xff);
	return p;
}

void
make(const char *path, const void *p, size_t n)
{
	int fd = FD(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	T(write(fd, p, n) == (ssize_t)n);
	OK(close(fd));
}

bool
holds(const char *path, const void *p, size_t n)
{
	unsigned char *got = malloc(n + 1);
	size_t have = 0;
	ssize_t more = 1;
	bool same;
	int fd = FD(open(path, O_RDONLY | O_CLOEXEC));

	T(got != NULL);
	while (more > 0 && have <= n) {
		more = OK(read(fd, got + have, n + 1 - have));
		have += (size_t)more;
	}
	OK(close(fd));
	same = have == n && memcmp(got, p, n) == 0;
	free(got);
	return same;
}

bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

unsigned
names_here(void)
{
	DIR *d = opendir(".");
	unsigned n = 0;

	T(d != NULL);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n - 2;
}

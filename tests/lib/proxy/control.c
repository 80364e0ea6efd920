/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
cut_after(struct proxy *p, enum dir d, uint64_t bytes)
{
	p->cut_at[d] = bytes;
	for (struct conn *c = p->conns; c != NULL; c = c->next)
		c->flow[d].cut_at = bytes == UINT64_MAX ? bytes : c->flow[d].passed + bytes;
}

static void
half_close(struct proxy *p, enum dir d)
{
	for (struct conn *c = p->conns; c != NULL; c = c->next) {
		c->flow[d].ended = true;
		c->flow[d].end_ns = now_ns();
	}
}

/* What is open and goes that way, from the client's turn TURN on (0: the next); the end of it still passes. */
static void
hold(struct proxy *p, enum dir d, unsigned turn)
{
	for (struct conn *c = p->conns; c != NULL; c = c->next) {
		c->flow[d].to_hold = true;
		c->turns_left = turn + 1;
		c->speaker = DOWN;
	}
}

static void
let_go(struct proxy *p)
{
	for (struct conn *c = p->conns; c != NULL; c = c->next) {
		for (enum dir d = UP; d <= DOWN; d++)
			c->flow[d].to_hold = c->flow[d].held = false;
	}
}

/* Bytes that are held back. */
static unsigned long long
held_bytes(const struct proxy *p)
{
	unsigned long long n = 0;
	for (const struct conn *c = p->conns; c != NULL; c = c->next) {
		for (enum dir d = UP; d <= DOWN; d++)
			n += c->flow[d].held ? c->flow[d].line.tail - c->flow[d].line.head : 0;
	}
	return n;
}

static void
heal(struct proxy *p)
{
	p->dropping = p->refusing = false;
	let_go(p);
	cut_after(p, UP, UINT64_MAX);
	cut_after(p, DOWN, UINT64_MAX);
}

const char control_help[] =
    "commands: drop (nothing passes, nothing ends), refuse (new connections are reset),\n"
    "  hold up|down N (nothing passes that way from the client's Nth turn on, 0 the next, where a\n"
    "  connection is open now), heal (undo these and cut-*), cut (reset every connection), close (end every one in order),\n"
    "  half up|down (end one direction), cut-up N, cut-down N (reset after N more bytes),\n"
    "  cuts N (so many connections, then none), delay MS, rate MBIT, stats, quit\n";

/* Does one command; the answer, one line, goes to ANSWER. */
static void
command_run(struct proxy *p, char *line, char *answer, size_t size)
{
	char *rest = line;
	const char *verb = strsep(&rest, " \n");
	const char *arg = rest != NULL ? strsep(&rest, " \n") : NULL;
	const char *more = rest != NULL ? strsep(&rest, " \n") : NULL;
	if (arg == NULL)
		arg = "";
	snprintf(answer, size, "ok\n");
	if (strcmp(verb, "drop") == 0)
		p->dropping = true;
	else if (strcmp(verb, "refuse") == 0)
		p->refusing = true;
	else if (strcmp(verb, "heal") == 0)
		heal(p);
	else if (strcmp(verb, "cut") == 0 || strcmp(verb, "close") == 0)
		for (struct conn *c = p->conns; c != NULL; c = c->next)
			conn_close(c, verb[1] == 'u');
	else if (strcmp(verb, "half") == 0)
		half_close(p, strcmp(arg, "down") == 0 ? DOWN : UP);
	else if (strcmp(verb, "hold") == 0)
		hold(p, strcmp(arg, "down") == 0 ? DOWN : UP,
		     more != NULL ? (unsigned)strtoul(more, NULL, 10) : 0);
	else if (strcmp(verb, "cut-up") == 0)
		cut_after(p, UP, strtoull(arg, NULL, 10));
	else if (strcmp(verb, "cut-down") == 0)
		cut_after(p, DOWN, strtoull(arg, NULL, 10));
	else if (strcmp(verb, "cuts") == 0)
		p->cuts_left = strtol(arg, NULL, 10);
	else if (strcmp(verb, "delay") == 0)
		p->delay_ns = (int64_t)(strtod(arg, NULL) * 1e6);
	else if (strcmp(verb, "rate") == 0)
		p->ns_per_byte = strtod(arg, NULL) > 0 ? 8000.0 / strtod(arg, NULL) : 0;
	else if (strcmp(verb, "stats") == 0)
		snprintf(answer, size, "accepted %llu open %u up %llu down %llu held %llu\n",
			 (unsigned long long)p->accepted, p->conn_count,
			 (unsigned long long)p->bytes[UP], (unsigned long long)p->bytes[DOWN],
			 held_bytes(p));
	else if (strcmp(verb, "quit") == 0)
		p->stop = true;
	else
		snprintf(answer, size, "error: no such command\n");
}

void
control_accept(struct proxy *p)
{
	int fd = accept4(p->control.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct watch *w = calloc(1, sizeof *w);
	if (fd < 0 || w == NULL) {
		free(w);
		return;
	}
	*w = (struct watch){.kind = WATCH_COMMAND, .fd = fd};
	arm(p, w, EPOLLIN);
}

void
control_command(struct proxy *p, struct watch *w)
{
	char line[256], answer[256];
	ssize_t n = recv(w->fd, line, sizeof line - 1, 0);
	if (n > 0) {
		line[n] = '\0';
		command_run(p, line, answer, sizeof answer);
		send(w->fd, answer, strlen(answer), MSG_NOSIGNAL);
	}
	close(w->fd);
	free(w);
}

static struct sockaddr_un
control_address(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof a.sun_path) {
		fprintf(stderr, "proxy: --control: path too long\n");
		exit(2);
	}
	memcpy(a.sun_path, path, strlen(path));
	return a;
}

void
control_start(struct proxy *p, const char *path)
{
	struct sockaddr_un u = control_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&u, sizeof u) < 0 || listen(fd, 8) < 0)
		die(path);
	p->control = (struct watch){.kind = WATCH_CONTROL, .fd = fd};
	arm(p, &p->control, EPOLLIN);
}

int
control_tell(const char *path, char **word)
{
	char line[256] = "";
	struct sockaddr_un a = control_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die(path);
	for (size_t n = 0; *word != NULL && n < sizeof line; word++)
		n += (size_t)snprintf(line + n, sizeof line - n, "%s ", *word);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		die("send");
	ssize_t n = recv(fd, line, sizeof line - 1, 0);
	close(fd);
	if (n <= 0)
		die("no answer");
	line[n] = '\0';
	fputs(line, stdout);
	return strncmp(line, "error", 5) == 0;
}

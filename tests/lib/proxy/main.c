/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * proxy - a TCP relay on the loopback interface that stands for a long, thin or broken line.
 *
 * It prints the port that it listens on, relays each connection to --to HOST:PORT, and delays every
 * byte by --delay ms one way (and a connection by the round trip of its handshake, which the
 * kernel's own would not show). --rate caps all connections of a direction together. Commands over
 * a Unix socket (--control) break and mend the line while a test runs; each is answered when it is
 * in force, so that nobody needs to sleep. One thread, epoll, and a fixed window for each direction
 * of a connection: a sender that is faster than the line is held back, as on a real one.
 *
 * "up" is from the client to the server, "down" the other way.
 */
#include "proxy.h"

#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_NEAR_KIB 1024  /* without delay */
#define WINDOW_FAR_KIB  65536 /* 10 ms one way at several GB/s */

int64_t
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

_Noreturn void
die(const char *what)
{
	perror(what);
	exit(1);
}

void
arm(struct proxy *p, struct watch *w, uint32_t events)
{
	if (w->fd < 0 || w->armed == events)
		return;
	int op = events == 0 ? EPOLL_CTL_DEL : w->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	struct epoll_event e = {.events = events, .data.ptr = w};
	if (epoll_ctl(p->epoll, op, w->fd, &e) < 0)
		die("epoll_ctl");
	w->armed = events;
}

static struct addrinfo *
resolve(const char *host_port)
{
	char host[256];
	const char *colon = strrchr(host_port, ':');
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	if (colon == NULL || (size_t)(colon - host_port) >= sizeof host) {
		fprintf(stderr, "proxy: --to wants HOST:PORT\n");
		exit(2);
	}
	memcpy(host, host_port, (size_t)(colon - host_port));
	host[colon - host_port] = '\0';
	int rc = getaddrinfo(host, colon + 1, &hints, &found);
	if (rc != 0) {
		fprintf(stderr, "proxy: %s: %s\n", host_port, gai_strerror(rc));
		exit(1);
	}
	return found;
}

static void
listen_start(struct proxy *p, uint16_t port, const char *control_path)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int reuse = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	p->listener = (struct watch){.kind = WATCH_LISTENER, .fd = fd};
	arm(p, &p->listener, EPOLLIN);
	p->control.fd = -1;
	if (control_path != NULL)
		control_start(p, control_path);
	printf("%u\n", ntohs(a.sin_port));
	fflush(stdout);
}

static void
timer_set(struct proxy *p)
{
	int64_t next = INT64_MAX;
	for (const struct conn *c = p->conns; c != NULL && !p->dropping; c = c->next) {
		int64_t t = conn_next_ns(c);
		next = t < next ? t : next;
	}
	struct itimerspec it = {0};
	if (next != INT64_MAX) {
		it.it_value.tv_sec = next / 1000000000;
		it.it_value.tv_nsec = next % 1000000000;
	}
	if (timerfd_settime(p->timer.fd, TFD_TIMER_ABSTIME, &it, NULL) < 0)
		die("timerfd_settime");
}

static void
event_handle(struct proxy *p, struct watch *w, bool *pump_all)
{
	uint64_t ticks;
	switch (w->kind) {
	case WATCH_LISTENER:
		conn_accept(p);
		*pump_all = true;
		break;
	case WATCH_TIMER:
		*pump_all = read(w->fd, &ticks, sizeof ticks) > 0 || *pump_all;
		break;
	case WATCH_CONTROL:
		control_accept(p);
		break;
	case WATCH_COMMAND:
		control_command(p, w);
		*pump_all = true;
		break;
	case WATCH_SIDE:
		if (w->conn->dialled && !w->conn->connected && w == &w->conn->side[DOWN])
			conn_connected(w->conn);
		if (!w->conn->dead)
			conn_pump(p, w->conn);
		break;
	}
}

static void
run(struct proxy *p)
{
	struct epoll_event ev[256];
	while (!p->stop) {
		timer_set(p);
		int n = epoll_wait(p->epoll, ev, 256, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		bool pump_all = false;
		for (int i = 0; i < n; i++) {
			struct watch *w = ev[i].data.ptr;
			if (w->kind != WATCH_SIDE || !w->conn->dead)
				event_handle(p, w, &pump_all);
		}
		for (struct conn *c = p->conns; pump_all && c != NULL; c = c->next)
			if (!c->dead)
				conn_pump(p, c);
		conns_sweep(p);
	}
}

static int
usage(void)
{
	fprintf(
	    stderr,
	    "usage: proxy --to HOST:PORT [--listen PORT] [--delay MS] [--rate MBIT] [--window KIB]\n"
	    "             [--cut-up BYTES] [--cut-down BYTES] [--cuts N] [--control SOCKET]\n"
	    "       proxy --tell SOCKET COMMAND\n%s",
	    control_help);
	return 2;
}

struct options {
	const char *to, *control, *tell;
	unsigned long port;
};

/* 0, or the exit code of a wrong command line. */
static int
options_read(struct proxy *p, struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"listen", 1, NULL, 'l'},   {"to", 1, NULL, 't'},     {"delay", 1, NULL, 'd'},
	    {"rate", 1, NULL, 'r'},     {"window", 1, NULL, 'w'}, {"cut-up", 1, NULL, 'u'},
	    {"cut-down", 1, NULL, 'n'}, {"cuts", 1, NULL, 'k'},   {"control", 1, NULL, 'c'},
	    {"tell", 1, NULL, 'T'},     {NULL, 0, NULL, 0}};
	for (int c; (c = getopt_long(argc, argv, "+", longs, NULL)) != -1;) {
		if (c == 'l')
			o->port = strtoul(optarg, NULL, 10);
		else if (c == 't')
			o->to = optarg;
		else if (c == 'd')
			p->delay_ns = (int64_t)(strtod(optarg, NULL) * 1e6);
		else if (c == 'r')
			p->ns_per_byte = 8000.0 / strtod(optarg, NULL);
		else if (c == 'w')
			p->window_bytes = strtoull(optarg, NULL, 10) << 10;
		else if (c == 'u')
			p->cut_at[UP] = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			p->cut_at[DOWN] = strtoull(optarg, NULL, 10);
		else if (c == 'k')
			p->cuts_left = strtol(optarg, NULL, 10);
		else if (c == 'c')
			o->control = optarg;
		else if (c == 'T')
			o->tell = optarg;
		else
			return usage();
	}
	if (p->window_bytes == 0)
		p->window_bytes = (size_t)(p->delay_ns > 0 ? WINDOW_FAR_KIB : WINDOW_NEAR_KIB)
				  << 10;
	if ((o->tell == NULL && (o->to == NULL || optind != argc)) || o->port > 65535)
		return usage();
	return 0;
}

int
main(int argc, char **argv)
{
	struct proxy p = {.cut_at = {UINT64_MAX, UINT64_MAX}, .cuts_left = -1};
	struct options o = {.port = 0};
	int rc = options_read(&p, &o, argc, argv);
	if (rc != 0)
		return rc;
	if (o.tell != NULL)
		return control_tell(o.tell, argv + optind);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	p.target = resolve(o.to);
	p.epoll = epoll_create1(EPOLL_CLOEXEC);
	p.timer = (struct watch){.kind = WATCH_TIMER,
				 .fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
	if (p.epoll < 0 || p.timer.fd < 0)
		die("epoll");
	arm(&p, &p.timer, EPOLLIN);
	listen_start(&p, (uint16_t)o.port, o.control);
	run(&p);
	freeaddrinfo(p.target);
	return 0;
}

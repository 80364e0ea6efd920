/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * crowd ADDRESS PORT KEYFILE HUB [COUNT]: how a server stands many clients. Signs COUNT connections in (10000) and holds them, looks and
 * puts beside them, and connects above the limits; the server's must allow so many connections, and few that are not signed in.
 * Prints "row<tab>unit<tab>value" lines. HUB is the server's process, whose sessions' memory and processor time are read. The
 * generator runs on the server's processors.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/goodclient.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"

#define COUNT        10000u
#define THREADS      16u
#define LOOKS        400u
#define PUTS         100u
#define PSS_SAMPLES  200u
#define OVER_THREADS 2u

struct crowd {
	struct target to;
	pid_t hub;
	unsigned count;
	struct caller **held;
	atomic_uint next, failed;
	atomic_bool stop;
	atomic_ulong closed;
};

/* Of a process that lives: in nanoseconds, which no tick rounds (proc(5), schedstat is the main thread's). */
static double
cpu_of(long pid)
{
	char path[64];
	double ns = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/schedstat", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%lf", &ns) != 1)
		ns = 0;
	if (f)
		(void)fclose(f);
	return ns / 1e9;
}

/* Of those that have ended: fields 16 and 17 of proc(5), the third stands behind the name. */
static double
cpu_of_ended(long parent)
{
	char path[64], line[1024], *at;
	double ticks = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", parent);
	f = fopen(path, "re");
	at = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	for (int field = 2; at && field < 17; field++) {
		at = strchr(at + 1, ' ');
		if (at && field >= 15)
			ticks += strtod(at, NULL);
	}
	if (f)
		(void)fclose(f);
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

/* ---- one client beside them ---- */

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median_us(uint64_t *ns, unsigned n)
{
	qsort(ns, n, sizeof(*ns), compare);
	return (double)ns[n / 2] / 1e3;
}

static void
latency(struct good *g, double *look_us, double *put_us)
{
	uint64_t ns[LOOKS];
	char name[32];

	for (unsigned i = 0; i < PUTS; i++) {
		uint64_t t = now_mono_ns();

		(void)snprintf(name, sizeof(name), "crowd-%u", i % 8);
		good_put(g, name);
		ns[i] = now_mono_ns() - t;
	}
	*put_us = median_us(ns, PUTS);
	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t t = now_mono_ns();

		good_look(g);
		ns[i] = now_mono_ns() - t;
	}
	*look_us = median_us(ns, LOOKS);
}

/* ---- those who are held ---- */

static void *
sign_in_many(void *arg)
{
	struct crowd *c = arg;
	struct cfs_err err = CFS_ERR_INIT;
	struct m_hello_rep rep;
	unsigned i;

	while ((i = atomic_fetch_add(&c->next, 1)) < c->count) {
		c->held[i] = target_sign_in(&c->to, &rep, &err);
		if (!c->held[i] && atomic_fetch_add(&c->failed, 1) == 0)
			(void)fprintf(stderr, "crowd: sign-in %u: %s\n", i, err.text);
	}
	return NULL;
}

static void
run_threads(void *(*f)(void *), struct crowd *c, unsigned n)
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < n; i++)
		(void)pthread_create(&threads[i], NULL, f, c);
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

static long
pss_kib(long pid)
{
	char path[64], line[128];
	long kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Pss:", 4) == 0)
			kib = strtol(line + 4, NULL, 10);
	}
	if (f)
		(void)fclose(f);
	return kib;
}

/* The mean of some of the hub's children. */
static double
memory_mib(const struct crowd *c)
{
	char path[64];
	long pid, sum = 0;
	unsigned n = 0, seen = 0, step = c->count / PSS_SAMPLES + 1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)c->hub, (int)c->hub);
	f = fopen(path, "re");
	while (f && fscanf(f, "%ld", &pid) == 1) {
		if (seen++ % step != step / 2)
			continue;
		sum += pss_kib(pid);
		n++;
	}
	if (f)
		(void)fclose(f);
	return n ? (double)sum / n / 1024 : 0;
}

/* Processor seconds of the server and of this program so far. */
struct cpu {
	double server, self;
};

static struct cpu
cpu_now(const struct crowd *c)
{
	struct cpu cpu = {.server = cpu_of(c->hub) + cpu_of_ended(c->hub)};
	struct rusage u;
	char path[64];
	long pid;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)c->hub, (int)c->hub);
	f = fopen(path, "re");
	while (f && fscanf(f, "%ld", &pid) == 1)
		cpu.server += cpu_of(pid);
	if (f)
		(void)fclose(f);
	(void)getrusage(RUSAGE_SELF, &u);
	cpu.self = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	return cpu;
}

static void
hold(struct crowd *c)
{
	struct cpu before = cpu_now(c), after;
	uint64_t start = now_mono_ns();
	double seconds;

	c->held = calloc(c->count, sizeof(struct caller *));
	if (!c->held)
		exit(1);
	run_threads(sign_in_many, c, THREADS);
	seconds = (double)(now_mono_ns() - start) / 1e9;
	after = cpu_now(c);
	print_row("sign-ins by key", "per s", c->count / seconds);
	print_row("processor time of one, server", "ms",
		  (after.server - before.server) * 1e3 / c->count);
	print_row("processor time of one, generator", "ms",
		  (after.self - before.self) * 1e3 / c->count);
	print_row("connections held", "of all", c->count - atomic_load(&c->failed));
	/* As long as a session takes to give memory back. */
	(void)sleep(7);
	print_row("server's memory for each", "MiB", memory_mib(c));
}

/* ---- over the limits ---- */

/* Connects again and again; the server closes each before a byte of TLS. */
static void *
knock(void *arg)
{
	struct crowd *c = arg;

	while (!atomic_load(&c->stop)) {
		struct pollfd p = {.fd = target_connect(&c->to), .events = POLLIN};

		/* A reset is a close too. */
		if (p.fd >= 0 && poll(&p, 1, 5000) == 1)
			(void)atomic_fetch_add(&c->closed, 1);
		fd_close(&p.fd);
	}
	return NULL;
}

static void
over_limits(struct crowd *c)
{
	pthread_t threads[OVER_THREADS];
	int silent[256];
	unsigned n = 0;
	uint64_t start;

	/* As many as one address may have are served; they say nothing. */
	for (; n < ARRAY_SIZE(silent); n++) {
		struct pollfd p = {.fd = silent[n] = target_connect(&c->to), .events = POLLIN};

		if (p.fd < 0 || poll(&p, 1, 20) == 1)
			break;
	}
	atomic_store(&c->stop, false);
	atomic_store(&c->closed, 0);
	start = now_mono_ns();
	for (unsigned i = 0; i < OVER_THREADS; i++)
		(void)pthread_create(&threads[i], NULL, knock, c);
	(void)sleep(2);
	atomic_store(&c->stop, true);
	for (unsigned i = 0; i < OVER_THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	print_row("over the limits, closed", "per s",
		  (double)atomic_load(&c->closed) / ((double)(now_mono_ns() - start) / 1e9));
	for (unsigned i = 0; i <= n && i < ARRAY_SIZE(silent); i++)
		fd_close(&silent[i]);
}

static void
hold_and_knock(struct crowd *c, struct good *g)
{
	double look_quiet, put_quiet, look_us, put_us;

	latency(g, &look_quiet, &put_quiet);
	hold(c);
	latency(g, &look_us, &put_us);
	print_row("look-up, quiet", "us", look_quiet);
	print_row("look-up, held", "us", look_us);
	print_row("look-up, held to quiet", "times", look_us / look_quiet);
	print_row("small put on disk, quiet", "us", put_quiet);
	print_row("small put on disk, held", "us", put_us);
	print_row("small put on disk, held to quiet", "times", put_us / put_quiet);
	for (unsigned i = 0; i < c->count; i++)
		caller_free(c->held[i]);
	free(c->held);
	over_limits(c);
}

int
main(int argc, char **argv)
{
	struct crowd c = {.count = COUNT};
	struct good g;

	if (argc < 5) {
		(void)fprintf(stderr, "usage: crowd ADDRESS PORT KEYFILE HUB [COUNT]\n");
		return 2;
	}
	target_init(&c.to, argv[1], argv[2], argv[3]);
	c.hub = (pid_t)strtol(argv[4], NULL, 10);
	if (argc > 5)
		c.count = (unsigned)strtoul(argv[5], NULL, 10);
	good_start(&g, &c.to);
	hold_and_knock(&c, &g);
	good_end(&g);
	target_fini(&c.to);
	return 0;
}

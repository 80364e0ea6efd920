/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * strangers ADDRESS PORT KEYFILE [COUNT]: small reads of a good client, quiet and while COUNT strangers (5000) are at the door, a fifth
 * of them new each second: a third say nothing, a third garbage when they go, a third a byte a second. The server's limits must let
 * so many in. Prints "row<tab>unit<tab>value" lines. The generator runs on the server's processors; the last row takes its share out.
 */

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/goodclient.h"
#include "base/io.h"
#include "base/time.h"

#define STRANGERS   5000u
#define LIFE_S      5u /* of a stranger */
#define TICKS_PER_S 100u
#define MEASURE_NS  (4 * (uint64_t)NS_PER_S)

static double
reads_per_s(struct good *g)
{
	uint64_t start = now_mono_ns(), now = start;
	unsigned long done = 0;

	for (; now - start < MEASURE_NS; now = now_mono_ns()) {
		for (unsigned i = 0; i < 16; i++, done++)
			good_read(g);
	}
	return (double)done / ((double)(now - start) / 1e9);
}

/* What a stranger does: a third each. */
enum stranger_kind { SILENT, GARBAGE, SLOW, STRANGER_KINDS };

struct strangers {
	struct target to;
	unsigned count;
	int *fds;
	double cpu_s;
	unsigned long renewed;
	unsigned open; /* at the end, of those that had not sent garbage */
	atomic_bool ready, stop;
};

static void
send_some(int fd, const void *data, size_t n)
{
	if (fd >= 0)
		(void)!send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Garbage ends it on the server's side, so it comes last; the slow one's bytes are those that a client's first ones are. */
static void
renew(struct strangers *s, unsigned i)
{
	static const char garbage[512] = {'G', 'E', 'T', ' ', '/'};
	int *fd = &s->fds[i];

	if (*fd >= 0 && i % STRANGER_KINDS == GARBAGE)
		send_some(*fd, garbage, sizeof(garbage));
	fd_close(fd);
	*fd = target_connect(&s->to);
	s->renewed++;
}

static void
one_byte_more(const struct strangers *s, unsigned i, unsigned age_s)
{
	static const unsigned char first[LIFE_S] = {22, 3, 1, 2, 0};

	if (i % STRANGER_KINDS == SLOW && age_s < LIFE_S)
		send_some(s->fds[i], &first[age_s], 1);
}

static unsigned
count_open(const struct strangers *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->count; i++) {
		struct pollfd p = {.fd = s->fds[i], .events = POLLIN | POLLRDHUP};

		n += p.fd >= 0 && poll(&p, 1, 0) == 0;
	}
	return n;
}

/* Keeps so many connections open, each for five seconds: in each tick a five-hundredth is new, and a hundredth of the slow ones go on. */
static void *
press(void *arg)
{
	struct strangers *s = arg;
	const struct timespec tick = {.tv_nsec = NS_PER_S / TICKS_PER_S};
	const unsigned each = s->count / (LIFE_S * TICKS_PER_S); /* at least one */
	struct rusage u;
	unsigned at = 0;

	/* As they would be after five seconds. */
	for (unsigned i = 0; i < s->count; i++) {
		renew(s, i);
		for (unsigned age = 0; age <= (s->count - 1 - i) / (TICKS_PER_S * each); age++)
			one_byte_more(s, i, age);
	}
	s->renewed = 0;
	atomic_store(&s->ready, true);
	while (!atomic_load(&s->stop)) {
		for (unsigned i = 0; i < each; i++) {
			renew(s, (at + i) % s->count);
			for (unsigned age = 0; age < LIFE_S; age++)
				one_byte_more(
				    s, (at + i + (LIFE_S - age) * TICKS_PER_S * each) % s->count,
				    age);
		}
		at = (at + each) % s->count;
		(void)nanosleep(&tick, NULL);
	}
	s->open = count_open(s);
	for (unsigned i = 0; i < s->count; i++)
		fd_close(&s->fds[i]);
	(void)getrusage(RUSAGE_THREAD, &u);
	s->cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	return NULL;
}

static void
under_pressure(struct strangers *s, struct good *g)
{
	double quiet = reads_per_s(g), pressed, share, seconds;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t start = now_mono_ns(), measured;
	pthread_t thread;

	(void)pthread_create(&thread, NULL, press, s);
	while (!atomic_load(&s->ready))
		(void)sched_yield();
	measured = now_mono_ns();
	pressed = reads_per_s(g);
	seconds = (double)(now_mono_ns() - measured) / 1e9;
	atomic_store(&s->stop, true);
	(void)pthread_join(thread, NULL);
	/* Of the whole time, the first connecting included. */
	share = s->cpu_s / ((double)(now_mono_ns() - start) / 1e9) / (double)processors;
	print_row("reads of one client, quiet", "per s", quiet);
	print_row("reads of one client, pressed", "per s", pressed);
	print_row("strangers, open at the end", "of all", s->open);
	print_row("strangers, renewed", "per s", (double)s->renewed / seconds);
	print_row("pressed to quiet, without the generator", "%",
		  100 * pressed / quiet / (1 - share));
}

int
main(int argc, char **argv)
{
	struct strangers s = {.count = STRANGERS};
	struct good g;

	if (argc < 4) {
		(void)fprintf(stderr, "usage: strangers ADDRESS PORT KEYFILE [COUNT]\n");
		return 2;
	}
	target_init(&s.to, argv[1], argv[2], argv[3]);
	if (argc > 4)
		s.count = (unsigned)strtoul(argv[4], NULL, 10);
	s.fds = malloc((s.count + 1) * sizeof(int));
	if (!s.fds)
		return 1;
	for (unsigned i = 0; i < s.count; i++)
		s.fds[i] = -1;
	good_start(&g, &s.to);
	good_put(&g, "crowd-0");
	under_pressure(&s, &g);
	good_end(&g);
	target_fini(&s.to);
	free(s.fds);
	return 0;
}

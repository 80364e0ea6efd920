/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * crowd ADDRESS PORT KEYFILE HUB [COUNT]: how a server stands many clients, and many who are none. Signs COUNT connections
 * in (10000) and holds them, looks and puts beside them, connects above the limits, and moves data while strangers press
 * at the door. Prints "row<tab>unit<tab>value" lines. HUB is the server's process, whose sessions' memory is read; its
 * limits must allow COUNT connections and few that are not signed in. The generator runs on the server's processors.
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

#include "base/bytes.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"
#include "net/dial.h"
#include "net/tls.h"
#include "proto/caller.h"
#include "proto/codec.h"
#include "proto/ops.h"

#define COUNT        10000u
#define THREADS      8u
#define LOOKS        400u
#define PUTS         100u
#define WAIT_MS      60000
#define STRANGERS    5000u
#define RENEWED      1000u /* of those, in a second */
#define MEASURE_NS   (4 * (uint64_t)NS_PER_S)
#define PSS_SAMPLES  200u
#define OVER_THREADS 2u

struct crowd {
	const char *host;
	uint16_t port;
	struct tls_key *key;
	struct tls_ctx *tls;
	pid_t hub;
	unsigned count;
	struct caller **held;
	atomic_uint next, failed;
	atomic_bool stop;
	atomic_ulong closed;
};

static _Noreturn void
die(const char *what, const struct cfs_err *err)
{
	(void)fprintf(stderr, "crowd: %s: %s\n", what, err->text);
	exit(1);
}

static void
row(const char *name, const char *unit, double value)
{
	(void)printf("%s\t%s\t%.4g\n", name, unit, value);
	(void)fflush(stdout);
}

/* ---- one client ---- */

static struct caller *
sign_in(struct crowd *c, struct m_hello_rep *rep, struct cfs_err *err)
{
	struct m_hello_req req = {.version_min = 1, .version_max = 1, .client = STR_LIT("crowd")};
	uint64_t deadline = deadline_from_ms(WAIT_MS);
	struct stream *s = NULL;
	struct caller *caller;
	int fd;

	if (dial_tcp(c->host, c->port, deadline, &fd, err))
		return NULL;
	if (tls_stream_new(c->tls, fd, &s, err)) {
		fd_close(&fd);
		return NULL;
	}
	if (tls_client_handshake(s, NULL, deadline, NULL, err)) {
		stream_close(s);
		return NULL;
	}
	caller = caller_new(s, WAIT_MS);
	if (caller && caller_call(caller, OP_HELLO, 0, &req, NULL, 0, rep, NULL, err)) {
		caller_free(caller);
		return NULL;
	}
	return caller;
}

struct good {
	struct crowd *crowd;
	struct caller *caller;
	struct m_hello_rep hello;
	uint64_t seq, ino;
	struct m_attr file;
};

static void
good_start(struct good *g, struct crowd *c)
{
	struct m_stream_attach_req attach = {.stream = id128_random(), .create = 1, .inodes = 1024};
	struct m_stream_attach_rep rep;
	struct cfs_err err = CFS_ERR_INIT;

	*g = (struct good){.crowd = c};
	g->caller = sign_in(c, &g->hello, &err);
	if (!g->caller ||
	    caller_call(g->caller, OP_STREAM_ATTACH, 0, &attach, NULL, 0, &rep, NULL, &err))
		die("a good client", &err);
	g->ino = rep.first;
}

/* A small file, on stable storage when it is answered. */
static void
put(struct good *g, const char *name)
{
	struct m_write_piece piece = {.length = 2048, .kind = 1};
	struct m_put_req req = {.ack = g->seq, .dir = g->hello.home, .dir_gen = g->hello.gen};
	unsigned char data[2048] = {1};
	struct buf pieces = BUF_INIT;
	struct m_put_rep rep;
	struct cfs_err err = CFS_ERR_INIT;

	req.flags = 1;
	req.seq = ++g->seq;
	req.name = str_from(name);
	req.ino = g->ino++;
	req.mode = 0644;
	req.size = sizeof(data);
	if (codec_list_append(&req.pieces, &msg_write_piece, &piece, &pieces, 0) ||
	    caller_call(g->caller, OP_PUT, FRAME_DURABLE, &req, data, sizeof(data), &rep, NULL,
			&err))
		die("put", &err);
	g->file = rep.attr;
	buf_fini(&pieces);
}

static void
look(struct good *g)
{
	struct m_lookup_req req = {
	    .dir = g->hello.home, .gen = g->hello.gen, .name = STR_LIT("crowd-0")};
	struct m_lookup_rep rep;
	struct str bulk;
	struct cfs_err err = CFS_ERR_INIT;

	if (caller_call(g->caller, OP_LOOKUP, 0, &req, NULL, 0, &rep, &bulk, &err))
		die("look-up", &err);
}

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
		put(g, name);
		ns[i] = now_mono_ns() - t;
	}
	*put_us = median_us(ns, PUTS);
	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t t = now_mono_ns();

		look(g);
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
		c->held[i] = sign_in(c, &rep, &err);
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

static void
hold(struct crowd *c)
{
	uint64_t start = now_mono_ns();
	double seconds;

	c->held = calloc(c->count, sizeof(struct caller *));
	if (!c->held)
		exit(1);
	run_threads(sign_in_many, c, THREADS);
	seconds = (double)(now_mono_ns() - start) / 1e9;
	row("sign-ins by key", "per s", c->count / seconds);
	row("connections held", "of all", c->count - atomic_load(&c->failed));
	/* As long as a session takes to give memory back. */
	(void)sleep(7);
	row("server's memory for each", "MiB", memory_mib(c));
}

/* ---- over the limits ---- */

static int
connect_fast(const struct crowd *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	int fd;

	return dial_tcp(c->host, c->port, deadline_from_ms(5000), &fd, &err) ? -1 : fd;
}

/* Connects again and again; the server closes each before a byte of TLS. */
static void *
knock(void *arg)
{
	struct crowd *c = arg;

	while (!atomic_load(&c->stop)) {
		struct pollfd p = {.fd = connect_fast(c), .events = POLLIN};

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
		struct pollfd p = {.fd = silent[n] = connect_fast(c), .events = POLLIN};

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
	row("over the limits, closed", "per s",
	    (double)atomic_load(&c->closed) / ((double)(now_mono_ns() - start) / 1e9));
	for (unsigned i = 0; i <= n && i < ARRAY_SIZE(silent); i++)
		fd_close(&silent[i]);
}

/* ---- a good client among strangers ---- */

static double
reads_per_s(struct good *g)
{
	struct m_read_req req = {.ino = g->file.ino, .gen = g->file.gen, .length = 2048};
	struct m_read_rep rep;
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t start = now_mono_ns(), now = start;
	unsigned long done = 0;
	struct str bulk;

	for (; now - start < MEASURE_NS; now = now_mono_ns()) {
		for (unsigned i = 0; i < 16; i++, done++) {
			if (caller_call(g->caller, OP_READ, 0, &req, NULL, 0, &rep, &bulk, &err))
				die("read", &err);
		}
	}
	return (double)done / ((double)(now - start) / 1e9);
}

struct strangers {
	struct crowd *crowd;
	double cpu_s;
	unsigned long renewed;
};

static void
pester(int fd, unsigned kind)
{
	static const char garbage[512] = {'G', 'E', 'T', ' ', '/'};

	if (kind == 1)
		(void)!send(fd, garbage, sizeof(garbage), MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (kind == 2)
		(void)!send(fd, "\x16", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Keeps connections, a fifth of them new each second: a third says nothing, a third garbage, a third a byte at a time. */
static void *
press(void *arg)
{
	struct strangers *s = arg;
	struct crowd *c = s->crowd;
	const struct timespec tick = {.tv_nsec = 10 * NS_PER_MS};
	int *fds = malloc(STRANGERS * sizeof(int));
	struct rusage u;
	unsigned at = 0;

	for (unsigned i = 0; fds && i < STRANGERS; i++)
		fds[i] = -1;
	while (fds && !atomic_load(&c->stop)) {
		for (unsigned i = 0; i < RENEWED / 100; i++, at++) {
			int *fd = &fds[at % STRANGERS];

			fd_close(fd);
			*fd = connect_fast(c);
			pester(*fd, at % 3);
			s->renewed++;
		}
		(void)nanosleep(&tick, NULL);
	}
	for (unsigned i = 0; fds && i < STRANGERS; i++)
		fd_close(&fds[i]);
	free(fds);
	(void)getrusage(RUSAGE_THREAD, &u);
	s->cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	return NULL;
}

static void
under_pressure(struct crowd *c, struct good *g)
{
	struct strangers s = {.crowd = c};
	double quiet = reads_per_s(g), pressed, share;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t start = now_mono_ns();
	pthread_t thread;

	atomic_store(&c->stop, false);
	(void)pthread_create(&thread, NULL, press, &s);
	pressed = reads_per_s(g);
	atomic_store(&c->stop, true);
	(void)pthread_join(thread, NULL);
	share = s.cpu_s / ((double)(now_mono_ns() - start) / 1e9) / (double)processors;
	row("reads of one client, quiet", "per s", quiet);
	row("reads of one client, pressed", "per s", pressed);
	row("strangers' connections", "per s",
	    (double)s.renewed / ((double)(now_mono_ns() - start) / 1e9));
	row("pressed to quiet, without the generator", "%", 100 * pressed / quiet / (1 - share));
}

int
main(int argc, char **argv)
{
	struct crowd c = {.count = COUNT};
	struct cfs_err err = CFS_ERR_INIT;
	double look_quiet, put_quiet, look_us, put_us;
	struct good g;

	if (argc < 5) {
		(void)fprintf(stderr, "usage: crowd ADDRESS PORT KEYFILE HUB [COUNT]\n");
		return 2;
	}
	c.host = argv[1];
	c.port = (uint16_t)strtoul(argv[2], NULL, 10);
	c.hub = (pid_t)strtol(argv[4], NULL, 10);
	if (argc > 5)
		c.count = (unsigned)strtoul(argv[5], NULL, 10);
	if (key_load(AT_FDCWD, argv[3], &c.key, &err) || tls_client_ctx_new(c.key, &c.tls, &err))
		die(argv[3], &err);
	good_start(&g, &c);
	latency(&g, &look_quiet, &put_quiet);
	hold(&c);
	latency(&g, &look_us, &put_us);
	row("look-up, quiet", "us", look_quiet);
	row("look-up, held", "us", look_us);
	row("small put on disk, quiet", "us", put_quiet);
	row("small put on disk, held", "us", put_us);
	for (unsigned i = 0; i < c.count; i++)
		caller_free(c.held[i]);
	free(c.held);
	over_limits(&c);
	/* Those that were let in have no time to sign in any more. */
	(void)sleep(1);
	under_pressure(&c, &g);
	caller_free(g.caller);
	tls_ctx_free(c.tls);
	key_free(c.key);
	return 0;
}

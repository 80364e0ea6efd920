/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "states.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "scratch.h"

#define JOBS_MAX       32u
#define THOROUGH_EVERY 4u /* every so many states are also worked with */
#define EXIT_TROUBLE   255

/* One state: where the log is cut, and the numbers that decide the rest. */
struct cut {
	size_t point; /* records before it have happened */
	unsigned number;
	struct rng rng;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
by_point(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	return x->point < y->point ? -1 : x->point > y->point;
}

/* The first place from at on where a transaction is under way: between its mark and the next one. */
static size_t
in_transaction(const struct reel *reel, size_t at, struct rng *rng)
{
	const struct moment *m = reel->moments;
	size_t end;

	while (at < reel->count && m[at].begun == m[at - 1].begun)
		at++;
	for (end = at + 1; end < reel->count; end++)
		if (m[end].begun != m[end - 1].begun || m[end].promised != m[end - 1].promised)
			break;
	return at < reel->count ? at + 1 + rng_below(rng, end - at) : at;
}

/* The first place from at on where a flush is under way. */
static size_t
in_flush(const struct reel *reel, size_t at)
{
	while (at < reel->count && reel_type(reel, at) != RECORD_FLUSH)
		at++;
	return at < reel->count ? at + 1 : at;
}

/* Where to cut: anywhere, or where few records are and most can go wrong. */
static size_t
draw_point(const struct reel *reel, struct rng *rng)
{
	size_t at = reel->start + rng_below(rng, reel->count - reel->start + 1);

	switch (rng_below(rng, 3)) {
	case 0:
		return in_transaction(reel, at, rng);
	case 1:
		return in_flush(reel, at);
	default:
		return at;
	}
}

/* The states of one job, in the order of the log. */
static struct cut *
draw_cuts(const struct states *s, unsigned job, unsigned *count_out)
{
	struct cut *cuts = calloc(s->count / s->jobs + 1, sizeof(*cuts));
	unsigned n = 0;

	for (unsigned i = s->first + job; cuts != NULL && i < s->first + s->count; i += s->jobs) {
		struct cut *c = &cuts[n++];

		c->number = i;
		c->rng.state = s->seed * 0x9e3779b97f4a7c15u + i;
		c->point = draw_point(s->reel, &c->rng);
	}
	*count_out = n;
	if (cuts != NULL)
		qsort(cuts, n, sizeof(*cuts), by_point);
	return cuts;
}

/* One state. 0 good, 1 bad, -1 trouble. */
static int
try_state(const struct states *s, struct disk *d, struct cut *c, const char *folder)
{
	struct moment m = s->reel->moments[c->point - 1];
	char text[CHECK_TEXT_MAX] = "";
	const char *wrong;
	int dir, rc;

	if (mkdir(folder, 0700) != 0)
		return -1;
	dir = io_open(folder, O_RDONLY | O_DIRECTORY, 0);
	wrong = dir < 0 ? strerror(errno) : disk_crash(d, &c->rng, dir);
	fd_close(&dir);
	if (wrong != NULL) {
		fprintf(stderr, "crash: %s: %s\n", folder, wrong);
		return -1;
	}
	rc = check_store(folder, &s->reel->history, m.promised, m.begun,
			 c->number % THOROUGH_EVERY == 0, text);
	if (rc != 0) {
		/* One write, so that the lines of several jobs stay whole. */
		dprintf(STDOUT_FILENO,
			"state %u: cut at record %zu, steps %u promised, %u begun: %s\n", c->number,
			c->point, m.promised, m.begun, text);
	}
	if (rc == 0 || !s->keep)
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return rc == 0 ? 0 : 1;
}

/* Plays the log and stops at each state of this job. The number of bad ones is written to the pipe. */
static int
job_run(const struct states *s, unsigned job, int out)
{
	struct disk *d = disk_new(s->lie);
	unsigned count = 0, bad = 0;
	struct cut *cuts = draw_cuts(s, job, &count);
	size_t played = 0;
	int rc = cuts == NULL ? -1 : 0;

	for (unsigned i = 0; i < count && rc >= 0; i++) {
		char folder[4096];
		const char *wrong = NULL;

		while (played < cuts[i].point && wrong == NULL)
			wrong = reel_play(s->reel, played++, d);
		if (wrong != NULL) {
			fprintf(stderr, "crash: record %zu: %s\n", played - 1, wrong);
			rc = -1;
			break;
		}
		snprintf(folder, sizeof(folder), "%s/state-%u", s->folder, cuts[i].number);
		rc = try_state(s, d, &cuts[i], folder);
		bad += rc == 1;
	}
	free(cuts);
	disk_free(d);
	if (rc >= 0 && io_write_full(out, &bad, sizeof(bad)) != 0)
		rc = -1;
	return rc;
}

/* A job is a process: it shares nothing but the log, which nobody changes. */
static int
job_main(const struct states *s, unsigned job, int out)
{
	/* Where memory is not to be had it is only slower. What is to be kept must outlive the job. */
	if (!s->keep)
		(void)scratch_in_memory(s->folder);
	if (scratch_stop_flushing() != 0)
		return -1;
	return job_run(s, job, out);
}

int
states_run(const struct states *s)
{
	pid_t pids[JOBS_MAX];
	unsigned bad = 0, total = 0, jobs = s->jobs < JOBS_MAX ? s->jobs : JOBS_MAX;
	int ends[2], status, rc = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	for (unsigned j = 0; j < jobs; j++) {
		pids[j] = fork();
		if (pids[j] == 0)
			_exit(job_main(s, j, ends[1]) >= 0 ? 0 : EXIT_TROUBLE);
	}
	fd_close(&ends[1]);
	while (io_read_full(ends[0], &bad, sizeof(bad)) == sizeof(bad))
		total += bad;
	fd_close(&ends[0]);
	for (unsigned j = 0; j < jobs; j++)
		if (pids[j] < 0 || waitpid(pids[j], &status, 0) < 0 || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 0)
			rc = -1;
	if (rc != 0)
		fprintf(stderr, "crash: a job ended before its time\n");
	return rc == 0 ? (int)total : -1;
}

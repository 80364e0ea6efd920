/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK_EVERY    250u /* operations */
#define SHRINK_SECONDS 150

struct run {
	const char *model, *tried; /* directories */
	unsigned long seed;
	unsigned count, seconds;
	const char *log, *commit, *note;
	bool zero_range;
	unsigned tries; /* folders made so far */
};

static void
remove_tree(const char *dir)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
}

static int
enter(const char *top, unsigned number, char path[4096])
{
	int fd = -1;

	(void)snprintf(path, 4096, "%s/r%u", top, number);
	if (mkdir(path, 0755) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "random: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	return fd;
}

/* Whether the handles that it needs are open (on both sides they are, or on none). */
static bool
is_possible(const struct side *s, const struct op *op)
{
	switch (op->kind) {
	case OP_COPY:
		return s->fds[op->slot] >= 0 && s->fds[op->source] >= 0;
	case OP_CLOSE:
	case OP_PWRITE:
	case OP_WRITE:
	case OP_PREAD:
	case OP_FTRUNCATE:
	case OP_FALLOCATE:
	case OP_MAP_WRITE:
	case OP_MAP_READ:
	case OP_FSYNC:
	case OP_FSTAT:
		return s->fds[op->slot] >= 0;
	default:
		return true;
	}
}

static bool
results_agree(const struct op *op, const struct result *a, const struct result *b, bool quiet)
{
	if (a->value == b->value && a->error == b->error && a->digest == b->digest &&
	    a->length == b->length)
		return true;
	/* For a full directory both are allowed (rename(2), rmdir(2)). */
	if (a->value == -1 && b->value == -1 && (a->error == ENOTEMPTY || a->error == EEXIST) &&
	    (b->error == ENOTEMPTY || b->error == EEXIST))
		return true;
	if (!quiet) {
		printf("%ld (%s), length %zu; should be %ld (%s), length %zu%s\n", b->value,
		       b->error != 0 ? strerror(b->error) : "done", b->length, a->value,
		       a->error != 0 ? strerror(a->error) : "done", a->length,
		       a->digest != b->digest ? "; what came differs" : "");
		op_print(0, op);
	}
	return false;
}

/* Runs a sequence on fresh folders: the number of the operation that went wrong, count for the end, or -1. */
static long
try_ops(struct run *r, const struct op *ops, unsigned count, unsigned check_every, bool quiet)
{
	struct side model = {0}, tried = {0};
	char a[4096], b[4096];
	long bad = -1;

	model.dir = enter(r->model, r->tries, a);
	tried.dir = enter(r->tried, r->tries++, b);
	memset(model.fds, -1, sizeof(model.fds));
	memset(tried.fds, -1, sizeof(tried.fds));
	for (unsigned i = 0; i < count && bad < 0; i++) {
		struct result x, y;

		if (!is_possible(&model, &ops[i]))
			continue;
		op_act(&model, &ops[i], &x);
		op_act(&tried, &ops[i], &y);
		if (!results_agree(&ops[i], &x, &y, quiet) ||
		    (i % check_every == check_every - 1 && !sides_agree(&model, &tried, quiet)))
			bad = (long)i;
	}
	side_close(&model);
	side_close(&tried);
	if (bad < 0 && !sides_agree(&model, &tried, quiet))
		bad = (long)count;
	close(model.dir);
	close(tried.dir);
	remove_tree(a);
	remove_tree(b);
	return bad;
}

/* Leaves out what can be left out, in ever smaller pieces, as long as it still fails. Returns how many are left. */
static unsigned
shrink(struct run *r, struct op *ops, unsigned count)
{
	struct op *less = calloc(count, sizeof(*less));
	time_t until = time(NULL) + SHRINK_SECONDS;

	for (unsigned piece = count / 2; less != NULL && piece > 0; piece /= 2) {
		for (unsigned at = 0; at + piece <= count && time(NULL) < until;) {
			unsigned n = count - piece;

			memcpy(less, ops, at * sizeof(*ops));
			memcpy(less + at, ops + at + piece, (n - at) * sizeof(*ops));
			if (try_ops(r, less, n, CHECK_EVERY, true) >= 0) {
				memcpy(ops, less, n * sizeof(*ops));
				count = n;
			} else {
				at += piece;
			}
		}
	}
	free(less);
	return count;
}

static void
explain(struct run *r, struct op *ops, unsigned count)
{
	printf("seed %lu goes wrong; the shortest sequence found that does:\n", r->seed);
	count = shrink(r, ops, count);
	for (unsigned i = 0; i < count; i++)
		op_print(i + 1, &ops[i]);
	if (try_ops(r, ops, count, 1, false) < 0)
		printf("it does not go wrong each time\n");
	fflush(stdout);
}

/* One seed: 0, or 1 when it went wrong. */
static int
run_seed(struct run *r)
{
	struct op *ops = calloc(r->count, sizeof(*ops));
	uint64_t state = r->seed;
	long bad;

	if (ops == NULL)
		exit(2);
	for (unsigned i = 0; i < r->count; i++)
		op_draw(&state, r->zero_range, &ops[i]);
	bad = try_ops(r, ops, r->count, CHECK_EVERY, false);
	if (bad >= 0)
		explain(r, ops, (unsigned)bad < r->count ? (unsigned)bad + 1 : r->count);
	free(ops);
	return bad >= 0;
}

/* ZERO_RANGE is not known to tmpfs. */
static bool
knows_zero_range(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
	bool knows = fd >= 0 && fallocate(fd, 0x10, 0, 4096) == 0;

	if (fd >= 0)
		close(fd);
	return knows;
}

static void
write_log(const struct run *r, unsigned long first, unsigned seeds, unsigned bad, long seconds)
{
	FILE *f = fopen(r->log, "a");
	char day[32];
	time_t now = time(NULL);
	struct tm tm;

	if (f == NULL) {
		fprintf(stderr, "random: %s: %s\n", r->log, strerror(errno));
		exit(2);
	}
	gmtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	fprintf(f, "| %s | %s | random, mount %s | %lu-%lu | %u | %ld | %u |\n", day, r->commit,
		r->note, first, first + seeds - 1, seeds * r->count, seconds, bad);
	fclose(f);
}

static int
usage(void)
{
	fprintf(
	    stderr,
	    "usage: random [-s SEED] [-n OPERATIONS] [-t SECONDS] [-l LOG -c COMMIT -o OPTIONS]"
	    " MODEL MOUNT\n"
	    "One seed, or with -t one after the other for that long. The log gets a row a run.\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct run r = {.seed = 1, .count = 2000, .commit = "?", .note = "default"};
	unsigned long first;
	unsigned seeds = 0, bad = 0;
	time_t began = time(NULL);
	int c;

	while ((c = getopt(argc, argv, "s:n:t:l:c:o:")) != -1) {
		if (c == 's')
			r.seed = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			r.count = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 't')
			r.seconds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'l')
			r.log = optarg;
		else if (c == 'c')
			r.commit = optarg;
		else if (c == 'o')
			r.note = optarg;
		else
			return usage();
	}
	if (argc - optind != 2 || r.count == 0)
		return usage();
	umask(0);
	r.model = argv[optind];
	r.tried = argv[optind + 1];
	r.zero_range = knows_zero_range(r.model);
	first = r.seed;
	do {
		bad += (unsigned)run_seed(&r);
		seeds++;
		r.seed++;
	} while (time(NULL) - began < (time_t)r.seconds);
	printf("seeds %lu to %lu, %u operations: %u went wrong\n", first, r.seed - 1,
	       seeds * r.count, bad);
	if (r.log != NULL)
		write_log(&r, first, seeds, bad, (long)(time(NULL) - began));
	return bad > 0;
}

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
	const char *second;        /* the same as tried, through another mount; or NULL */
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
open_dir(const char *top, unsigned number, char path[4096])
{
	int fd;

	(void)snprintf(path, 4096, "%s/r%u", top, number);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "random: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	return fd;
}

static int
enter(const char *top, unsigned number, char path[4096])
{
	(void)snprintf(path, 4096, "%s/r%u", top, number);
	(void)mkdir(path, 0755);
	return open_dir(top, number, path);
}

/* Whether the handles that it needs are open (on both sides they are, or on none). */
static bool
is_possible(const struct side *s, const struct op *op)
{
	return !is_on_handle(op->kind) ||
	       (s->fds[op->slot] >= 0 && (op->kind != OP_COPY || s->fds[op->source] >= 0));
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

/* One operation on both sides; false: it went wrong. */
static bool
step(const struct run *r, struct side *model, struct side tried[2], const struct op *op, bool quiet)
{
	struct result x, y;
	int k = 0;

	if (!is_possible(model, op))
		return true;
	/* The mount first: what it cannot do (a copy between mounts) is not done to the model. */
	if (r->second != NULL)
		k = turn_act(tried, op, &y);
	else
		op_act(&tried[0], op, &y);
	if (k < 0)
		return true;
	op_act(model, op, &x);
	return results_agree(op, &x, &y, quiet) &&
	       (r->second == NULL || turn_agrees(model, &tried[!k], op, quiet));
}

static bool
all_agree(const struct run *r, const struct side *model, const struct side tried[2], bool quiet)
{
	return sides_agree(model, &tried[0], quiet) &&
	       (r->second == NULL || sides_agree(model, &tried[1], quiet));
}

/* Runs a sequence on fresh folders: the number of the operation that went wrong, count for the end, or -1. */
static long
try_ops(struct run *r, const struct op *ops, unsigned count, unsigned check_every, bool quiet)
{
	struct side model = {0}, tried[2] = {0};
	char a[4096], b[4096], c[4096];
	long bad = -1;

	model.dir = enter(r->model, r->tries, a);
	tried[0].dir = enter(r->tried, r->tries, b);
	if (r->second != NULL)
		tried[1].dir = open_dir(r->second, r->tries, c);
	r->tries++;
	memset(model.fds, -1, sizeof(model.fds));
	memset(tried[0].fds, -1, sizeof(tried[0].fds));
	memset(tried[1].fds, -1, sizeof(tried[1].fds));
	for (unsigned i = 0; i < count && bad < 0; i++) {
		if (!step(r, &model, tried, &ops[i], quiet) ||
		    (i % check_every == check_every - 1 && !all_agree(r, &model, tried, quiet)))
			bad = (long)i;
	}
	side_close(&model);
	side_close(&tried[0]);
	side_close(&tried[1]);
	if (bad < 0 && !all_agree(r, &model, tried, quiet))
		bad = (long)count;
	close(model.dir);
	close(tried[0].dir);
	if (r->second != NULL)
		close(tried[1].dir);
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
	    " MODEL MOUNT [SECOND MOUNT OF THE SAME]\n"
	    "With two mounts they take turns, and after each operation the other one is looked at.\n"
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
	if (argc - optind < 2 || argc - optind > 3 || r.count == 0)
		return usage();
	umask(0);
	r.model = argv[optind];
	r.tried = argv[optind + 1];
	r.second = argc - optind == 3 ? argv[optind + 2] : NULL;
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * crash: runs a workload on a store under the recorder, then makes states that a power cut may have left behind and checks each.
 * Exit 0: all states are good; 1: some are bad; 2: it could not be done.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"
#include "states.h"
#include "workload.h"

struct options {
	uint64_t seed;
	unsigned steps, first, count, jobs;
	enum disk_lie lie;
	bool keep;
	const char *log, *recorder, *replay;
	char folder[4096]; /* of this run */
};

static const char *const lie_names[] = {"none", "swap", "no-blobs", "no-names", "no-commit"};
#define LIES (sizeof(lie_names) / sizeof(lie_names[0]))

static const char usage[] =
    "usage: crash [--seed N] [--steps N] [--count N] [--first N] [--jobs N] [--keep] [--log FILE]\n"
    "             [--lie swap|no-blobs|no-names|no-commit] --recorder record.so | --replay LOG\n"
    "  --steps  transactions of the workload (300)     --count  crash states (1000), from number --first (0)\n"
    "  --lie    make the disk break a promise, to see that it is noticed\n"
    "  --keep   leave the folder with the log and the bad states\n"
    "  --replay a log that was kept: its states are the same again for the same seed\n"
    "  --log    append a line about this run to FILE\n";

static int
parse_lie(const char *text, enum disk_lie *out)
{
	for (size_t i = 0; i < LIES; i++) {
		if (strcmp(text, lie_names[i]) == 0) {
			*out = (enum disk_lie)i;
			return 0;
		}
	}
	return -1;
}

static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	    {"seed", 1, NULL, 's'},   {"steps", 1, NULL, 't'}, {"count", 1, NULL, 'c'},
	    {"first", 1, NULL, 'f'},  {"jobs", 1, NULL, 'j'},  {"lie", 1, NULL, 'l'},
	    {"keep", 0, NULL, 'k'},   {"log", 1, NULL, 'L'},   {"recorder", 1, NULL, 'r'},
	    {"replay", 1, NULL, 'p'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		unsigned long number = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;

		if (c == 's')
			o->seed = number;
		else if (c == 't')
			o->steps = (unsigned)number;
		else if (c == 'c')
			o->count = (unsigned)number;
		else if (c == 'f')
			o->first = (unsigned)number;
		else if (c == 'j')
			o->jobs = (unsigned)number;
		else if (c == 'k')
			o->keep = true;
		else if (c == 'L')
			o->log = optarg;
		else if (c == 'r')
			o->recorder = optarg;
		else if (c == 'p')
			o->replay = optarg;
		else if (c != 'l' || parse_lie(optarg, &o->lie) != 0)
			return -1;
	}
	return optind == argc && (o->recorder != NULL || o->replay != NULL) && o->jobs > 0 &&
		       o->steps > 0 && o->steps < MODEL_STEPS_MAX
		   ? 0
		   : -1;
}

static char *
join(const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		abort();
	return path;
}

/* Runs the workload in a program of its own, under the recorder. */
static int
record(const struct options *o, const char *store, const char *log)
{
	char seed[32], steps[32], *mark = join(o->folder, "marks");
	int status = 0;
	pid_t pid = fork();

	snprintf(seed, sizeof(seed), "%" PRIu64, o->seed);
	snprintf(steps, sizeof(steps), "%u", o->steps);
	if (pid == 0) {
		setenv("LD_PRELOAD", o->recorder, 1);
		/* The recorder stands before the sanitizer's library, which is fine with it. */
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
		setenv(RECORD_ENV_DIR, store, 1);
		setenv(RECORD_ENV_LOG, log, 1);
		setenv(RECORD_ENV_MARK, mark, 1);
		execl("/proc/self/exe", "crash", "workload", store, mark, seed, steps,
		      (char *)NULL);
		_exit(127);
	}
	free(mark);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
		fprintf(stderr, "crash: the workload failed (status %d)\n", status);
		return -1;
	}
	return 0;
}

/* The log must account for every byte of the store that the workload left. */
static const char *
compare_end(const struct reel *reel, const char *store)
{
	struct disk *d = disk_new(LIE_NONE);
	int dir = io_open(store, O_RDONLY | O_DIRECTORY, 0);
	const char *wrong = dir < 0 ? "the store cannot be opened" : NULL;
	static char text[4096];

	for (size_t i = 0; i < reel->count && wrong == NULL; i++)
		wrong = reel_play(reel, i, d);
	if (wrong == NULL) {
		wrong = disk_compare(d, dir);
		if (wrong != NULL) {
			snprintf(text, sizeof(text), "the log and the store differ: %s", wrong);
			wrong = text;
		}
	}
	fd_close(&dir);
	disk_free(d);
	return wrong;
}

static void
report(const struct options *o, const struct reel *reel, int bad, double seconds)
{
	char commit[64] = "unknown", date[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	FILE *f;

	printf("crash: seed %" PRIu64
	       ", %u steps, %zu records, lie %s: %u states, %d bad, %.1f s\n",
	       o->seed, o->steps, reel->count, lie_names[o->lie], o->count, bad, seconds);
	if (o->log == NULL)
		return;
	f = popen("git rev-parse --short HEAD 2>/dev/null", "r");
	if (f != NULL && fgets(commit, sizeof(commit), f) != NULL)
		commit[strcspn(commit, "\n")] = '\0';
	if (f != NULL)
		pclose(f);
	if (gmtime_r(&now, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	f = fopen(o->log, "a");
	if (f == NULL) {
		fprintf(stderr, "crash: %s: %s\n", o->log, strerror(errno));
		return;
	}
	fprintf(f, "| %s | %s | crash, %u steps, lie %s | %" PRIu64 " | %u | %.0f | %d |\n", date,
		commit, o->steps, lie_names[o->lie], o->seed, o->count, seconds, bad);
	fclose(f);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Makes a log and reads it, or reads one that was kept. */
static int
get_reel(const struct options *o, struct reel *reel)
{
	char *store = join(o->folder, "store"), *log = join(o->folder, "log");
	const char *wrong = NULL;
	int rc = o->replay == NULL ? record(o, store, log) : 0;

	if (rc == 0)
		wrong = reel_open(o->replay == NULL ? log : o->replay, reel);
	if (rc == 0 && wrong == NULL && o->replay == NULL)
		wrong = compare_end(reel, store);
	if (wrong != NULL) {
		fprintf(stderr, "crash: %s\n", wrong);
		rc = -1;
	}
	free(store);
	free(log);
	return rc;
}

static int
run(const struct options *o)
{
	char *states = join(o->folder, "states");
	uint64_t begin = now_mono_ns();
	struct reel reel = {0};
	struct states s = {.reel = &reel,
			   .lie = o->lie,
			   .seed = o->seed,
			   .first = o->first,
			   .count = o->count,
			   .jobs = o->jobs,
			   .folder = states,
			   .keep = o->keep};
	int bad = get_reel(o, &reel);

	if (bad == 0 && mkdir(states, 0700) != 0)
		bad = -1;
	if (bad == 0)
		bad = states_run(&s);
	if (bad >= 0)
		report(o, &reel, bad, (double)(now_mono_ns() - begin) / (double)NS_PER_S);
	reel_close(&reel);
	free(states);
	return bad < 0 ? 2 : bad > 0;
}

int
main(int argc, char **argv)
{
	struct options o = {.steps = 300, .count = 1000, .jobs = 2, .seed = rand_u64() >> 32};
	const char *tmp = getenv("TMPDIR");
	char folder[2048];
	int rc;

	if (argc == 6 && strcmp(argv[1], "workload") == 0)
		return workload_run(argv[2], argv[3], strtoul(argv[4], NULL, 10),
				    (unsigned)strtoul(argv[5], NULL, 10)) == 0
			   ? 0
			   : 1;
	if (parse_options(argc, argv, &o) != 0) {
		fputs(usage, stderr);
		return 2;
	}
	snprintf(folder, sizeof(folder), "%s/crash.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL || realpath(folder, o.folder) == NULL) {
		fprintf(stderr, "crash: %s: %s\n", folder, strerror(errno));
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("crash: seed %" PRIu64 "\n", o.seed);
	rc = run(&o);
	if (o.keep)
		printf("crash: kept in %s\n", o.folder);
	else
		nftw(o.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exit 0: nothing found; 1: something was found; 2: it could not be done. */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/rand.h"
#include "base/time.h"
#include "storm.h"

struct options {
	enum storm_mode mode;
	uint64_t seed;
	bool has_seed, lie, keep, verbose, no_mount;
	unsigned seeds, seconds;
	const char *log, *programs, *preload;
};

static const char *const mode_names[] = {"faults", "kills"};

static const char usage[] =
    "usage: storm faults|kills --programs DIR [--preload inject.so] [--seed N] [--seeds N | --seconds N]\n"
    "             [--log FILE] [--lie] [--no-mount] [--keep] [--verbose]\n"
    "       storm order CONTROL write|flush|name|create blob|log|db|folder error|short|tear ERRNO N [lasting]\n"
    "  faults   the disk fails at random calls     kills   processes are killed at random\n"
    "  --seeds  so many, one after the other (1); --seconds: as many as begin within that time\n"
    "  --log    append a row about the run to FILE, and without --seed go on behind the last one there\n"
    "  --lie    flushes of the log are promised and not made: that must be found\n"
    "  --keep   leave the folder of a seed in which something was found\n"
    "  order    make the N-th such call of a daemon with that control file fail; forget what has happened\n";

static volatile sig_atomic_t interrupted;

static void
on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

void
finding(struct storm *st, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)atomic_fetch_add(&st->findings, 1);
	(void)printf("seed %" PRIu64 ": %s\n", st->seed, text);
}

void
tell(const struct storm *st, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	if (!st->verbose)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)printf("# %s\n", text);
}

/* ---- options ---- */

static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
	    {"seed", 1, NULL, 's'},    {"seeds", 1, NULL, 'n'},    {"seconds", 1, NULL, 't'},
	    {"log", 1, NULL, 'L'},     {"lie", 0, NULL, 'l'},      {"keep", 0, NULL, 'k'},
	    {"verbose", 0, NULL, 'v'}, {"no-mount", 0, NULL, 'm'}, {"programs", 1, NULL, 'b'},
	    {"preload", 1, NULL, 'p'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "v", known, NULL)) != -1) {
		unsigned long number = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;

		o->has_seed = o->has_seed || c == 's';
		o->lie = o->lie || c == 'l';
		o->keep = o->keep || c == 'k';
		o->verbose = o->verbose || c == 'v';
		o->no_mount = o->no_mount || c == 'm';
		if (c == 's')
			o->seed = number;
		else if (c == 'n')
			o->seeds = (unsigned)number;
		else if (c == 't')
			o->seconds = (unsigned)number;
		else if (c == 'L')
			o->log = optarg;
		else if (c == 'b')
			o->programs = optarg;
		else if (c == 'p')
			o->preload = optarg;
		else if (c == '?')
			return -1;
	}
	if (optind + 1 != argc || o->programs == NULL)
		return -1;
	o->mode = strcmp(argv[optind], "kills") == 0 ? STORM_KILLS : STORM_FAULTS;
	return strcmp(argv[optind], mode_names[o->mode]) == 0 &&
		       (o->mode == STORM_KILLS || o->preload != NULL)
		   ? 0
		   : -1;
}

/* ---- the log ---- */

/* The seed behind the last one that the log has of this mode; 1 if it has none. */
static uint64_t
next_seed(const struct options *o)
{
	char line[512], what[64];
	uint64_t last = 0, first;
	FILE *f = fopen(o->log, "re");

	(void)snprintf(what, sizeof(what), "| storm %s |", mode_names[o->mode]);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *at = strstr(line, what);

		if (at != NULL)
			(void)sscanf(at + strlen(what), " %" SCNu64 "-%" SCNu64, &first, &last);
	}
	if (f != NULL)
		(void)fclose(f);
	return last + 1;
}

static void
write_log(const struct options *o, uint64_t last, unsigned long done, double seconds, unsigned bad)
{
	char commit[64] = "unknown", date[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	FILE *f = popen("git rev-parse --short HEAD 2>/dev/null", "re");

	if (f != NULL && fgets(commit, sizeof(commit), f) != NULL)
		commit[strcspn(commit, "\n")] = '\0';
	if (f != NULL)
		(void)pclose(f);
	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	f = fopen(o->log, "ae");
	if (f == NULL) {
		(void)fprintf(stderr, "storm: %s: %s\n", o->log, strerror(errno));
		return;
	}
	(void)fprintf(f, "| %s | %s | storm %s | %" PRIu64 "-%" PRIu64 " | %lu | %.0f | %u |\n",
		      date, commit, mode_names[o->mode], o->seed, last, done, seconds, bad);
	(void)fclose(f);
}

/* ---- a seed ---- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool
may_mount(const struct options *o)
{
	return !o->no_mount && access("/dev/fuse", R_OK | W_OK) == 0;
}

static int
make_folder(struct server *s)
{
	const char *tmp = getenv("TMPDIR");
	char folder[2048];

	(void)snprintf(folder, sizeof(folder), "%s/storm.XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(folder) != NULL && realpath(folder, s->folder) != NULL ? 0 : -1;
}

/* Findings of one seed, or -1. */
static int
run_seed(const struct options *o, uint64_t seed, unsigned long *done)
{
	struct worker workers[WORKERS_MAX];
	struct rng rng = {seed};
	struct storm st = {.mode = o->mode, .seed = seed, .lie = o->lie, .verbose = o->verbose};
	bool made;

	st.workers = o->mode == STORM_KILLS ? WORKERS_MAX : 1 + rng_below(&rng, WORKERS_MAX);
	st.mounts = may_mount(o);
	st.server.programs = o->programs;
	st.server.preload = o->mode == STORM_FAULTS ? o->preload : NULL;
	if (make_folder(&st.server) != 0)
		return -1;
	for (unsigned i = 0; i < st.workers; i++)
		worker_init(&workers[i], &st, i);
	made = server_make(&st.server, st.workers) == 0;
	if (made && o->mode == STORM_FAULTS)
		faults_run(&st, workers);
	else if (made)
		kills_run(&st, workers);
	*done += workers_done(workers, st.workers);
	for (unsigned i = 0; i < st.workers; i++)
		worker_fini(&workers[i]);
	server_free(&st.server);
	if (o->keep && (!made || atomic_load(&st.findings) > 0))
		(void)printf("seed %" PRIu64 ": kept in %s\n", seed, st.server.folder);
	else
		(void)nftw(st.server.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return made ? (int)atomic_load(&st.findings) : -1;
}

static int
run(struct options *o)
{
	uint64_t began = now_mono_ns(), deadline = deadline_from_ms((int64_t)o->seconds * 1000);
	unsigned long done = 0;
	unsigned bad = 0, n = 0;
	double seconds;
	int rc = 0;

	while (rc >= 0 && !interrupted &&
	       (o->seconds > 0 ? !deadline_passed(deadline) : n < o->seeds)) {
		rc = run_seed(o, o->seed + n, &done);
		bad += rc > 0;
		n += rc >= 0;
	}
	seconds = (double)(now_mono_ns() - began) / (double)NS_PER_S;
	(void)printf("storm %s: seeds %" PRIu64 "-%" PRIu64 ", %lu operations, %u bad, %.0f s\n",
		     mode_names[o->mode], o->seed, o->seed + n - 1, done, bad, seconds);
	if (o->log != NULL && n > 0)
		write_log(o, o->seed + n - 1, done, seconds, bad);
	return rc < 0 ? 2 : bad > 0;
}

int
main(int argc, char **argv)
{
	struct options o = {.seeds = 1, .seed = rand_u64() >> 40};
	const struct sigaction act = {.sa_handler = on_signal};

	if (argc > 1 && strcmp(argv[1], "order") == 0)
		return storm_order(argc, argv);
	if (parse_options(argc, argv, &o) != 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (o.log != NULL && !o.has_seed)
		o.seed = next_seed(&o);
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return run(&o);
}

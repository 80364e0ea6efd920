/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * meter - runs one command and says what it cost, it and its server.
 *
 *   meter OUT [-t SECONDS] [-p] [-a] [-s PID]... [-c PID]... -- COMMAND [ARG...]
 *
 * OUT gets one line: wall time, processor time of the command's side and of the server's side, all
 * in microseconds, and with -p the peak memory of both sides in KiB: resident (RSS) and own (PSS).
 * The server's side is the processes named with -s and all their descendants, the command's side
 * is the command, those named with -c (a mount's daemon) and all their descendants. The server's
 * memory is that of the processes which it starts meanwhile, its sessions; with -a, of all of them.
 * Memory is sampled every 20 ms, which costs time: timings are taken without -p. A command that
 * takes longer than -t (600) is ended. The exit status is the command's.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOTS_MAX 16
#define TREE_MAX  256
#define SAMPLE_MS 20

struct side {
	pid_t root[ROOTS_MAX];
	unsigned roots;
	pid_t old[TREE_MAX]; /* not counted in the memory */
	unsigned olds;
	uint64_t cpu_ticks_before;
	uint64_t rss_kib, pss_kib; /* peaks */
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "meter: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int64_t
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Adds the children that any thread of PID has started; returns the new count. */
static unsigned
tree_add_children(pid_t pid, pid_t *tree, unsigned n)
{
	char path[300];
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	if (tasks == NULL)
		return n;
	for (const struct dirent *d; (d = readdir(tasks)) != NULL;) {
		snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", pid, d->d_name);
		FILE *f = d->d_name[0] == '.' ? NULL : fopen(path, "re");
		for (int child; f != NULL && n < TREE_MAX && fscanf(f, "%d", &child) == 1;)
			tree[n++] = child;
		if (f != NULL)
			fclose(f);
	}
	closedir(tasks);
	return n;
}

static unsigned
tree_list(const struct side *s, pid_t *tree)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->roots; i++)
		tree[n++] = s->root[i];
	for (unsigned i = 0; i < n; i++)
		n = tree_add_children(tree[i], tree, n);
	return n;
}

/* Clock ticks that PID and the children it has waited for used; 0 when it is gone. */
static uint64_t
cpu_ticks(pid_t pid)
{
	char path[64], line[1024];
	unsigned long long user = 0, sys = 0, child_user = 0, child_sys = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	const char *after_name = fgets(line, sizeof line, f) != NULL ? strrchr(line, ')') : NULL;
	fclose(f);
	if (after_name == NULL ||
	    sscanf(after_name + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &user, &sys,
		   &child_user, &child_sys) != 4)
		return 0;
	return user + sys + child_user + child_sys;
}

static uint64_t
side_cpu_ticks(const struct side *s)
{
	pid_t tree[TREE_MAX];
	uint64_t sum = 0;
	unsigned n = tree_list(s, tree);
	for (unsigned i = 0; i < n; i++)
		sum += cpu_ticks(tree[i]);
	return sum;
}

static bool
side_is_old(const struct side *s, pid_t pid)
{
	for (unsigned i = 0; i < s->olds; i++)
		if (s->old[i] == pid)
			return true;
	return false;
}

static void
side_sample_memory(struct side *s)
{
	pid_t tree[TREE_MAX];
	uint64_t rss = 0, pss = 0;
	unsigned n = tree_list(s, tree);
	for (unsigned i = 0; i < n; i++) {
		char path[64], line[256];
		unsigned long long kib;
		snprintf(path, sizeof path, "/proc/%d/smaps_rollup", tree[i]);
		FILE *f = side_is_old(s, tree[i]) ? NULL : fopen(path, "re");
		while (f != NULL && fgets(line, sizeof line, f) != NULL) {
			if (sscanf(line, "Rss: %llu", &kib) == 1)
				rss += kib;
			else if (sscanf(line, "Pss: %llu", &kib) == 1)
				pss += kib;
		}
		if (f != NULL)
			fclose(f);
	}
	s->rss_kib = rss > s->rss_kib ? rss : s->rss_kib;
	s->pss_kib = pss > s->pss_kib ? pss : s->pss_kib;
}

static pid_t
start(char **command)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execvp(command[0], command);
		die(command[0]);
	}
	return pid;
}

/* Waits for PID until END_US, sampling memory meanwhile; ends it then. Returns its wait status. */
static int
watch(pid_t pid, int64_t end_us, bool peaks, struct side side[2])
{
	int status = 0;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (fd < 0)
		die("pidfd_open");
	while (poll(&p, 1, peaks ? SAMPLE_MS : 1000) <= 0) {
		if (now_us() > end_us)
			kill(pid, SIGKILL);
		for (int i = 0; i < 2 && peaks; i++)
			side_sample_memory(&side[i]);
	}
	close(fd);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return status;
}

/* Processor time of the ended command and of all that it waited for. */
static uint64_t
command_cpu_us(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_CHILDREN, &u) < 0)
		die("getrusage");
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int
usage(void)
{
	fprintf(stderr,
		"usage: meter OUT [-t SECONDS] [-p] [-a] [-s PID]... [-c PID]... -- COMMAND\n");
	return 125;
}

int
main(int argc, char **argv)
{
	enum { CLIENT, SERVER };
	struct side side[2] = {{.roots = 0}, {.roots = 0}};
	uint64_t us_per_tick = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK), cpu_us[2];
	int64_t limit_s = 600;
	bool peaks = false, all = false;
	optind = 2;
	for (int o; (o = getopt(argc, argv, "+t:pas:c:")) != -1;) {
		struct side *s = &side[o == 's' ? SERVER : CLIENT];
		if (o == 'p')
			peaks = true;
		else if (o == 'a')
			all = true;
		else if (o == 't')
			limit_s = atol(optarg);
		else if ((o == 's' || o == 'c') && s->roots < ROOTS_MAX - 1)
			s->root[s->roots++] = atoi(optarg);
		else
			return usage();
	}
	if (argc < 3 || optind >= argc)
		return usage();
	for (int i = 0; i < 2; i++)
		side[i].cpu_ticks_before = side_cpu_ticks(&side[i]);
	if (!all)
		side[SERVER].olds = tree_list(&side[SERVER], side[SERVER].old);
	int64_t start_us = now_us();
	pid_t pid = start(argv + optind);
	struct side sampled[2] = {side[CLIENT], side[SERVER]};
	sampled[CLIENT].root[sampled[CLIENT].roots++] = pid;
	int status = watch(pid, start_us + limit_s * 1000000, peaks, sampled);
	int64_t wall_us = now_us() - start_us;
	for (int i = 0; i < 2; i++) {
		uint64_t after = side_cpu_ticks(&side[i]), before = side[i].cpu_ticks_before;
		cpu_us[i] = after > before ? (after - before) * us_per_tick : 0;
	}
	FILE *out = fopen(argv[1], "we");
	if (out == NULL)
		die(argv[1]);
	fprintf(out, "%lld %llu %llu %llu %llu %llu %llu\n", (long long)wall_us,
		(unsigned long long)(cpu_us[CLIENT] + command_cpu_us()),
		(unsigned long long)cpu_us[SERVER], (unsigned long long)sampled[CLIENT].rss_kib,
		(unsigned long long)sampled[CLIENT].pss_kib,
		(unsigned long long)sampled[SERVER].rss_kib,
		(unsigned long long)sampled[SERVER].pss_kib);
	if (fclose(out) != 0)
		die(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

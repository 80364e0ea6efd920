/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "suite.h"

#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define CASE_SECONDS 60u
#define CODE_SKIP    77

static struct {
	bool cfs, owners;
	const char *only;
	unsigned number, failed;
} suite;

bool
suite_on_cfs(void)
{
	return suite.cfs;
}

__attribute__((format(printf, 3, 4))) static void
say(const char *file, int line, const char *format, ...)
{
	const char *slash = strrchr(file, '/');
	va_list ap;

	printf("# %s:%d: ", slash != NULL ? slash + 1 : file, line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

void
suite_skip(const char *why)
{
	printf("# %s\n", why);
	fflush(stdout);
	_exit(CODE_SKIP);
}

void
suite_check(bool good, const char *text, const char *file, int line)
{
	if (good)
		return;
	say(file, line, "not so: %s", text);
	_exit(1);
}

long
suite_ok(long value, const char *text, const char *file, int line)
{
	if (value != -1)
		return value;
	say(file, line, "%s: %s", text, strerror(errno));
	_exit(1);
}

void
suite_fails(int error, long value, const char *text, const char *file, int line)
{
	int saved = errno;

	if (value == -1 && saved == error)
		return;
	if (value == -1)
		say(file, line, "%s: %s (%d), not %s", text, strerror(saved), saved,
		    strerror(error));
	else
		say(file, line, "%s: %ld, not %s", text, value, strerror(error));
	_exit(1);
}

/* ---- helpers */

int
open_new(const char *path)
{
	return FD(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
}

void
make(const char *path, const char *text)
{
	int fd = open_new(path);

	T(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	OK(close(fd));
}

bool
holds(const char *path, const char *text)
{
	char buf[8192];
	int fd = FD(open(path, O_RDONLY));
	ssize_t n = OK(read(fd, buf, sizeof(buf)));

	OK(close(fd));
	return (size_t)n == strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

struct stat
stat_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		say(__FILE__, __LINE__, "stat %s: %s", path, strerror(errno));
		_exit(1);
	}
	return st;
}

struct stat
fstat_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st;
}

bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

const char *
long_name(size_t n)
{
	static char name[8192];

	memset(name, 'n', n);
	name[n] = '\0';
	return name;
}

int64_t
ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

int64_t
mtime_of(const char *path)
{
	struct stat st = stat_of(path);

	return ns_of(&st.st_mtim);
}

int64_t
ctime_of(const char *path)
{
	struct stat st = stat_of(path);

	return ns_of(&st.st_ctim);
}

void
tick(void)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	char probe[] = "../tick.XXXXXX";
	int fd = FD(mkstemp(probe));
	struct stat st = fstat_of(fd);
	int64_t first = ns_of(&st.st_mtim);

	for (int i = 0; i < 2000 && ns_of(&st.st_mtim) == first; i++) {
		nanosleep(&pause, NULL);
		OK(futimens(fd, NULL));
		st = fstat_of(fd);
	}
	T(ns_of(&st.st_mtim) > first);
	OK(close(fd));
	OK(unlink(probe));
}

void
become(uid_t uid, gid_t gid)
{
	OK(setgroups(0, NULL));
	OK(setresgid(gid, gid, gid));
	OK(setresuid(uid, uid, uid));
}

void
pattern(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)((i * 31 + i / 251 + seed * 17) & 0xff);
}

/* ---- running */

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

static const char *
lacking(const struct suite_case *c)
{
	if ((c->needs & NEED_ROOT) != 0 && geteuid() != 0)
		return "only root becomes others";
	if ((c->needs & NEED_NODEV) != 0 && geteuid() != 0)
		return "only root makes device nodes";
	if ((c->needs & NEED_OWNERS) != 0 && !suite.owners)
		return "all files are one user's here";
	return (c->needs & ONLY_CFS) != 0 && !suite.cfs ? "only CFS has it" : NULL;
}

/* As tests/lib/run-all gives more time to what is under a sanitizer. */
static unsigned
case_seconds(void)
{
	const char *san = getenv("SAN"), *tsan = getenv("TSAN");
	bool slow = (san != NULL && san[0] != '\0') || (tsan != NULL && tsan[0] != '\0');

	return slow ? CASE_SECONDS * 3 : CASE_SECONDS;
}

/* In the child; does not return. */
static void
run_child(const struct suite_case *c, const char *dir)
{
	alarm(case_seconds());
	umask(022);
	if (chdir(dir) != 0) {
		printf("# %s: %s\n", dir, strerror(errno));
		_exit(1);
	}
	c->run();
	_exit(0);
}

static void
run_case(const struct suite_case *c, const char *top)
{
	const char *why = lacking(c);
	char dir[4096];
	int status = 0;
	pid_t pid;

	if (suite.only != NULL && strstr(c->name, suite.only) == NULL)
		return;
	suite.number++;
	if (why != NULL) {
		printf("ok %u - %s # SKIP %s\n", suite.number, c->name, why);
		return;
	}
	(void)snprintf(dir, sizeof(dir), "%s/case%u", top, suite.number);
	if (mkdir(dir, 0777) != 0 || chmod(dir, 0777) != 0) {
		printf("# %s: %s\n", dir, strerror(errno));
		status = 1;
	}
	fflush(stdout);
	pid = status == 0 ? fork() : -1;
	if (pid == 0)
		run_child(c, dir);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CODE_SKIP) {
		printf("ok %u - %s # SKIP not here\n", suite.number, c->name);
	} else {
		if (WIFSIGNALED(status))
			printf("# ended by signal %d\n", WTERMSIG(status));
		printf("%s %u - %s\n", status == 0 ? "ok" : "not ok", suite.number, c->name);
		suite.failed += status != 0;
	}
	remove_tree(dir);
}

static void
usage(void)
{
	fprintf(stderr, "usage: posix [--cfs] [--one-owner] DIRECTORY [PART OF A NAME]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	static const struct suite_case *const all[] = {
	    open_cases,  name_cases, link_cases,  rename_cases, data_cases, map_cases,
	    space_cases, attr_cases, owner_cases, xattr_cases,  dir_cases};
	int i = 1;

	suite.owners = true;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--cfs") == 0)
			suite.cfs = true;
		else if (strcmp(argv[i], "--one-owner") == 0)
			suite.owners = false;
		else
			usage();
	}
	if (i >= argc)
		usage();
	suite.only = i + 1 < argc ? argv[i + 1] : NULL;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t t = 0; t < sizeof(all) / sizeof(*all); t++) {
		for (const struct suite_case *c = all[t]; c->name != NULL; c++)
			run_case(c, argv[i]);
	}
	printf("1..%u\n", suite.number);
	return suite.failed > 0 || suite.number == 0;
}

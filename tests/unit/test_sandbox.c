/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The sandbox, by trying: a process enters it as each role and does what nobody who took it over may do. */

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/work.h"
#include "server/hubmsg.h"
#include "server/sandbox_internal.h"
#include "server/sibling.h"
#include "store/layout.h"
#include "store/store.h"

struct fixture {
	char folder[64], store[96];
	struct sandbox *sandbox;
	struct store_shared *shared;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct cfs_err err = CFS_ERR_INIT;

	assert_non_null(f);
	(void)strcpy(f->folder, "/tmp/cfs-sandbox-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->store, sizeof(f->store), "%s/store", f->folder);
	if (store_create(f->store, &err) || store_shared_new(&f->shared, &err) ||
	    sandbox_new(f->store, NULL, getpid(), &f->sandbox, &err))
		fail_msg("%s", err.text);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	sandbox_free(f->sandbox);
	store_shared_free(f->shared);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* ---- what is tried: 0 when it worked, else errno ---- */

static int
done(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
try_execve(const struct fixture *f)
{
	char *argv[] = {NULL};

	(void)f;
	return done(execve("/bin/true", argv, argv));
}

static int
try_fork(const struct fixture *f)
{
	(void)f;
	return done(fork());
}

/* Of this process before it forked: the addresses are the same after. */
static struct sibling sibling;

static int
try_sibling(const struct fixture *f)
{
	pid_t pid = sibling_fork(&sibling);

	(void)f;
	if (pid == 0)
		_exit(0);
	return done(pid);
}

static int
try_filter(const struct fixture *f)
{
	(void)f;
	return done(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL)) == EFAULT ? 0 : EIO;
}

static int
try_ruleset(const struct fixture *f)
{
	(void)f;
	return done(syscall(SYS_landlock_restrict_self, -1, 0)) == EBADF ? 0 : EIO;
}

static int
try_ptrace(const struct fixture *f)
{
	(void)f;
	return done(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}

static int
try_kill(const struct fixture *f)
{
	(void)f;
	return done(kill(getppid(), SIGCONT));
}

static int
try_unshare(const struct fixture *f)
{
	(void)f;
	return done(unshare(CLONE_NEWUSER));
}

#if !SANDBOX_SANITIZED
static int
try_fate(const struct fixture *f)
{
	(void)f;
	return done(prctl(PR_SET_PDEATHSIG, SIGKILL));
}

static int
try_escape(const struct fixture *f)
{
	(void)f;
	return done(prctl(PR_SET_PDEATHSIG, 0));
}

static int
try_executable_memory(const struct fixture *f)
{
	(void)f;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		   ? errno
		   : 0;
}

static int
try_handler(const struct fixture *f)
{
	(void)f;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}
#endif

static int
try_owner(const struct fixture *f)
{
	(void)f;
	return done(fcntl(STDIN_FILENO, F_SETOWN, getppid()));
}

static int
try_io_uring(const struct fixture *f)
{
	(void)f;
	return done(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
try_socket(const struct fixture *f)
{
	(void)f;
	return done(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_passwd(const struct fixture *f)
{
	(void)f;
	return done(io_open("/etc/passwd", O_RDONLY, 0));
}

static int
try_new_file(const struct fixture *f)
{
	(void)f;
	return done(io_open("/x", O_WRONLY | O_CREAT, 0600));
}

static int
try_store(const struct fixture *f)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" LAYOUT_FORMAT, f->store);
	return done(io_open(path, O_RDONLY, 0));
}

static int
try_format(const struct fixture *f)
{
	(void)f;
	return done(io_open(LAYOUT_FORMAT, O_RDONLY, 0));
}

static int
try_format_write(const struct fixture *f)
{
	(void)f;
	return done(io_open(LAYOUT_FORMAT, O_WRONLY, 0));
}

static int
try_database(const struct fixture *f)
{
	(void)f;
	return done(io_open(LAYOUT_DB, O_RDWR, 0));
}

static int
try_key(const struct fixture *f)
{
	(void)f;
	return done(io_open(LAYOUT_KEYS "/new", O_RDWR | O_CREAT, 0600));
}

static int
try_above(const struct fixture *f)
{
	(void)f;
	return done(io_open("..", O_RDONLY | O_DIRECTORY, 0));
}

static void
work(struct work_job *job)
{
	(void)job;
	free(malloc(1 << 20));
}

static int
try_thread(const struct fixture *f)
{
	struct work_job job = {.run = work};
	struct work_pool *pool;

	(void)f;
	if (work_new(1, 1, &pool, NULL))
		return ENOMEM;
	work_submit(pool, &job);
	work_free(pool);
	return 0;
}

static int
try_open_store(const struct fixture *f)
{
	struct store_conf conf = {.path = "."};
	struct store *s = NULL;
	struct id128 id;
	uint32_t gen;
	int rc;

	rc = store_open(&conf, f->shared, &s, NULL);
	if (rc == 0)
		rc = store_id(s, &id, &gen, NULL);
	store_close(s);
	return rc ? EIO : 0;
}

/* ---- trying it ---- */

#define DIES (-1)

struct attempt {
	const char *name;
	int (*act)(const struct fixture *f);
	int expected[SANDBOX_ROLES]; /* errno, or DIES */
	long call;                   /* that the report names, where it dies */
	bool makers;                 /* the maker may; anything else it may as a session may */
};

/* The metrics' process keeps its root and directory; it is tried apart. */
#define TRIED SANDBOX_METRICS
#define ALL(x)                                                                                     \
	{                                                                                          \
		x, x, x                                                                            \
	}
#define NOT_FIRST(x, others)                                                                       \
	{                                                                                          \
		x, others, others                                                                  \
	}

static const struct attempt attempts[] = {
    {"a thread", try_thread, ALL(0), 0, false},
    {"the store", try_open_store, NOT_FIRST(EIO, 0), 0, false},
    {"its database", try_database, NOT_FIRST(ENOENT, 0), 0, false},
    {"its format", try_format, NOT_FIRST(ENOENT, 0), 0, false},
    {"its format, to write", try_format_write, NOT_FIRST(ENOENT, EACCES), 0, false},
    {"a key", try_key, NOT_FIRST(ENOENT, EACCES), 0, false},
    {"the directory above", try_above, ALL(EACCES), 0, false},
    {"the store by its path", try_store, ALL(ENOENT), 0, false},
    {"/etc/passwd", try_passwd, ALL(ENOENT), 0, false},
    {"a new file", try_new_file, ALL(ENOENT), 0, false},
    {"a socket", try_socket, ALL(EACCES), 0, false},
    {"a program", try_execve, ALL(DIES), SYS_execve, false},
    {"a process", try_fork, ALL(DIES), SYS_clone, false},
    {"a sibling", try_sibling, ALL(DIES), SYS_clone, true},
    {"another filter", try_filter, ALL(DIES), SYS_seccomp, true},
    {"another ruleset", try_ruleset, ALL(DIES), SYS_landlock_restrict_self, true},
    {"to trace", try_ptrace, ALL(DIES), SYS_ptrace, false},
    {"to kill", try_kill, ALL(DIES), SYS_kill, false},
    {"a namespace", try_unshare, ALL(DIES), SYS_unshare, false},
    {"a signal by descriptor", try_owner, ALL(DIES), SYS_fcntl, false},
    {"an io_uring", try_io_uring, ALL(DIES), SYS_io_uring_setup, false},
#if !SANDBOX_SANITIZED
    {"to die with the hub", try_fate, ALL(DIES), SYS_prctl, true},
    {"to live without it", try_escape, ALL(DIES), SYS_prctl, false},
    {"executable memory", try_executable_memory, ALL(DIES), SYS_mmap, false},
    {"to take the report's place", try_handler, ALL(DIES), SYS_rt_sigaction, false},
#endif
};

/* How a process comes to be what it is tried as. */
enum way { FORKED, MADE };

static void
in_child(const struct fixture *f, const struct attempt *a, enum sandbox_role role, enum way way,
	 int report_fd)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (sandbox_enter(f->sandbox, role, way == MADE ? -1 : report_fd, &err) ||
	    (way == MADE && sandbox_part(f->sandbox, report_fd, &err))) {
		(void)fprintf(stderr, "%s\n", err.text);
		_exit(250);
	}
	_exit(a->act(f));
}

static void
try(const struct fixture *f, const struct attempt *a, enum sandbox_role role, enum way way)
{
	bool maker = role == SANDBOX_MAKER && way == FORKED;
	int expected = maker && a->makers      ? 0
		       : role == SANDBOX_MAKER ? a->expected[SANDBOX_SESSION]
					       : a->expected[role];
	struct hub_msg m = {0};
	int sv[2], status, got;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	pid = fork();
	if (pid == 0)
		in_child(f, a, role, way, sv[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	got = WEXITSTATUS(status);
	if (expected == DIES) {
		if (got != 128 + SIGSYS)
			fail_msg("%s as role %d: lived, with errno %d", a->name, (int)role, got);
		assert_int_equal(recv(sv[0], &m, sizeof(m), MSG_DONTWAIT), sizeof(m));
		assert_int_equal(m.kind, HUB_FORBIDDEN);
		assert_int_equal(m.index, a->call);
	} else if (got != expected) {
		fail_msg("%s as role %d: %s instead of %s", a->name, (int)role, strerror(got),
			 strerror(expected));
	}
	fd_close(&sv[0]);
	fd_close(&sv[1]);
}

static void
what_is_forbidden(void **state)
{
	if (sandbox_landlock_version() == 0) {
		print_message("needs Landlock\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		for (int role = 0; role < TRIED; role++)
			try(*state, &attempts[i], (enum sandbox_role)role, FORKED);
	}
}

/* The maker may do a little more than a session, and what it has made not that. */
static void
what_the_maker_may(void **state)
{
	if (sandbox_landlock_version() == 0 || !sibling_init(&sibling)) {
		print_message(
		    "needs Landlock, and a kernel that tells where a thread's number is\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		try(*state, &attempts[i], SANDBOX_MAKER, FORKED);
		try(*state, &attempts[i], SANDBOX_MAKER, MADE);
	}
	/* The siblings. */
	while (waitpid(-1, NULL, 0) > 0)
		continue;
}

/* The store's directory, handed in, is what opens the store to a session, and nothing more. */
static void
session_is_handed_the_store(void **state)
{
	struct fixture *f = *state;
	struct cfs_err err = CFS_ERR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_enter(f->sandbox, SANDBOX_SESSION, -1, &err))
			_exit(250);
		if (try_open_store(f) == 0)
			_exit(1);
		if (fchdir(sandbox_store_fd(f->sandbox)) || try_open_store(f) != 0)
			_exit(2);
		_exit(try_key(f) == EACCES && try_above(f) == EACCES && try_passwd(f) == ENOENT
			  ? 0
			  : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
calls_have_names(void **state)
{
	char *name = sandbox_call_name(SYS_ptrace);

	(void)state;
	assert_string_equal(name, "ptrace");
	free(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_forbidden, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_the_maker_may, setup, teardown),
	    cmocka_unit_test_setup_teardown(session_is_handed_the_store, setup, teardown),
	    cmocka_unit_test(calls_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* System calls by role (seccomp(2), libseccomp). Whoever adds a call says for whom; whoever needs one sees its name in the log. */

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "server/sandbox_internal.h"
#include "server/sibling.h"

#define ROLE(r)  (1u << (r))
#define EVERY    (ROLE(SANDBOX_ROLES) - 1)
#define MAKER    ROLE(SANDBOX_MAKER) /* what its processes are to have, too */
#define SESSIONS (ROLE(SANDBOX_SESSION) | ROLE(SANDBOX_ADMIN) | MAKER)
#define KEEPER   ROLE(SANDBOX_KEEPER)
#define METRICS  ROLE(SANDBOX_METRICS)
#define SIGNER   ROLE(SANDBOX_SIGNER) /* writes its keys */
#define STORE                                                                                      \
	(SESSIONS | KEEPER | METRICS | ROLE(SANDBOX_AUDIT) |                                       \
	 ROLE(SANDBOX_DOOR)) /* who uses the store: the database, blobs, worker threads */

struct call {
	int number;
	unsigned roles;
};

/* SCMP_SYS() of a call that this machine does not have is negative, and left out. */
static const struct call calls[] = {
    /* memory; executable memory is refused below */
    {SCMP_SYS(brk), EVERY},
    {SCMP_SYS(munmap), EVERY},
    {SCMP_SYS(mremap), EVERY},
    {SCMP_SYS(madvise), EVERY},
    /* time, chance, oneself */
    {SCMP_SYS(clock_gettime), EVERY},
    {SCMP_SYS(clock_getres), EVERY},
    {SCMP_SYS(gettimeofday), EVERY},
    {SCMP_SYS(time), EVERY},
    {SCMP_SYS(nanosleep), EVERY},
    {SCMP_SYS(clock_nanosleep), EVERY},
    {SCMP_SYS(getrandom), EVERY},
    {SCMP_SYS(getpid), EVERY},
    {SCMP_SYS(getppid), EVERY},
    {SCMP_SYS(gettid), EVERY},
    {SCMP_SYS(getuid), EVERY},
    {SCMP_SYS(geteuid), EVERY},
    {SCMP_SYS(getgid), EVERY},
    {SCMP_SYS(getegid), EVERY},
    {SCMP_SYS(getcpu), EVERY},
    {SCMP_SYS(sched_yield), EVERY},
    {SCMP_SYS(sched_getaffinity), EVERY},
    {SCMP_SYS(uname), EVERY},
    {SCMP_SYS(sysinfo), EVERY},
    {SCMP_SYS(restart_syscall), EVERY},
    /* signals, locks, the end */
    {SCMP_SYS(rt_sigprocmask), EVERY},
    {SCMP_SYS(rt_sigreturn), EVERY},
    {SCMP_SYS(sigaltstack), EVERY},
    {SCMP_SYS(futex), EVERY},
    {SCMP_SYS(membarrier), EVERY},
    {SCMP_SYS(exit), EVERY},
    {SCMP_SYS(exit_group), EVERY},
    /* descriptors that are open */
    {SCMP_SYS(read), EVERY},
    {SCMP_SYS(readv), EVERY},
    {SCMP_SYS(write), EVERY},
    {SCMP_SYS(writev), EVERY},
    {SCMP_SYS(recvfrom), EVERY},
    {SCMP_SYS(recvmsg), EVERY},
    {SCMP_SYS(sendto), EVERY},
    {SCMP_SYS(sendmsg), EVERY},
    {SCMP_SYS(getsockopt), EVERY},
    {SCMP_SYS(setsockopt), EVERY},
    {SCMP_SYS(getsockname), EVERY},
    {SCMP_SYS(getpeername), EVERY},
    {SCMP_SYS(shutdown), EVERY},
    {SCMP_SYS(poll), EVERY},
    {SCMP_SYS(ppoll), EVERY},
    {SCMP_SYS(epoll_create1), EVERY},
    {SCMP_SYS(epoll_ctl), EVERY},
    {SCMP_SYS(epoll_wait), EVERY},
    {SCMP_SYS(epoll_pwait), EVERY},
    {SCMP_SYS(eventfd2), EVERY},
    {SCMP_SYS(close), EVERY},
    {SCMP_SYS(accept4), METRICS},
    {SCMP_SYS(dup), EVERY},
    {SCMP_SYS(dup3), EVERY},
    {SCMP_SYS(lseek), EVERY},
    {SCMP_SYS(fstat), EVERY},
    /* files by name: which ones is the business of sandbox_paths.c and of the root */
    {SCMP_SYS(open), EVERY},
    {SCMP_SYS(openat), EVERY},
    {SCMP_SYS(stat), EVERY},
    {SCMP_SYS(lstat), EVERY},
    {SCMP_SYS(newfstatat), EVERY},
    {SCMP_SYS(statx), EVERY},
    {SCMP_SYS(access), EVERY},
    {SCMP_SYS(faccessat), EVERY},
    {SCMP_SYS(faccessat2), EVERY},
    {SCMP_SYS(readlink), EVERY},
    {SCMP_SYS(readlinkat), EVERY},
    {SCMP_SYS(getcwd), EVERY},
    {SCMP_SYS(fchdir), SESSIONS},
    {SCMP_SYS(landlock_restrict_self), MAKER},
    {SCMP_SYS(unlink), STORE | SIGNER},
    {SCMP_SYS(unlinkat), STORE | SIGNER},
    {SCMP_SYS(rename), STORE | SIGNER},
    {SCMP_SYS(renameat), STORE | SIGNER},
    {SCMP_SYS(renameat2), STORE | SIGNER},
    {SCMP_SYS(mkdir), KEEPER},
    {SCMP_SYS(mkdirat), KEEPER},
    {SCMP_SYS(getdents64), STORE},
    /* their content */
    {SCMP_SYS(pread64), STORE},
    {SCMP_SYS(preadv), STORE},
    {SCMP_SYS(preadv2), STORE},
    {SCMP_SYS(pwrite64), STORE},
    {SCMP_SYS(pwritev), STORE},
    {SCMP_SYS(pwritev2), STORE},
    {SCMP_SYS(ftruncate), STORE},
    {SCMP_SYS(fallocate), STORE},
    {SCMP_SYS(fadvise64), STORE},
    {SCMP_SYS(sync_file_range), STORE},
    {SCMP_SYS(fsync), STORE | SIGNER},
    {SCMP_SYS(fdatasync), STORE},
    {SCMP_SYS(copy_file_range), STORE},
    {SCMP_SYS(fchmod), STORE | SIGNER},
    {SCMP_SYS(fchown), STORE},
    {SCMP_SYS(flock), STORE},
    {SCMP_SYS(statfs), STORE},
    {SCMP_SYS(fstatfs), STORE},
    {SCMP_SYS(msync), STORE},
    /* threads */
    {SCMP_SYS(set_robust_list), EVERY},
    {SCMP_SYS(get_robust_list), EVERY},
    {SCMP_SYS(rseq), EVERY},
    {SCMP_SYS(set_tid_address), EVERY},
    {SCMP_SYS(sched_getparam), STORE},
    {SCMP_SYS(sched_getscheduler), STORE},
#if SANDBOX_SANITIZED
    {SCMP_SYS(mmap), EVERY},
    {SCMP_SYS(mprotect), EVERY},
    {SCMP_SYS(prctl), EVERY},
    {SCMP_SYS(prlimit64), EVERY},
    {SCMP_SYS(rt_sigaction), EVERY},
    {SCMP_SYS(pipe2), EVERY},
    {SCMP_SYS(getdents64), EVERY},
    {SCMP_SYS(mincore), EVERY},
#endif
};

/* Calls that a library tries and can do without: refused, not died of. */
static const struct {
	int number, error;
} refused[] = {
    {SCMP_SYS(clone3), ENOSYS}, /* its flags cannot be looked at; clone() is tried next */
    {SCMP_SYS(socket), EACCES}, /* syslog(3), when its daemon was started anew */
    {SCMP_SYS(connect), EACCES},
    {SCMP_SYS(ioctl), ENOTTY}, /* isatty(3) */
    {SCMP_SYS(sched_setscheduler), EPERM},
    {SCMP_SYS(openat2), ENOSYS},
};

/* Not among them: those that make the kernel send a signal of one's choice to whoever has the same user, such as the hub. */
static const int fcntl_commands[] = {
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,  F_SETFD,     F_GETFL,     F_SETFL,
    F_GETLK, F_SETLK,         F_SETLKW, F_OFD_SETLK, F_OFD_GETLK,
};

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

/* Calls that are harmless with some arguments. Returns 0 or a negative errno. */
static int
add_limited(scmp_filter_ctx f)
{
	int rc = 0;

#if !SANDBOX_SANITIZED
	/* No memory becomes code. */
	rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				      SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
	/* getrlimit(): of oneself, setting nothing. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				      SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0));
	/* What reports a forbidden call stays in its place. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1,
				      SCMP_A0(SCMP_CMP_NE, SIGSYS, 0));
#endif
	/* Threads, no processes. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD_FLAGS, THREAD_FLAGS));
	for (size_t i = 0; i < ARRAY_SIZE(fcntl_commands) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				      SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntl_commands[i], 0));
	return rc;
}

/* What the maker may do more than a session; add_part() has to know all of it. Returns 0 or a negative errno. */
static int
add_makers(scmp_filter_ctx f, enum sandbox_role role)
{
	int rc = 0;

	if (role != SANDBOX_MAKER)
		return 0;
	rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			      SCMP_A0(SCMP_CMP_EQ, SIBLING_FLAGS, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
				      SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0),
				      SCMP_A1(SCMP_CMP_EQ, SIGKILL, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 1,
				      SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER, 0));
	return rc;
}

/* Takes it back. */
static int
add_part(scmp_filter_ctx f)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(clone), 1,
				  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_PARENT, CLONE_PARENT));

	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(prctl), 1,
				      SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(seccomp), 0);
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(landlock_restrict_self), 0);
	return rc;
}

static int
add_calls(scmp_filter_ctx f, enum sandbox_role role)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && rc == 0; i++) {
		if ((calls[i].roles & ROLE(role)) && calls[i].number >= 0)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i].number, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO((uint32_t)refused[i].error),
				      refused[i].number, 0);
	return rc;
}

/* Reads what libseccomp wrote into a file in memory. */
static int
read_program(int fd, struct sock_fprog *out)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) || st.st_size == 0)
		return -errno;
	p = malloc((size_t)st.st_size);
	if (!p)
		return -ENOMEM;
	if (io_pread_full(fd, p, (size_t)st.st_size, 0) != st.st_size) {
		free(p);
		return -EIO;
	}
	out->filter = p;
	out->len = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
	return 0;
}

/* Takes f. rc: whether all of it was added. */
static int export(scmp_filter_ctx f, int rc, struct sock_fprog *out, struct cfs_err *err)
{
	int fd = memfd_create("cfs-filter", MFD_CLOEXEC);

	if (rc == 0 && fd < 0)
		rc = -errno;
	if (rc == 0)
		rc = seccomp_export_bpf(f, fd);
	if (rc == 0)
		rc = read_program(fd, out);
	fd_close(&fd);
	seccomp_release(f);
	return rc ? err_set_errno(err, -rc, "make the list of system calls") : 0;
}

int
sandbox_filter_new(enum sandbox_role role, struct sock_fprog *out, struct cfs_err *err)
{
	/* As SCMP_ACT_KILL_PROCESS, but with a last word: see on_forbidden() in sandbox.c. */
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_TRAP);
	int rc = f ? seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -ENOMEM;

	if (rc == 0)
		rc = add_calls(f, role);
	if (rc == 0)
		rc = add_limited(f);
	if (rc == 0)
		rc = add_makers(f, role);
	return export(f, rc, out, err);
}

int
sandbox_filter_part(struct sock_fprog *out, struct cfs_err *err)
{
	/* Of several filters the strictest answer counts (seccomp(2)). */
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	return export(f, f ? add_part(f) : -ENOMEM, out, err);
}

char *
sandbox_call_name(int number)
{
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
}

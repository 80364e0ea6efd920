/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "server/hubmsg.h"
#include "server/sandbox_internal.h"

/* The connection, the hub, the store's directory and its open blobs, the database, the log. */
#define FILES_MAX 256

/* What a process may have of its own. A session that moves data at full speed uses some 60 MiB. */
#define MEMORY_MAX ((rlim_t)512 * 1024 * 1024)

struct sandbox {
	pid_t hub;
	int store_fd; /* O_PATH */
	int root_fd;  /* an empty directory that has no name any more */
	bool can_change_root;
	int paths[SANDBOX_ROLES]; /* Landlock rulesets, -1 none */
	struct sock_fprog calls[SANDBOX_ROLES];
	struct sock_fprog part; /* over the maker's calls */
};

/* ---- made by the hub ---- */

/* A directory without a name stays empty: nothing can be made in it. -1 when there is none to be had. */
static int
empty_root(const char *store_path)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/.root-XXXXXX", store_path) >= (int)sizeof(path) ||
	    !mkdtemp(path))
		return -1;
	fd = io_open(path, O_PATH | O_DIRECTORY, 0);
	if (rmdir(path))
		fd_close(&fd);
	return fd;
}

/* Root may change the root; others in a user namespace of their own, where the system lets them have one. */
static int
change_root(int root_fd)
{
	if (fchdir(root_fd))
		return -1;
	if (chroot(".") == 0)
		return 0;
	return unshare(CLONE_NEWUSER) || chroot(".") ? -1 : 0;
}

/* A process finds out, because there is no way back. */
static bool
root_can_change(int root_fd)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(change_root(root_fd) ? 1 : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void
say_what_is_missing(const struct sandbox *sb)
{
	if (sandbox_landlock_version() == 0)
		log_warn("this kernel has no Landlock: a process that is taken over reaches all "
			 "files of the server's user");
	if (!sb->can_change_root)
		log_warn(
		    "no empty root to be had (it takes root or user namespaces): connections that are not signed "
		    "in could open the store");
}

/* The directory of a file; -1 if there is no file to be written, or no directory yet. */
static int
directory_of(const char *file)
{
	struct path_view dir;
	char path[PATH_MAX];

	if (!file)
		return -1;
	dir = path_dir(path_view_str(file));
	(void)snprintf(path, sizeof(path), "%.*s", (int)dir.len, dir.p);
	return io_open(path, O_PATH | O_DIRECTORY, 0);
}

/* What a role writes outside the store; NULL: nothing. */
static const char *
file_of(enum sandbox_role role, const struct sandbox_files *files)
{
	if (!files)
		return NULL;
	return role == SANDBOX_METRICS ? files->metrics
	       : role == SANDBOX_AUDIT ? files->audit
				       : NULL;
}

/* Those that write files by the names in the settings. */
static bool
keeps_root(enum sandbox_role role)
{
	return role == SANDBOX_METRICS || role == SANDBOX_AUDIT;
}

int
sandbox_new(const char *store_path, const struct sandbox_files *files, pid_t hub,
	    struct sandbox **out, struct cfs_err *err)
{
	struct sandbox *sb = calloc(1, sizeof(*sb));
	int rc;

	if (!sb)
		return err_code(err, CFS_ENOMEM);
	sb->hub = hub;
	sb->root_fd = -1;
	for (int i = 0; i < SANDBOX_ROLES; i++)
		sb->paths[i] = -1;
	sb->store_fd = io_open(store_path, O_PATH | O_DIRECTORY, 0);
	rc = sb->store_fd < 0 ? err_set_errno(err, errno, "open %s", store_path) : 0;
	for (int i = 0; i < SANDBOX_ROLES && rc == 0; i++) {
		enum sandbox_role role = (enum sandbox_role)i;

		int dir_fd = directory_of(file_of(role, files));

		rc = sandbox_paths_new(role, sb->store_fd, dir_fd, &sb->paths[i], err);
		fd_close(&dir_fd);
		if (rc == 0)
			rc = sandbox_filter_new(role, &sb->calls[i], err);
	}
	if (rc == 0)
		rc = sandbox_filter_part(&sb->part, err);
	if (rc) {
		sandbox_free(sb);
		return rc;
	}
	sb->root_fd = empty_root(store_path);
	sb->can_change_root = sb->root_fd >= 0 && root_can_change(sb->root_fd);
	say_what_is_missing(sb);
	*out = sb;
	return 0;
}

void
sandbox_free(struct sandbox *sb)
{
	if (!sb)
		return;
	for (int i = 0; i < SANDBOX_ROLES; i++) {
		fd_close(&sb->paths[i]);
		free(sb->calls[i].filter);
	}
	free(sb->part.filter);
	fd_close(&sb->store_fd);
	fd_close(&sb->root_fd);
	free(sb);
}

void
sandbox_strip(struct sandbox *sb)
{
	for (int i = 0; i < SANDBOX_ROLES; i++) {
		if (i != SANDBOX_SESSION)
			fd_close(&sb->paths[i]);
		free(sb->calls[i].filter);
		sb->calls[i] = (struct sock_fprog){0};
	}
	fd_close(&sb->store_fd);
	fd_close(&sb->root_fd);
}

int
sandbox_store_fd(const struct sandbox *sb)
{
	return sb->store_fd;
}

/* ---- first step ---- */

static int
limit(int resource, rlim_t most, struct cfs_err *err)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)resource, &r))
		return err_set_errno(err, errno, "getrlimit");
	if (r.rlim_max > most)
		r.rlim_max = most;
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &r))
		return err_set_errno(err, errno, "setrlimit");
	return 0;
}

static int
set_limits(enum sandbox_role role, struct cfs_err *err)
{
	/* These two have a descriptor for each connection that is not signed in. */
	bool serves_all = role == SANDBOX_SIGNER || role == SANDBOX_DOOR;
	int rc = limit(RLIMIT_CORE, 0, err);

	if (rc == 0 && !serves_all)
		rc = limit(RLIMIT_NOFILE, FILES_MAX, err);
	/* A password takes 64 MiB to hash, for each processor. */
	if (rc == 0 && role != SANDBOX_DOOR && !SANDBOX_SANITIZED)
		rc = limit(RLIMIT_DATA, MEMORY_MAX, err);
	return rc;
}

/* Root's powers, or those that a user namespace gave: none is needed from here on, nor comes back. */
static int
drop_capabilities(struct cfs_err *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	/* A service manager may have done it, and then forbidden to do it again. */
	if (syscall(SYS_capset, &head, none) && (errno != EPERM || geteuid() == 0))
		return err_set_errno(err, errno, "drop capabilities");
	return 0;
}

/* Root that serves another's store becomes that user, whose files it is to open without root's powers. */
static int
become_owner(int store_fd, struct cfs_err *err)
{
	struct stat st;

	if (fstat(store_fd, &st))
		return err_set_errno(err, errno, "store");
	if (geteuid() != 0 || st.st_uid == 0)
		return 0;
	if (setgroups(0, NULL) || setresgid(st.st_gid, st.st_gid, st.st_gid) ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid))
		return err_set_errno(err, errno, "become user %u", (unsigned)st.st_uid);
	return 0;
}

/* What a fork takes back. */
static int
die_with_hub(const struct sandbox *sb, struct cfs_err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_set_errno(err, errno, "prctl");
	return getppid() == sb->hub ? 0 : err_set(err, CFS_ECANCELED, "the hub is gone");
}

int
sandbox_drop(struct sandbox *sb, enum sandbox_role role, struct cfs_err *err)
{
	bool reaches_store = role != SANDBOX_SESSION && role != SANDBOX_MAKER && !keeps_root(role);
	int rc = set_limits(role, err);

	if (rc)
		return rc;
	if (!keeps_root(role) && sb->can_change_root && change_root(sb->root_fd))
		return err_set_errno(err, errno, "change the root");
	if (reaches_store && fchdir(sb->store_fd))
		return err_set_errno(err, errno, "change the directory");
	rc = become_owner(sb->store_fd, err);
	if (rc == 0)
		rc = drop_capabilities(err);
	if (rc)
		return rc;
	/* After every change of credentials, which takes both back (prctl(2)). */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return err_set_errno(err, errno, "prctl");
	return die_with_hub(sb, err);
}

/* ---- second step ---- */

/* A signal handler has no argument of ours. Set once, before the filter. */
static int report_to = -1;

/*
 * The last word of a process that made a forbidden call: its number, to the hub. The call was not made, and this handler cannot be
 * replaced (sandbox_calls.c), so the process ends here whoever is in control of it.
 */
static void
on_forbidden(int signal, siginfo_t *info, void *context)
{
	struct hub_msg m = {.kind = HUB_FORBIDDEN, .index = (uint32_t)info->si_syscall};

	(void)signal;
	(void)context;
	(void)!send(report_to, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(128 + SIGSYS);
}

static int
restrict_to(int paths, const struct sock_fprog *calls, struct cfs_err *err)
{
	if (paths >= 0 && syscall(SYS_landlock_restrict_self, paths, 0))
		return err_set_errno(err, errno, "landlock_restrict_self");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, calls))
		return err_set_errno(err, errno, "seccomp");
	return 0;
}

int
sandbox_lock(struct sandbox *sb, enum sandbox_role role, int report_fd, struct cfs_err *err)
{
	struct sigaction act = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO};

	report_to = report_fd;
	if (sigaction(SIGSYS, &act, NULL))
		return err_set_errno(err, errno, "sigaction");
	return restrict_to(sb->paths[role], &sb->calls[role], err);
}

int
sandbox_part(struct sandbox *sb, int report_fd, struct cfs_err *err)
{
	int rc = die_with_hub(sb, err);

	report_to = report_fd;
	/* The same files as the maker's, but a domain of its own: Landlock keeps those apart. */
	return rc ? rc : restrict_to(sb->paths[SANDBOX_SESSION], &sb->part, err);
}

int
sandbox_enter(struct sandbox *sb, enum sandbox_role role, int report_fd, struct cfs_err *err)
{
	int rc = sandbox_drop(sb, role, err);

	return rc ? rc : sandbox_lock(sb, role, report_fd, err);
}

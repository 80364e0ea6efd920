/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "heap.h"
#include "mount.h"
#include "options.h"
#include "unmount.h"

/*
 * The process: reads options, goes to the background before any thread is started, connects, mounts, tells the waiting
 * parent how it went, serves until it is unmounted or told to end.
 */

/* What the signal handler ends; a handler has no argument. */
static struct {
	struct fuse_session *session;
	struct cfs *c;
} ending;

static void
on_end(int sig)
{
	int saved = errno;

	(void)sig;
	if (ending.session != NULL)
		fuse_session_exit(ending.session);
	if (ending.c != NULL)
		cfs_interrupt(ending.c);
	/* A handler may have begun its next call just now: again, until the loop has ended. */
	alarm(1);
	errno = saved;
}

static void
install_signals(void)
{
	struct sigaction sa = {.sa_handler = on_end};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
op_init(void *userdata, struct fuse_conn_info *conn)
{
	const struct mount *m = userdata;

	conn->max_write = MOUNT_IO_MAX;
	conn->max_readahead = MOUNT_IO_MAX;
	conn->max_background = 64;
	conn->want |=
	    conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
			     FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ATOMIC_O_TRUNC |
			     FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS);
	if (m->locks.local_bytes) {
		conn->want &= ~(unsigned)FUSE_CAP_POSIX_LOCKS;
	}
	if (m->locks.local_whole) {
		conn->want &= ~(unsigned)FUSE_CAP_FLOCK_LOCKS;
	}
	/* The kernel must not own sizes and times: other clients change them too. */
	conn->want &= ~(unsigned)(FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_HANDLE_KILLPRIV);
}

/* The profile and the path of a REMOTE argument: "", "docs", "/bob", "name:docs", "cfs://user@host/docs". */
static int
load_profile(const struct options *o, struct cfs_profile *p, const char **path_out,
	     struct cfs_err *err)
{
	const char *remote = o->remote != NULL ? o->remote : "/", *colon = strchr(remote, ':');
	const char *slash = strchr(remote, '/');
	char *name;
	int rc;

	*path_out = remote;
	if (colon == NULL || colon == remote || (slash != NULL && slash < colon)) {
		return cfs_profile_load(o->profile, p, err);
	}
	if (strncmp(remote, "cfs://", 6) == 0) {
		struct cfs_profile url = {0};

		slash = strchr(remote + 6, '/');
		*path_out = slash != NULL && slash[1] != '\0' ? slash + 1 : "/";
		rc = cfs_profile_from_url(remote, &url, err);
		if (rc == 0) {
			rc = cfs_profile_match(&url, p, err);
		}
		cfs_profile_fini(&url);
		return rc;
	}
	name = strndup(remote, (size_t)(colon - remote));
	*path_out = colon[1] != '\0' ? colon + 1 : "/";
	rc = name != NULL ? cfs_profile_load(name, p, err) : err_code(err, CFS_ENOMEM);
	free(name);
	return rc;
}

/* The directory that becomes the top of the mount. */
static int
find_top(struct mount *m, const struct options *o, const char *path, struct cfs_err *err)
{
	struct cfs_attr a;
	char *full = NULL;
	uint64_t asked_ns;
	int rc;

	if (o->subdir != NULL &&
	    asprintf(&full, "%s/%s", strcmp(path, "/") == 0 ? "" : path, o->subdir) < 0) {
		return err_code(err, CFS_ENOMEM);
	}
	asked_ns = now_mono_ns();
	rc = cfs_stat(m->c, full != NULL ? full : path, false, &a, err);
	if (rc == 0 && a.type != CFS_DIR) {
		rc = err_code(err, CFS_ENOTDIR);
	}
	if (rc != 0) {
		err_wrap(err, "%s", full != NULL ? full : path);
	}
	if (rc == 0) {
		m->top = a.ref;
		rc = inodes_set_top(&m->inodes, a.ref);
	}
	if (rc == 0) {
		struct inode *top = inode_get(&m->inodes, FUSE_ROOT_ID);

		inode_note(top, &a, asked_ns);
		inode_put(&m->inodes, top);
		if (!o->no_inotify && !o->read_only) {
			replay_find_top(&m->replay, full != NULL ? full : path);
		}
	}
	free(full);
	return rc;
}

static int
connect_server(struct mount *m, const struct options *o, struct cfs_err *err)
{
	const struct cfs_options co = {
	    .program = "cfs-mount",
	    .timeout_ms = (unsigned)o->timeout_ms,
	    .reconnect_ms = (unsigned)o->timeout_ms,
	    .undelivered = recovery_keep,
	    .undelivered_arg = &m->recovery,
	    .lock_lost = mount_lock_lost,
	    .lock_lost_arg = m,
	    .promises = m->fresh_ns > 0,
	    .cache_dir = o->cache_dir,
	    .cache_size = o->cache_size,
	    .content_bytes = MOUNT_CONTENT_BYTES,
	    .invalid = inval_hook,
	    .invalid_arg = m,
	};
	struct cfs_profile p = {0};
	const char *path;
	int rc = load_profile(o, &p, &path, err);

	if (rc == 0) {
		rc = cfs_connect(&p, &co, &m->c, err);
	}
	cfs_profile_fini(&p);
	return rc == 0 ? find_top(m, o, path, err) : rc;
}

/* What cannot be read counts as empty: mounting will tell. */
static bool
is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool empty = true;

	while (d != NULL && empty && (e = readdir(d)) != NULL) {
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	}
	if (d != NULL) {
		closedir(d);
	}
	return empty;
}

static int
check_directory(const char *dir, bool non_empty, struct cfs_err *err)
{
	struct stat st;

	if (unmount_is_dead(dir) && unmount_dir(dir, err) != 0) {
		return err_wrap(err, "a mount that was killed is in the way");
	}
	if (stat(dir, &st) != 0) {
		return err_set_errno(err, errno, "%s", dir);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, CFS_ENOTDIR, "%s: not a directory", dir);
	}
	if (unmount_is_mounted(dir)) {
		return err_set(err, CFS_EEXIST,
			       "%s: CFS is mounted there; 'cfs-mount -u %s' ends it", dir, dir);
	}
	if (!non_empty && !is_empty(dir)) {
		return err_set(
		    err, CFS_ENOTEMPTY,
		    "%s: not empty; what is in it could not be seen (-o nonempty mounts all "
		    "the same)",
		    dir);
	}
	if (access("/dev/fuse", R_OK | W_OK) != 0) {
		return err_set(err, CFS_EFAIL,
			       "/dev/fuse: %s; is the fuse module loaded, and "
			       "fuse3 installed?",
			       strerror(errno));
	}
	return 0;
}

static struct fuse_session *
make_session(struct mount *m, struct options *o, struct cfs_err *err)
{
	struct fuse_lowlevel_ops ops = {.init = op_init};
	char prog[] = "cfs-mount", flag[] = "-o", debug[] = "-d", *opts = NULL;
	char *argv[] = {prog, flag, NULL, debug, NULL};
	struct fuse_args args = {.argc = o->debug ? 4 : 3, .argv = argv};
	struct fuse_session *s = NULL;

	if (asprintf(&opts, "fsname=cfs:%s,subtype=cfs%s%.*s", cfs_whoami(m->c)->user,
		     o->passed.len > 0 ? "," : "", (int)o->passed.len,
		     o->passed.len > 0 ? (const char *)o->passed.data : "") >= 0) {
		argv[2] = opts;
		ops_names(&ops);
		ops_attrs(&ops);
		ops_files(&ops);
		ops_dirs(&ops);
		ops_locks(&ops);
		ops_xattrs(&ops);
		ops_space(&ops);
		versions_wrap(&m->versions, &ops);
		replay_wrap(&m->replay, &ops);
		interrupts_wrap(&m->interrupts, &ops);
		pages_wrap(&m->pages, &ops);
		s = fuse_session_new(&args, &ops, sizeof ops, m);
	}
	if (s == NULL) {
		err_set(err, CFS_EUSAGE, "libfuse refused the options '%s'", opts);
	}
	/* libfuse may have put a copy of its own in their place. */
	fuse_opt_free_args(&args);
	free(opts);
	return s;
}

/* The parent's end: waits for the first byte (mounted) or the end (failed; the child has said why). */
static int
wait_for_child(int fd)
{
	unsigned char code = 1;

	while (read(fd, &code, 1) < 0 && errno == EINTR) {
	}
	return code;
}

static void
tell_parent(int fd, unsigned char code)
{
	int null;

	if (fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && code == 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (write(fd, &code, 1) < 0) {
		/* The parent is gone; nobody waits. */
	}
	close(fd);
	close(null); /* above 2: those are open since main() began */
}

/* Serves until it is unmounted or told to end. */
static int
loop(struct fuse_session *s, struct cfs_err *err)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int rc;

	if (config == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	fuse_loop_cfg_set_max_threads(config, MOUNT_THREADS);
	fuse_loop_cfg_set_idle_threads(config, 8);
	rc = fuse_session_loop_mt(s, config);
	fuse_loop_cfg_destroy(config);
	return rc < 0 ? err_set(err, CFS_EFAIL, "the kernel's connection broke") : 0;
}

static int
serve(struct mount *m, struct options *o, int parent_fd, struct cfs_err *err)
{
	struct fuse_session *s;
	int rc = connect_server(m, o, err);

	if (rc != 0) {
		return rc;
	}
	s = make_session(m, o, err);
	if (s == NULL) {
		return CFS_EUSAGE;
	}
	/* Once it is mounted nobody must look at it before it is served. */
	m->replay.dir = realpath(o->dir, NULL);
	ending.c = m->c;
	ending.session = s;
	install_signals();
	if (fuse_session_mount(s, o->dir) != 0) {
		rc = err_set(err, CFS_EFAIL, "%s: cannot be mounted", o->dir);
	} else {
		if (chdir("/") != 0) {
			/* Stays where it is; that only keeps a directory busy. */
		}
		atomic_store(&m->invals.session, s);
		replay_start(&m->replay);
		tell_parent(parent_fd, 0);
		if (parent_fd >= 0) {
			log_to_syslog("cfs-mount");
		}
		holder_init(&m->holder, m);
		rc = loop(s, err);
		pages_stop(&m->pages, s);
		around_stop(&m->around);
		holder_fini(&m->holder);
		replay_stop(&m->replay);
		interrupts_stop(&m->interrupts);
		mount_locks_stop(&m->locks);
		atomic_store(&m->invals.session, NULL);
		fuse_session_unmount(s);
	}
	ending.session = NULL;
	ending.c = NULL;
	alarm(0);
	fuse_session_destroy(s);
	return rc;
}

/* In the child, or with -f in the one process. */
static int
run(struct options *o, int parent_fd)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct mount m = {
	    .uid = o->uid >= 0 ? (uid_t)o->uid : getuid(),
	    .gid = o->gid >= 0 ? (gid_t)o->gid : getgid(),
	    .attr_timeout = o->attr_timeout,
	    .entry_timeout = o->entry_timeout,
	    .negative_timeout = o->negative_timeout,
	    .umask = (mode_t)o->umask,
	    .read_only = o->read_only,
	    .stored_ids = o->stored_ids,
	};
	double fresh = o->attr_timeout < o->entry_timeout ? o->attr_timeout : o->entry_timeout;
	int rc = inodes_init(&m.inodes, (size_t)o->max_inodes);
	recovery_init(&m.recovery);
	recovery_remind();
	mount_locks_init(&m.locks);
	replay_init(&m.replay, &m);
	interrupts_init(&m.interrupts, &m);
	m.locks.local_bytes = o->local_bytes;
	m.locks.local_whole = o->local_whole;
	m.fresh_ns = (uint64_t)(fresh * 1e9);
	if (rc == 0) {
		listings_init(&m.listings);
		ahead_init(&m.ahead, &m);
		around_init(&m.around, &m);
		pages_init(&m.pages, &m);
		versions_init(&m.versions);
		rc = invals_init(&m.invals, &m);
	}
	if (rc == 0) {
		rc = serve(&m, o, parent_fd, &err);
		replay_fini(&m.replay);
		ahead_fini(&m.ahead);
		versions_fini(&m.versions);
		invals_fini(&m.invals);
		listings_fini(&m.listings);
		around_fini(&m.around);
		pages_fini(&m.pages);
		/* Closes what is still open, which sends what was written. */
		inodes_fini(&m.inodes);
	}
	cfs_close(m.c);
	interrupts_fini(&m.interrupts);
	recovery_fini(&m.recovery);
	mount_locks_fini(&m.locks);
	if (rc != 0) {
		fprintf(stderr, "cfs-mount: %s\n", err.text);
		tell_parent(parent_fd, (unsigned char)err_exit_code(rc));
	}
	return err_exit_code(rc);
}

static int
run_in_background(struct options *o)
{
	int fds[2], code;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		fprintf(stderr, "cfs-mount: %s\n", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		close(fds[0]);
		setsid();
		code = run(o, fds[1]);
	} else {
		close(fds[1]);
		code = wait_for_child(fds[0]);
		close(fds[0]);
	}
	return code;
}

int
main(int argc, char **argv)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct options o;
	int rc, code = 0;

	fd_keep_standard();
	heap_tune();
	rc = options_parse(&o, argc, argv, &err);
	if (rc == 0 && o.unmount) {
		rc = unmount_dir(o.dir, &err);
	} else if (rc == 0) {
		rc = check_directory(o.dir, o.non_empty, &err);
		if (rc == 0 && !o.fake) {
			code = o.foreground || o.debug ? run(&o, -1) : run_in_background(&o);
		}
	}
	options_fini(&o);
	if (rc < 0) {
		fprintf(stderr, "cfs-mount: %s\n", err.text);
		return err_exit_code(rc);
	}
	return code;
}

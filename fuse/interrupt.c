/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "mount.h"

#define LOOK_MS    100
#define PATIENT_NS NS_PER_S

/* A request whose handler is at work, on its stack. */
struct handled {
	uintptr_t number;
	pid_t caller;
	pthread_t thread;
	bool interrupted;
	uint64_t began_ns;
	uint64_t asked_ns; /* since when the caller has been asked to end; 0: it was not */
	struct handled *next, **prev;
};

/* ---- what became of the caller */

static uint64_t
bit(int sig)
{
	return UINT64_C(1) << (sig - 1);
}

/* A mask of signals in the text of /proc/PID/status. */
static uint64_t
mask_in(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 16) : 0;
}

/* False where it cannot be seen: then it goes on waiting. */
static bool
read_status(pid_t pid, char *text, size_t size)
{
	char path[40];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Whether the caller has no use for an answer, as far as its signals tell. */
static bool
wants_to_end(struct handled *h)
{
	const uint64_t wishes = bit(SIGHUP) | bit(SIGINT) | bit(SIGQUIT) | bit(SIGTERM);
	char text[4096];
	uint64_t pending, now = now_mono_ns();

	if (!read_status(h->caller, text, sizeof text)) {
		return false;
	}
	pending = mask_in(text, "\nSigPnd:") | mask_in(text, "\nShdPnd:");
	/* The kernel gives this one to all threads of a process that a signal ends. */
	if ((pending & bit(SIGKILL)) != 0) {
		return now - h->began_ns >= PATIENT_NS;
	}
	pending &= wishes & ~mask_in(text, "\nSigBlk:") & ~mask_in(text, "\nSigIgn:");
	if (pending == 0) {
		return false;
	}
	h->asked_ns = h->asked_ns != 0 ? h->asked_ns : now;
	return now - h->asked_ns >= PATIENT_NS;
}

/* ---- the thread that looks */

/* Whether hardly a thread is left that the kernel could tell of an interruption; some may be at what has no caller. */
static bool
is_full(const struct interrupts *x)
{
	return x->count >= MOUNT_THREADS - MOUNT_THREADS / 4;
}

static void
look_at_all(struct interrupts *x)
{
	for (struct handled *h = x->first; h != NULL; h = h->next) {
		if ((h->interrupted || is_full(x)) && wants_to_end(h)) {
			cfs_interrupt_thread(x->m->c, h->thread);
		}
	}
}

static void
sleep_a_little(struct interrupts *x)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&x->cond, &x->lock, &until);
}

static void *
look(void *arg)
{
	struct interrupts *x = arg;

	pthread_mutex_lock(&x->lock);
	while (!x->ending) {
		if (x->interrupted == 0 && !is_full(x)) {
			pthread_cond_wait(&x->cond, &x->lock);
			continue;
		}
		look_at_all(x);
		sleep_a_little(x);
	}
	pthread_mutex_unlock(&x->lock);
	return NULL;
}

/* Locked. Signals are for the thread that serves. */
static void
start_thread(struct interrupts *x)
{
	sigset_t all, old;

	if (x->running || x->ending) {
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	x->running = pthread_create(&x->thread, NULL, look, x) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
interrupts_init(struct interrupts *x, struct mount *m)
{
	memset(x, 0, sizeof *x);
	x->m = m;
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->cond, NULL);
}

void
interrupts_stop(struct interrupts *x)
{
	pthread_mutex_lock(&x->lock);
	x->ending = true;
	pthread_cond_signal(&x->cond);
	pthread_mutex_unlock(&x->lock);
	if (x->running) {
		pthread_join(x->thread, NULL);
		x->running = false;
	}
}

void
interrupts_fini(struct interrupts *x)
{
	pthread_cond_destroy(&x->cond);
	pthread_mutex_destroy(&x->lock);
}

/* ---- requests */

static struct interrupts *
interrupts_of(fuse_req_t req)
{
	return &mount_of(req)->interrupts;
}

/* libfuse holds the request's lock. The handler may have ended: then its number is no more. */
static void
on_interrupt(fuse_req_t req, void *number)
{
	struct interrupts *x = interrupts_of(req);

	pthread_mutex_lock(&x->lock);
	for (struct handled *h = x->first; h != NULL; h = h->next) {
		if (h->number != (uintptr_t)number || h->interrupted) {
			continue;
		}
		h->interrupted = true;
		x->interrupted++;
		start_thread(x);
		pthread_cond_signal(&x->cond);
	}
	pthread_mutex_unlock(&x->lock);
}

static struct interrupts *
begin(fuse_req_t req, struct handled *h)
{
	struct interrupts *x = interrupts_of(req);

	*h = (struct handled){
	    .caller = fuse_req_ctx(req)->pid, .thread = pthread_self(), .began_ns = now_mono_ns()};
	pthread_mutex_lock(&x->lock);
	h->number = ++x->last;
	h->next = x->first;
	h->prev = &x->first;
	if (h->next != NULL) {
		h->next->prev = &h->next;
	}
	x->first = h;
	x->count++;
	if (is_full(x)) {
		start_thread(x);
		pthread_cond_signal(&x->cond);
	}
	pthread_mutex_unlock(&x->lock);
	fuse_req_interrupt_func(req, on_interrupt, (void *)h->number);
	return x;
}

static void
end(struct interrupts *x, struct handled *h)
{
	pthread_mutex_lock(&x->lock);
	*h->prev = h->next;
	if (h->next != NULL) {
		h->next->prev = h->prev;
	}
	x->count--;
	x->interrupted -= h->interrupted;
	pthread_mutex_unlock(&x->lock);
}

/* What stands before a handler: its name, its parameters after the request, and the same as arguments. */
#define BEFORE(op, parameters, ...)                                                                \
	static void before_##op parameters                                                         \
	{                                                                                          \
		struct handled h;                                                                  \
		struct interrupts *x = begin(req, &h);                                             \
                                                                                                   \
		x->plain.op(req, __VA_ARGS__);                                                     \
		end(x, &h);                                                                        \
	}
#define REQ       fuse_req_t req, fuse_ino_t ino
#define FILE_INFO struct fuse_file_info *fi

BEFORE(lookup, (REQ, const char *name), ino, name)
BEFORE(getattr, (REQ, FILE_INFO), ino, fi)
BEFORE(setattr, (REQ, struct stat *st, int what, FILE_INFO), ino, st, what, fi)
BEFORE(access, (REQ, int mask), ino, mask)
BEFORE(statfs, (REQ), ino)
BEFORE(opendir, (REQ, FILE_INFO), ino, fi)
BEFORE(readdir, (REQ, size_t size, off_t at, FILE_INFO), ino, size, at, fi)
BEFORE(readdirplus, (REQ, size_t size, off_t at, FILE_INFO), ino, size, at, fi)
BEFORE(fsyncdir, (REQ, int data, FILE_INFO), ino, data, fi)
BEFORE(open, (REQ, FILE_INFO), ino, fi)
BEFORE(create, (REQ, const char *name, mode_t mode, FILE_INFO), ino, name, mode, fi)
BEFORE(read, (REQ, size_t size, off_t at, FILE_INFO), ino, size, at, fi)
BEFORE(write, (REQ, const char *p, size_t size, off_t at, FILE_INFO), ino, p, size, at, fi)
BEFORE(flush, (REQ, FILE_INFO), ino, fi)
BEFORE(fsync, (REQ, int data, FILE_INFO), ino, data, fi)
BEFORE(getlk, (REQ, FILE_INFO, struct flock *l), ino, fi, l)
BEFORE(setlk, (REQ, FILE_INFO, struct flock *l, int wait), ino, fi, l, wait)
BEFORE(flock, (REQ, FILE_INFO, int op), ino, fi, op)
BEFORE(mknod, (REQ, const char *name, mode_t mode, dev_t dev), ino, name, mode, dev)
BEFORE(mkdir, (REQ, const char *name, mode_t mode), ino, name, mode)
BEFORE(symlink, (fuse_req_t req, const char *to, fuse_ino_t ino, const char *name), to, ino, name)
BEFORE(unlink, (REQ, const char *name), ino, name)
BEFORE(rmdir, (REQ, const char *name), ino, name)
BEFORE(rename, (REQ, const char *name, fuse_ino_t dir, const char *to, unsigned flags), ino, name,
       dir, to, flags)
BEFORE(link, (REQ, fuse_ino_t dir, const char *name), ino, dir, name)
BEFORE(readlink, (REQ), ino)
BEFORE(lseek, (REQ, off_t at, int whence, FILE_INFO), ino, at, whence, fi)
BEFORE(fallocate, (REQ, int mode, off_t at, off_t size, FILE_INFO), ino, mode, at, size, fi)
BEFORE(copy_file_range,
       (REQ, off_t from, FILE_INFO, fuse_ino_t other, off_t to, struct fuse_file_info *out,
	size_t size, int flags),
       ino, from, fi, other, to, out, size, flags)
BEFORE(getxattr, (REQ, const char *name, size_t size), ino, name, size)
BEFORE(listxattr, (REQ, size_t size), ino, size)
BEFORE(setxattr, (REQ, const char *name, const char *value, size_t size, int flags), ino, name,
       value, size, flags)
BEFORE(removexattr, (REQ, const char *name), ino, name)

#define STAND_BEFORE(op) ops->op = ops->op != NULL ? before_##op : NULL

void
interrupts_wrap(struct interrupts *x, struct fuse_lowlevel_ops *ops)
{
	x->plain = *ops;
	STAND_BEFORE(lookup);
	STAND_BEFORE(getattr);
	STAND_BEFORE(setattr);
	STAND_BEFORE(access);
	STAND_BEFORE(statfs);
	STAND_BEFORE(opendir);
	STAND_BEFORE(readdir);
	STAND_BEFORE(readdirplus);
	STAND_BEFORE(fsyncdir);
	STAND_BEFORE(open);
	STAND_BEFORE(create);
	STAND_BEFORE(read);
	STAND_BEFORE(write);
	STAND_BEFORE(flush);
	STAND_BEFORE(fsync);
	STAND_BEFORE(getlk);
	STAND_BEFORE(setlk);
	STAND_BEFORE(flock);
	STAND_BEFORE(mknod);
	STAND_BEFORE(mkdir);
	STAND_BEFORE(symlink);
	STAND_BEFORE(unlink);
	STAND_BEFORE(rmdir);
	STAND_BEFORE(rename);
	STAND_BEFORE(link);
	STAND_BEFORE(readlink);
	STAND_BEFORE(lseek);
	STAND_BEFORE(fallocate);
	STAND_BEFORE(copy_file_range);
	STAND_BEFORE(getxattr);
	STAND_BEFORE(listxattr);
	STAND_BEFORE(setxattr);
	STAND_BEFORE(removexattr);
}

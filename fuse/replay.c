/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replay.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/time.h"
#include "mount.h"
#include "replay_calls.h"
#include "replay_way.h"

/* So long the thread is in the mount at most, which cannot be unmounted meanwhile; then it rests for as long. */
#define STAY_NS (20 * (uint64_t)NS_PER_MS)

/* With more own changes under way than that it makes none itself: half of the threads that there are for requests. */
#define CHANGING_MAX (MOUNT_THREADS / 2)
#define BUSY_NS      (10 * (uint64_t)NS_PER_MS)

void
replay_init(struct replay *r, struct mount *m)
{
	pthread_condattr_t monotonic;

	*r = (struct replay){.m = m};
	news_init(&r->queue);
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->call_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* ---- where */

/* Whether the path is the top's own, as events have it: no symbolic link leads through it. */
static bool
is_plain(struct mount *m, char *path)
{
	struct cfs_attr a = {.ref = m->top};
	char *slash = path;
	bool plain = true;

	while (plain && (slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		plain = cfs_stat(m->c, path, true, &a, NULL) == 0 && a.type == CFS_DIR;
		*slash = '/';
	}
	return plain && (path[0] == '\0' ||
			 (cfs_stat(m->c, path, true, &a, NULL) == 0 && a.ref.ino == m->top.ino));
}

void
replay_find_top(struct replay *r, const char *path)
{
	struct mount *m = r->m;
	char *full = NULL, *out;

	if (asprintf(&full, "%s%s/%s", path[0] == '/' ? "" : "/",
		     path[0] == '/' ? "" : cfs_whoami(m->c)->user, path) < 0) {
		return;
	}
	out = full;
	for (const char *in = full; *in != '\0'; in++) {
		if (*in != '/' || (in[1] != '/' && in[1] != '\0')) {
			*out++ = *in;
		}
	}
	*out = '\0';
	if (!is_plain(m, full)) {
		free(full);
		return;
	}
	r->top = full;
}

/* ---- listening */

static int
on_event(void *arg, const struct cfs_event *e)
{
	struct replay *r = arg;
	bool full;

	if (!replay_is_known(r, e->path) &&
	    (e->target[0] == '\0' || !replay_is_known(r, e->target))) {
		return 0;
	}
	pthread_mutex_lock(&r->lock);
	full = news_add(&r->queue, e) == NEWS_FULL && !r->overflowed;
	r->overflowed |= full;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
	if (full) {
		log_warn("inotify: too much is changed elsewhere for all of it to be told");
	}
	return 0;
}

static int
subscribe(struct replay *r, struct cfs_err *err)
{
	const char *const top = r->top;
	const struct cfs_subscribe how = {
	    .since = CFS_SINCE_NOW,
	    .filter = CFS_EVENTS_VISIBLE | CFS_EVENTS_OTHERS,
	    .kinds = 1u << CFS_EVENT_CHANGE,
	    .paths = &top,
	    .path_count = r->top[0] != '\0' ? 1 : 0,
	    .event = on_event,
	    .arg = r,
	};

	return cfs_subscribe(r->m->c, &how, &r->sub, NULL, err);
}

/* ---- the thread */

/* Locked. */
static void
rest(struct replay *r, uint64_t ns)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / (uint64_t)NS_PER_S);
	until.tv_nsec = (long)(ns % (uint64_t)NS_PER_S);
	while (!r->ending && pthread_cond_timedwait(&r->cond, &r->lock, &until) == 0) {
	}
}

/* Locked; unlocked meanwhile. Replays what there is, for a while. */
static void
replay_some(struct replay *r)
{
	uint64_t began = now_mono_ns(), took = 0;
	struct news *n;

	while (!r->ending && took < STAY_NS && atomic_load(&r->changing) < CHANGING_MAX &&
	       (n = news_pop(&r->queue)) != NULL) {
		pthread_mutex_unlock(&r->lock);
		replay_news(r, n);
		free(n);
		pthread_mutex_lock(&r->lock);
		took = now_mono_ns() - began;
	}
	pthread_mutex_unlock(&r->lock);
	replay_leave(r);
	pthread_mutex_lock(&r->lock);
	if (r->queue.first != NULL) {
		rest(r, took < STAY_NS ? BUSY_NS : STAY_NS);
	}
}

static void *
run(void *arg)
{
	struct replay *r = arg;
	int rc;

	pthread_setname_np(pthread_self(), "cfs-replay");
	/* The directory that it is in is its own business. */
	rc = unshare(CLONE_FS) == 0 ? 0 : -errno;
	atomic_store(&r->tid, (int)gettid());
	if (rc == 0) {
		rc = replay_enter(r);
		replay_leave(r);
	}
	pthread_mutex_lock(&r->lock);
	if (rc != 0 && !r->ending) {
		log_warn("inotify: what changes elsewhere wakes no watcher: %s", strerror(-rc));
	}
	while (!r->ending && rc == 0) {
		if (r->queue.first == NULL) {
			pthread_cond_wait(&r->cond, &r->lock);
		} else {
			replay_some(r);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void
replay_start(struct replay *r)
{
	struct id128 secret = id128_random();
	char text[ID128_HEX_SIZE];
	struct cfs_err err = CFS_ERR_INIT;
	sigset_t all, old;
	int rc;

	if (r->dir == NULL || r->top == NULL) {
		return;
	}
	snprintf(r->way_in, sizeof r->way_in, ".cfs-%s", id128_hex(text, &secret));
	rc = subscribe(r, &err);
	if (rc != 0) {
		log_warn("inotify: what changes elsewhere wakes no watcher: %s", err.text);
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r->running = pthread_create(&r->thread, NULL, run, r) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
replay_stop(struct replay *r)
{
	pthread_mutex_lock(&r->lock);
	r->ending = true;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
	cfs_unsubscribe(r->sub);
	r->sub = NULL;
}

void
replay_fini(struct replay *r)
{
	if (r->running) {
		pthread_join(r->thread, NULL);
	}
	news_fini(&r->queue);
	free(r->top);
	free(r->dir);
	pthread_cond_destroy(&r->cond);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->call_lock);
}

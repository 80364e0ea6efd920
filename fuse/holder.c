/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "holder.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mount.h"
#include "place.h"

#define REPEAT_S (20 * 60)

/* True: the time is over; false: the mount ends. */
static bool
pause_until_next(struct holder *h)
{
	struct timespec until;
	int rc = 0;
	bool ending;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REPEAT_S;
	pthread_mutex_lock(&h->lock);
	while (!h->ending && rc != ETIMEDOUT) {
		rc = pthread_cond_timedwait(&h->wake, &h->lock, &until);
	}
	ending = h->ending;
	pthread_mutex_unlock(&h->lock);
	return !ending;
}

static void
hold(void *arg, struct inode *i)
{
	struct mount *m = arg;

	cfs_hold(m->c, i->ref, CFS_LATER, NULL);
}

static void *
run(void *arg)
{
	struct holder *h = arg;

	while (pause_until_next(h)) {
		inodes_each_open(&h->m->inodes, hold, h->m);
	}
	return NULL;
}

void
holder_init(struct holder *h, struct mount *m)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	h->m = m;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are for the threads that serve. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	h->running = pthread_create(&h->thread, NULL, run, h) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
holder_fini(struct holder *h)
{
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (h->running) {
		pthread_join(h->thread, NULL);
	}
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
}

void
holder_note(struct mount *m, struct inode *i)
{
	if (inode_is_open(i) && !atomic_exchange(&i->held, true)) {
		hold(m, i);
	}
}

void
holder_hold(struct mount *m, struct inode *i)
{
	atomic_store(&i->held, true);
	hold(m, i);
}

void
holder_before(struct mount *m, const struct inode *dir, const char *name)
{
	uint64_t place = place_of(dir->ref.ino, name, strlen(name));
	struct inode *i = place_find(&m->inodes, place, PLACE_NOW);

	/* Again for each name: it may be the last one. */
	if (i != NULL && inode_is_open(i)) {
		holder_hold(m, i);
	}
	inode_put(&m->inodes, i);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inval.h"

#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "mount.h"

/* Directories whose lock the kernel may be waiting for at the same time. */
#define THREADS 8u
#define IDLE_MS 2000u

/* No promise, so nothing that the kernel was told, outlives this. */
#define TRUST_NS (10 * (uint64_t)NS_PER_S)

struct inval {
	struct work_job job; /* first */
	struct inval *next;
	struct invals *v;
	struct inode *i; /* held; NULL: everything */
	struct cfs_invalid what;
	bool answered;
	uint64_t wait_until; /* names that nobody knows: the kernel has forgotten them by then */
	char name[256];
};

int
invals_init(struct invals *v, struct mount *m)
{
	memset(v, 0, sizeof *v);
	v->m = m;
	pthread_mutex_init(&v->lock, NULL);
	pthread_mutex_init(&v->hook_lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&v->cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return work_new(THREADS, IDLE_MS, &v->pool, NULL);
}

static void
collect(struct invals *v)
{
	struct work_job *job = work_collect(v->pool);

	while (job != NULL) {
		struct inval *e = (struct inval *)(void *)job;

		job = job->next;
		if (e->i != NULL) {
			inode_put(&v->m->inodes, e->i);
		}
		free(e);
	}
}

void
invals_fini(struct invals *v)
{
	pthread_mutex_lock(&v->hook_lock);
	v->deaf = true;
	pthread_mutex_unlock(&v->hook_lock);
	pthread_mutex_lock(&v->lock);
	v->ending = true;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	if (v->pool != NULL) {
		struct pollfd done = {.fd = work_fd(v->pool), .events = POLLIN};

		while (work_pending(v->pool) > 0) {
			poll(&done, 1, -1);
			collect(v);
		}
		work_free(v->pool);
	}
	pthread_cond_destroy(&v->cond);
	pthread_mutex_destroy(&v->lock);
}

/* Locked. */
static void
answer(struct invals *v, struct inval *e)
{
	struct inval **at = &v->list;

	if (e->answered) {
		return;
	}
	e->answered = true;
	while (*at != e) {
		at = &(*at)->next;
	}
	*at = e->next;
	cfs_invalid_done(v->m->c, &e->what);
}

void
inval_own_change(struct inode *i)
{
	struct invals *v = atomic_load(&i->ending);

	if (v == NULL) {
		return;
	}
	pthread_mutex_lock(&v->lock);
	for (struct inval *e = v->list, *next; e != NULL; e = next) {
		next = e->next;
		if (e->i == i) {
			answer(v, e);
		}
	}
	pthread_mutex_unlock(&v->lock);
}

static void
wait_out(struct invals *v, uint64_t until_ns)
{
	struct timespec until = {.tv_sec = (time_t)(until_ns / (uint64_t)NS_PER_S),
				 .tv_nsec = (long)(until_ns % (uint64_t)NS_PER_S)};

	pthread_mutex_lock(&v->lock);
	while (!v->ending && now_mono_ns() < until_ns) {
		pthread_cond_timedwait(&v->cond, &v->lock, &until);
	}
	pthread_mutex_unlock(&v->lock);
}

static void
run(struct work_job *job)
{
	struct inval *e = (struct inval *)(void *)job;
	struct invals *v = e->v;
	struct fuse_session *s = atomic_load(&v->session);
	fuse_ino_t id = e->i != NULL ? inode_id(&v->m->inodes, e->i->ref.ino) : 0;

	/* That the kernel does not know it (any more) is as good. */
	if (s != NULL && id != 0 && (e->what.what & 1) != 0) {
		pages_drop(&v->m->pages, e->i);
	}
	if (s != NULL && id != 0 && (e->what.what & 6) != 0 && e->name[0] != '\0') {
		fuse_lowlevel_notify_inval_entry(s, id, e->name, strlen(e->name));
	}
	if (e->wait_until != 0) {
		wait_out(v, e->wait_until);
	}
	pthread_mutex_lock(&v->lock);
	answer(v, e);
	pthread_mutex_unlock(&v->lock);
}

/* The directory's names are others' business too; returns since when that goes on. */
static uint64_t
note_shared(struct inode *dir)
{
	uint64_t now = now_mono_ns();

	if (!inode_is_shared(dir)) {
		atomic_store(&dir->shared_from_ns, now);
	}
	atomic_store(&dir->shared_ns, now);
	return atomic_load(&dir->shared_from_ns);
}

/* Hands it to the threads; false: there is no memory to do that with, and only time helps. */
static bool
submit(struct invals *v, struct inode *i, const struct cfs_invalid *what, uint64_t wait_until)
{
	struct inval *e = calloc(1, sizeof *e);

	if (e == NULL) {
		return false;
	}
	e->job.run = run;
	e->v = v;
	e->i = i;
	e->what = *what;
	e->what.name = NULL;
	e->wait_until = wait_until;
	strncpy(e->name, what->name, sizeof e->name - 1);
	pthread_mutex_lock(&v->lock);
	e->next = v->list;
	v->list = e;
	if (i != NULL) {
		atomic_store(&i->ending, v);
		/* An own change that is under way holds what the kernel would wait for. */
		if (atomic_load(&i->changing) > 0) {
			answer(v, e);
		}
	}
	pthread_mutex_unlock(&v->lock);
	collect(v);
	work_submit(v->pool, &e->job);
	return true;
}

static bool
invalidate(struct mount *m, const struct cfs_invalid *what)
{
	struct invals *v = &m->invals;
	struct inode *i;
	uint64_t wait_until = 0;

	/* What this program remembers of everything is void with the epoch. */
	if (what->ino == 0) {
		return what->push == 0 || !submit(v, NULL, what, now_mono_ns() + TRUST_NS);
	}
	i = inodes_note_foreign(&m->inodes, what->ino, (what->what & 1) != 0);
	if ((what->what & 6) != 0) {
		listings_touch(&m->listings, what->ino, what->name);
	}
	if (i == NULL || what->push == 0) {
		inode_put(&m->inodes, i);
		return true;
	}
	if ((what->what & 6) != 0) {
		uint64_t from = note_shared(i);

		/* Without a name: what the kernel was told before others came is still to be forgotten by itself. */
		if (what->name[0] == '\0' && from + TRUST_NS > now_mono_ns()) {
			wait_until = from + TRUST_NS;
		}
	}
	if (submit(v, i, what, wait_until)) {
		return false;
	}
	inode_put(&m->inodes, i);
	return true;
}

bool
inval_hook(void *arg, const struct cfs_invalid *what)
{
	struct mount *m = arg;
	bool forgotten;

	/* Files are closed, and the server told, when the tables that this looks at are already gone. */
	pthread_mutex_lock(&m->invals.hook_lock);
	forgotten = m->invals.deaf || invalidate(m, what);
	pthread_mutex_unlock(&m->invals.hook_lock);
	return forgotten;
}

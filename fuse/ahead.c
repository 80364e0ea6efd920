/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ahead.h"

#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "mount.h"

/* Threads for listings, which wait for their answers: far away many, near by one is ahead enough. */
#define THREADS_FAR  8u
#define THREADS_NEAR 1u
#define IDLE_MS      2000u
#define DIR_ROWS     1024u

/* So long a walk is taken to go on. */
#define WALK_NS (2 * (uint64_t)NS_PER_S)

/* Contents asked for at a time, and how far ahead of the file that is opened. */
#define FILES_AT_ONCE 32u
#define FILES_AHEAD   64u

/* Look-ups that bring contents: at most so many go for nothing after the last one that did not. */
#define EAGER_MAX  8u
#define EAGER_MORE 2u

void
ahead_init(struct ahead *a, struct mount *m)
{
	memset(a, 0, sizeof *a);
	pthread_mutex_init(&a->lock, NULL);
	a->m = m;
}

void
ahead_fini(struct ahead *a)
{
	if (a->pool != NULL && work_pending(a->pool) > 0) {
		cfs_interrupt(a->m->c);
	}
	work_free(a->pool);
	pthread_mutex_destroy(&a->lock);
}

static bool
reads_what_it_finds(const struct ahead *a)
{
	return now_mono_ns() - atomic_load(&a->read_ns) < WALK_NS;
}

/* ---- contents */

/* The next rows of a listing whose content is worth asking for; locked by whoever has the listing. */
static size_t
next_files(struct mount *m, struct listing *g, size_t limit, struct cfs_attr files[FILES_AT_ONCE])
{
	size_t n = 0;

	while (n < FILES_AT_ONCE && g->asked_row < g->n && g->asked_row < limit) {
		const struct cfs_attr *attr = &g->rows[g->asked_row++].attr;

		if (attr->type == CFS_FILE && attr->size > 0 && attr->size <= CFS_CONTENT_MAX &&
		    !inodes_was_opened(&m->inodes, attr)) {
			files[n++] = *attr;
		}
	}
	return n;
}

/*
 * Where the walk is now: the row of this inode, at or behind the last one that was opened. In a small directory any order is one, as
 * that of the shell, which sorts names.
 */
static bool
follow(struct listing *g, uint64_t ino)
{
	bool small = g->n <= FILES_AHEAD;
	size_t end = min_size(g->n, g->read_row + FILES_AHEAD);

	for (size_t i = g->read_row; i < end; i++) {
		if (g->rows[i].attr.ref.ino == ino) {
			g->read_row = small ? 0 : i + 1;
			g->hits++;
			return true;
		}
	}
	g->hits = 0;
	return false;
}

/* The one that was just opened and those behind it, if this is a walk. */
static size_t
behind(struct ahead *a, uint64_t dir, const struct cfs_attr *own,
       struct cfs_attr files[FILES_AT_ONCE + 1])
{
	struct listings *l = &a->m->listings;
	struct listing *g;
	size_t n = 0;

	pthread_mutex_lock(&l->lock);
	g = listing_find_locked(a->m, dir);
	if (g != NULL && follow(g, own->ref.ino) && (g->hits > 1 || reads_what_it_finds(a))) {
		atomic_store(&a->read_ns, now_mono_ns());
		g->asked_row = max_size(g->asked_row, g->read_row);
		files[n++] = *own;
		/* Asked for in batches, when half of what was asked for is used up. */
		if (g->asked_row < g->read_row + FILES_AHEAD / 2) {
			n += next_files(a->m, g, g->read_row + FILES_AHEAD, files + n);
		}
	}
	pthread_mutex_unlock(&l->lock);
	return n;
}

void
ahead_opened(struct ahead *a, struct inode *i, const struct cfs_attr *own)
{
	struct cfs_attr files[FILES_AT_ONCE + 1];
	uint64_t dir = atomic_load(&i->dir);
	size_t n;

	if (a->m->fresh_ns == 0 || dir == 0) {
		return;
	}
	if (atomic_exchange(&i->looked_up, false)) {
		unsigned eager = atomic_load(&a->eager) + EAGER_MORE;

		atomic_store(&a->eager, eager < EAGER_MAX ? eager : EAGER_MAX);
	}
	n = behind(a, dir, own, files);
	if (n > 0) {
		cfs_content_ahead(a->m->c, files, n);
	}
}

bool
ahead_wants_content(struct ahead *a)
{
	unsigned eager = atomic_load(&a->eager);

	if (a->m->fresh_ns == 0 || eager == 0) {
		return false;
	}
	atomic_store(&a->eager, eager - 1);
	return true;
}

/* ---- listings */

static void
list_one(struct work_job *job)
{
	struct ahead_job *j = (struct ahead_job *)(void *)job;
	struct mount *m = j->a->m;
	struct cfs_attr files[FILES_AT_ONCE];
	struct listing *g = NULL;
	size_t n = 0;

	if (listing_obtain(m, j->dir, DIR_ROWS, &g) == 0 && reads_what_it_finds(j->a)) {
		pthread_mutex_lock(&m->listings.lock);
		n = next_files(m, g, FILES_AT_ONCE, files);
		pthread_mutex_unlock(&m->listings.lock);
	}
	listing_put(&m->listings, g);
	if (n > 0) {
		cfs_content_ahead(m->c, files, n);
	}
}

static void
collect(struct ahead *a)
{
	for (struct work_job *job = work_collect(a->pool); job != NULL; job = job->next) {
		((struct ahead_job *)(void *)job)->busy = false;
	}
}

/* Whether it is being listed already. */
static bool
is_under_way(const struct ahead *a, uint64_t dir)
{
	for (size_t i = 0; i < AHEAD_DIRS; i++) {
		if (a->jobs[i].busy && a->jobs[i].dir.ino == dir) {
			return true;
		}
	}
	return false;
}

static void
submit(struct ahead *a, struct cfs_ref dir)
{
	for (size_t i = 0; i < AHEAD_DIRS; i++) {
		struct ahead_job *j = &a->jobs[i];

		if (!j->busy) {
			j->busy = true;
			j->a = a;
			j->dir = dir;
			j->job.run = list_one;
			work_submit(a->pool, &j->job);
			return;
		}
	}
}

/* Whether it is not listed yet, or its files are to be asked for. */
static bool
is_wanted(struct mount *m, uint64_t dir, bool reads)
{
	const struct listing *g = listing_find_locked(m, dir);

	return g == NULL || (reads && g->asked_row == 0 && g->n > 0);
}

/*
 * The directories that a walk comes to next, from a listing that is kept: those behind `after` (0: all). A walk that is ahead of
 * the program by AHEAD_DIRS needs no more.
 */
static size_t
next_dirs(struct mount *m, const struct listing *g, uint64_t after, struct cfs_ref *dirs,
	  size_t *ahead)
{
	bool reads = reads_what_it_finds(&m->ahead);
	bool behind_it = after == 0;
	size_t n = 0;

	for (size_t i = 0; i < g->n && *ahead < AHEAD_DIRS; i++) {
		const struct cfs_attr *attr = &g->rows[i].attr;

		if (!behind_it) {
			behind_it = attr->ref.ino == after;
		} else if (attr->type == CFS_DIR) {
			++*ahead;
			if (is_wanted(m, attr->ref.ino, reads)) {
				dirs[n++] = attr->ref;
			}
		}
	}
	return n;
}

/* In the order of the walk: what is in this directory, what follows it in the one above, and so on upwards. */
static size_t
find_next(struct mount *m, uint64_t dir, struct cfs_ref dirs[AHEAD_DIRS])
{
	const struct listing *g = listing_find_locked(m, dir);
	uint64_t after = 0;
	size_t n = 0, ahead = 0;

	while (g != NULL && ahead < AHEAD_DIRS) {
		n += next_dirs(m, g, after, dirs + n, &ahead);
		if (g->dir.ino == m->top.ino || g->parent == g->dir.ino) {
			break;
		}
		after = g->dir.ino;
		g = listing_find_locked(m, g->parent);
	}
	return n;
}

static void
list_ahead(struct ahead *a, const struct cfs_ref *dirs, size_t n)
{
	struct mount *m = a->m;

	pthread_mutex_lock(&a->lock);
	if (a->pool == NULL &&
	    work_new(mount_is_far(m) ? THREADS_FAR : THREADS_NEAR, IDLE_MS, &a->pool, NULL) != 0) {
		a->pool = NULL;
	}
	if (a->pool != NULL) {
		collect(a);
		for (size_t i = 0; i < n; i++) {
			if (!is_under_way(a, dirs[i].ino)) {
				submit(a, dirs[i]);
			}
		}
	}
	pthread_mutex_unlock(&a->lock);
}

void
ahead_listed(struct ahead *a, struct listing *g)
{
	struct mount *m = a->m;
	struct cfs_ref dirs[AHEAD_DIRS];
	struct cfs_attr files[FILES_AT_ONCE];
	size_t n_dirs = 0, n_files = 0;

	if (m->fresh_ns == 0 || g->dir.ino == m->top.ino) {
		return;
	}
	pthread_mutex_lock(&m->listings.lock);
	if (reads_what_it_finds(a)) {
		n_files = next_files(m, g, FILES_AT_ONCE, files);
	}
	/* Who comes from the directory above walks; far away it is worth a try in any case. */
	if (mount_is_far(m) || listing_find_locked(m, g->parent) != NULL) {
		n_dirs = find_next(m, g->dir.ino, dirs);
	}
	pthread_mutex_unlock(&m->listings.lock);
	if (n_files > 0) {
		cfs_content_ahead(m->c, files, n_files);
	}
	if (n_dirs > 0) {
		list_ahead(a, dirs, n_dirs);
	}
}

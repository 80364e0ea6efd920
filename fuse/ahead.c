/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ahead.h"

#include <string.h>

#include "mount.h"

/* How many of the next directories are listed ahead, and how many entries of the one that holds them are looked at. */
#define AHEAD_DIRS  2u
#define PARENT_ROWS 1024u
#define DIR_ROWS    1024u
#define IDLE_MS     2000u

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

/* A fresh listing that is kept, or else one that is asked for; NULL if that fails. */
static struct listing *
obtain(struct mount *m, struct cfs_ref dir, size_t rows)
{
	struct listing *g = listing_get(m, dir.ino);

	if (g == NULL && listing_fetch(m, dir, 0, rows, &g) != 0) {
		g = NULL;
	}
	return g;
}

static void
list_ahead(struct work_job *job)
{
	struct ahead *a = (struct ahead *)(void *)((char *)job - offsetof(struct ahead, job));
	struct mount *m = a->m;
	struct listing *parent = obtain(m, a->parent, PARENT_ROWS);
	unsigned left = 0;

	for (size_t i = 0; parent != NULL && i < parent->n; i++) {
		const struct cfs_attr *attr = &parent->rows[i].attr;

		if (attr->ref.ino == a->dir.ino) {
			left = AHEAD_DIRS;
		} else if (left > 0 && attr->type == CFS_DIR) {
			listing_put(&m->listings, obtain(m, attr->ref, DIR_ROWS));
			left--;
		}
	}
	listing_put(&m->listings, parent);
}

void
ahead_note(struct ahead *a, struct cfs_ref dir, struct cfs_ref parent)
{
	if (dir.ino == a->m->top.ino || !mount_is_far(a->m)) {
		return;
	}
	pthread_mutex_lock(&a->lock);
	if (a->pool == NULL && work_new(1, IDLE_MS, &a->pool, NULL) != 0) {
		a->pool = NULL;
	}
	if (a->pool != NULL && (!a->busy || work_collect(a->pool) != NULL)) {
		a->busy = true;
		a->dir = dir;
		a->parent = parent;
		a->job.run = list_ahead;
		work_submit(a->pool, &a->job);
	}
	pthread_mutex_unlock(&a->lock);
}

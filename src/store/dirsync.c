/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/dirsync.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"

struct dirsync {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool broken;
	struct {
		uint64_t made; /* changes of names that somebody asked to have flushed */
		uint64_t safe; /* so many of them are */
		bool flushing;
	} dirs[DIRSYNC_DIRS];
};

struct dirsync *
dirsync_new(void)
{
	struct dirsync *ds = calloc(1, sizeof(*ds));

	if (ds == NULL)
		return NULL;
	if (pthread_mutex_init(&ds->lock, NULL) != 0)
		goto no_lock;
	if (pthread_cond_init(&ds->done, NULL) != 0)
		goto no_cond;
	return ds;
no_cond:
	pthread_mutex_destroy(&ds->lock);
no_lock:
	free(ds);
	return NULL;
}

void
dirsync_free(struct dirsync *ds)
{
	if (ds == NULL)
		return;
	pthread_cond_destroy(&ds->done);
	pthread_mutex_destroy(&ds->lock);
	free(ds);
}

/* Flushes one directory for all changes of it so far. Called with the lock held; it is given up meanwhile. */
static int
flush(struct dirsync *ds, int root_fd, unsigned dir, struct cfs_err *err)
{
	uint64_t upto = ds->dirs[dir].made;
	char name[8];
	int rc, e;

	snprintf(name, sizeof(name), "%02x", dir);
	ds->dirs[dir].flushing = true;
	pthread_mutex_unlock(&ds->lock);
	rc = io_fsync_dir(root_fd, name);
	e = errno;
	pthread_mutex_lock(&ds->lock);
	ds->dirs[dir].flushing = false;
	if (rc == 0)
		ds->dirs[dir].safe = upto;
	else
		ds->broken = true;
	pthread_cond_broadcast(&ds->done);
	return rc == 0 ? 0 : err_set_errno(err, e, "flush of folder %s", name);
}

/* Waits until changes up to mine are safe, flushing when nobody does. The lock is held. */
static int
wait_for(struct dirsync *ds, int root_fd, unsigned dir, uint64_t mine, struct cfs_err *err)
{
	int rc = 0;

	while (rc == 0 && ds->dirs[dir].safe < mine) {
		if (ds->broken)
			rc = err_set(err, CFS_EREADONLY, "an earlier flush of a folder failed");
		else if (ds->dirs[dir].flushing)
			pthread_cond_wait(&ds->done, &ds->lock);
		else
			rc = flush(ds, root_fd, dir, err);
	}
	return rc;
}

int
dirsync_wait(struct dirsync *ds, int root_fd, unsigned dir, struct cfs_err *err)
{
	int rc;

	pthread_mutex_lock(&ds->lock);
	rc = wait_for(ds, root_fd, dir, ++ds->dirs[dir].made, err);
	pthread_mutex_unlock(&ds->lock);
	return rc;
}

void
dirsync_note(struct dirsync *ds, unsigned dir)
{
	pthread_mutex_lock(&ds->lock);
	ds->dirs[dir].made++;
	pthread_mutex_unlock(&ds->lock);
}

int
dirsync_wait_noted(struct dirsync *ds, int root_fd, struct cfs_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&ds->lock);
	for (unsigned dir = 0; dir < DIRSYNC_DIRS && rc == 0; dir++)
		rc = wait_for(ds, root_fd, dir, ds->dirs[dir].made, err);
	pthread_mutex_unlock(&ds->lock);
	return rc;
}

bool
dirsync_broken(struct dirsync *ds)
{
	bool broken;

	pthread_mutex_lock(&ds->lock);
	broken = ds->broken;
	pthread_mutex_unlock(&ds->lock);
	return broken;
}

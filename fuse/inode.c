/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inode.h"

#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "inval.h"

/* One inode: its own changes, its open file, its attributes. */

/* So long after a change of its names by others a directory's names are not left to the kernel. */
#define SHARED_NS (2 * (uint64_t)NS_PER_S)

void
inode_change_begin(struct inode *i)
{
	atomic_fetch_add(&i->changing, 1);
	inval_own_change(i);
}

void
inode_change_end(struct inode *i)
{
	/* In this order: who sees no change under way sees when the last one ended. */
	atomic_store(&i->changed_ns, now_mono_ns());
	atomic_fetch_sub(&i->changing, 1);
}

bool
inode_is_unchanged(const struct inode *i, uint64_t since_ns)
{
	return atomic_load(&i->changing) == 0 && !atomic_load(&i->dirty) &&
	       atomic_load(&i->changed_ns) < since_ns;
}

bool
inode_is_shared(const struct inode *dir)
{
	return now_mono_ns() - atomic_load(&dir->shared_ns) < SHARED_NS &&
	       atomic_load(&dir->shared_ns) != 0;
}

static void
note_locked(struct inode *i, const struct cfs_attr *a, uint64_t asked_ns)
{
	if (asked_ns <= i->attr_ns || !inode_is_unchanged(i, asked_ns)) {
		return;
	}
	if (i->file != NULL && i->attr_ns != 0 && i->attr.version != a->version) {
		/* Changed by somebody else: what was read ahead is old. */
		cfs_file_changed(i->file, a->size);
	}
	i->attr = *a;
	i->attr_ns = asked_ns;
}

void
inode_note(struct inode *i, const struct cfs_attr *a, uint64_t asked_ns)
{
	pthread_mutex_lock(&i->lock);
	note_locked(i, a, asked_ns);
	pthread_mutex_unlock(&i->lock);
}

bool
inode_is_news(struct inode *i, const struct cfs_attr *a)
{
	bool news;

	pthread_mutex_lock(&i->lock);
	news = i->cached_version != a->version;
	if (news && i->file != NULL && a->ref.ino != 0 && !atomic_load(&i->dirty) &&
	    atomic_load(&i->changing) == 0) {
		cfs_file_changed(i->file, a->size);
	}
	if (news) {
		i->attr_ns = 0;
		i->cached_version = a->version;
		/* What was asked for before is not given to the kernel any more. */
		atomic_store(&i->changed_ns, now_mono_ns());
	}
	pthread_mutex_unlock(&i->lock);
	return news;
}

bool
inode_is_past(struct inode *i, const struct cfs_attr *a)
{
	if (a->type != CFS_FILE || a->nlink > 0) {
		return false;
	}
	pthread_mutex_lock(&i->lock);
	if (i->opens == 0) {
		atomic_store(&i->past, true);
	}
	pthread_mutex_unlock(&i->lock);
	return atomic_load(&i->past);
}

int
inode_open(struct cfs *c, struct inode *i, const struct cfs_attr *a, bool writable,
	   bool *keep_cache_out)
{
	int rc = 0;

	pthread_mutex_lock(&i->lock);
	if (i->file == NULL) {
		rc = cfs_file_open(c, a, writable, &i->file, NULL);
	}
	if (rc == 0) {
		i->opens++;
		/* Pages of the same version stay good; others go with this open. */
		*keep_cache_out = i->cached_version == a->version;
		i->cached_version = a->version;
		atomic_store(&i->opened_version, a->version);
	}
	pthread_mutex_unlock(&i->lock);
	return rc;
}

bool
inode_is_open(struct inode *i)
{
	bool open;

	pthread_mutex_lock(&i->lock);
	open = i->opens > 0;
	pthread_mutex_unlock(&i->lock);
	return open;
}

bool
inode_share(struct inode *i)
{
	bool open;

	pthread_mutex_lock(&i->lock);
	open = i->opens > 0;
	i->opens += open;
	pthread_mutex_unlock(&i->lock);
	return open;
}

void
inode_close(struct inode *i)
{
	pthread_mutex_lock(&i->lock);
	if (--i->opens == 0) {
		/* What a mapping wrote after the last close(2) is sent here; who opens meanwhile waits for it. */
		bool dirty = atomic_load(&i->dirty);

		if (dirty) {
			inode_change_begin(i);
		}
		cfs_file_close(i->file, NULL);
		i->file = NULL;
		i->failed = 0;
		if (dirty) {
			atomic_store(&i->dirty, false);
			inode_change_end(i);
		}
	}
	pthread_mutex_unlock(&i->lock);
}

int
inode_flush(struct inode *i, struct cfs_attr *a)
{
	int rc;

	inode_change_begin(i);
	atomic_store(&i->dirty, false);
	rc = cfs_file_flush(i->file, a, NULL);
	if (rc < 0) {
		atomic_store(&i->dirty, true);
	}
	inode_change_end(i);
	pthread_mutex_lock(&i->lock);
	/* That only the one who asked wants no answer is nobody else's error. */
	if (rc < 0 && rc != CFS_ECANCELED && i->failed == 0) {
		i->failed = rc;
	} else if (rc == 0 && a != NULL) {
		uint64_t now = now_mono_ns();

		cfs_file_promise_check(i->file, a);
		if (inode_is_unchanged(i, now)) {
			i->attr = *a;
			i->attr_ns = now;
		}
	}
	pthread_mutex_unlock(&i->lock);
	return rc;
}

int
inode_settle(struct inode *i)
{
	int rc;

	if ((!atomic_load(&i->dirty) && atomic_load(&i->changing) == 0) || !inode_share(i)) {
		return 0;
	}
	rc = inode_flush(i, NULL);
	inode_close(i);
	return rc;
}

int
inode_take_error(struct inode *i)
{
	int rc;

	pthread_mutex_lock(&i->lock);
	rc = i->failed;
	i->failed = 0;
	pthread_mutex_unlock(&i->lock);
	return rc;
}

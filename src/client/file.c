/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/trust.h"

int
cfs_file_open(struct cfs *c, const struct cfs_attr *attr, bool writable, struct cfs_file **out,
	      struct cfs_err *err)
{
	struct cfs_file *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f == NULL)
		return err_code(err, CFS_ENOMEM);
	f->c = c;
	f->ref = attr->ref;
	f->size = attr->size;
	f->version = attr->version;
	f->writable = writable;
	f->foreign = attr->owner != c->who.user_id;
	f->window = FILE_WINDOW_MIN;
	f->refs = 1;
	pthread_mutex_init(&f->write_lock, NULL);
	pthread_mutex_lock(&c->lock);
	f->next = c->files;
	f->prev = &c->files;
	if (c->files != NULL)
		c->files->prev = &f->next;
	c->files = f;
	pthread_mutex_unlock(&c->lock);
	*out = f;
	return 0;
}

void
file_unref(struct cfs_file *f)
{
	if (--f->refs > 0)
		return;
	*f->prev = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	pthread_mutex_destroy(&f->write_lock);
	file_gather_free(f);
	free(f);
}

int
cfs_file_close(struct cfs_file *f, struct cfs_err *err)
{
	struct cfs *c;
	int rc = 0;

	if (f == NULL)
		return 0;
	c = f->c;
	if (f->writable)
		rc = file_settle(f, NULL, err);
	pthread_mutex_lock(&c->lock);
	file_drop_segments(f);
	call_free_locked(f->map_call);
	f->map_call = NULL;
	/* Only an interruption or a closed connection leaves writes behind: their answers must not come here. */
	while (f->writes > 0 && !c->closing) {
		struct call *k = c->flying.first;

		while (k != NULL && k->owner != f)
			k = k->fly_next;
		if (k == NULL)
			break;
		call_free_locked(k);
		f->writes--;
	}
	file_unref(f);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

uint64_t
cfs_file_size(struct cfs_file *f)
{
	pthread_mutex_lock(&f->c->lock);
	uint64_t size = f->size;
	pthread_mutex_unlock(&f->c->lock);
	return size;
}

int
cfs_file_flush(struct cfs_file *f, struct cfs_attr *attr, struct cfs_err *err)
{
	int rc = file_settle(f, NULL, err);

	if (rc < 0 || attr == NULL)
		return rc;
	pthread_mutex_lock(&f->c->lock);
	bool has_attr = f->has_attr;
	*attr = f->attr;
	pthread_mutex_unlock(&f->c->lock);
	/* What the last write answered is old when somebody else has changed it since; without promises nobody would have said so. */
	if (has_attr)
		cfs_promise_check(f->c, attr);
	if (has_attr && attr->promise_epoch != 0)
		return 0;
	return cfs_getattr(f->c, f->ref, attr, err);
}

void
cfs_file_promise_check(struct cfs_file *f, struct cfs_attr *a)
{
	cfs_promise_check(f->c, a);
}

int
cfs_file_fsync(struct cfs_file *f, struct cfs_err *err)
{
	struct m_sync_req req = {.ino = f->ref.ino};
	bool durable = true;
	int rc = file_settle(f, &durable, err);

	if (rc == 0)
		rc = file_check_lost(f, err);
	if (rc < 0 || durable)
		return rc;
	return call_simple(f->c, OP_SYNC, &req, NULL, err);
}

int
cfs_file_truncate(struct cfs_file *f, uint64_t size, struct cfs_err *err)
{
	struct cfs *c = f->c;

	(void)err;
	pthread_mutex_lock(&f->write_lock);
	/* What is appended comes behind the cut, wherever that was. */
	if (!f->appending)
		file_gather_cut(f, size);
	pthread_mutex_lock(&c->lock);
	if (f->gather_len == 0)
		file_gather_free(f);
	f->gathered = f->gather_len > 0;
	f->size = size;
	f->has_attr = false;
	file_drop_segments(f);
	pthread_mutex_unlock(&c->lock);
	file_let_go(f);
	return 0;
}

void
cfs_file_changed(struct cfs_file *f, uint64_t size)
{
	struct cfs *c = f->c;

	pthread_mutex_lock(&f->write_lock);
	pthread_mutex_lock(&c->lock);
	/* A program may be writing at this very moment: its bytes are not behind anybody's cut. */
	if (f->gather_len == 0 && f->writes == 0)
		f->size = size;
	f->has_attr = false;
	file_drop_segments(f);
	pthread_mutex_unlock(&c->lock);
	file_let_go(f);
}

void
cfs_file_discard(struct cfs_file *f)
{
	pthread_mutex_lock(&f->write_lock);
	pthread_mutex_lock(&f->c->lock);
	file_gather_free(f);
	f->gathered = f->filled = f->appending = false;
	f->has_attr = false;
	file_drop_segments(f);
	pthread_mutex_unlock(&f->c->lock);
	file_let_go(f);
}

void
files_forget_attr(struct cfs *c, struct cfs_ref ref)
{
	pthread_mutex_lock(&c->lock);
	for (struct cfs_file *f = c->files; f != NULL; f = f->next) {
		if (ref.ino != 0 && f->ref.ino != ref.ino)
			continue;
		f->has_attr = false;
		f->attr_after = c->changes.last_seq;
	}
	pthread_mutex_unlock(&c->lock);
}

void
files_lose(struct cfs *c, struct cfs_ref ref)
{
	for (struct cfs_file *f = c->files; f != NULL; f = f->next) {
		if (f->ref.ino != ref.ino)
			continue;
		atomic_store(&f->lost, true);
		file_drop_segments(f);
	}
}

int
file_check_lost(const struct cfs_file *f, struct cfs_err *err)
{
	return atomic_load(&f->lost) ? err_code(err, CFS_ELOCKLOST) : 0;
}

int
files_send(struct cfs *c, struct cfs_ref ref, struct cfs_err *err)
{
	struct cfs_file *f;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	for (f = c->files; f != NULL && rc == 0;) {
		struct cfs_file *next;

		if (f->ref.ino == ref.ino && f->gathered) {
			f->refs++;
			pthread_mutex_unlock(&c->lock);
			pthread_mutex_lock(&f->write_lock);
			rc = file_send_gathered(f, false, err);
			file_let_go(f);
			pthread_mutex_lock(&c->lock);
			next = f->next;
			file_unref(f);
		} else {
			next = f->next;
		}
		f = next;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void
files_invalidate(struct cfs *c, uint64_t ino)
{
	for (struct cfs_file *f = c->files; f != NULL; f = f->next) {
		if (f->ref.ino == ino)
			file_drop_segments(f);
	}
}

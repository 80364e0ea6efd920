/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Reads of an open file. A program that reads on is served from segments that were asked for ahead of it; one that jumps
 * about gets exactly what it asks for, straight into its buffer; a small file may be there whole (trust_content.c), and parts of a
 * large one on this machine's disk (file_cache.h).
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/file_cache.h"
#include "client/file_segment.h"

/* ---- from what was asked for ahead */

static bool
segment_is_there(void *arg)
{
	const struct segment *s = arg;

	return s->call == NULL;
}

static int
await_segment(struct cfs_file *f, struct segment *s, struct cfs_err *err)
{
	struct cfs *c = f->c;
	uint64_t from = now_mono_ns();
	struct waiter w;
	int rc;

	if (s->call == NULL)
		return 0;
	waiter_init(&w, c, segment_is_there, s, -1);
	w.breakable = true;
	c->file_watchers++;
	rc = conn_wait(c, &w, err);
	c->file_watchers--;
	file_waited(f, now_mono_ns() - from);
	return rc;
}

/*
 * Bytes that the segment, which is held, has at *data_out for this read; 0 at the end of the file, CFS_EBUSY to look again, or an
 * error. What the program has read of it to the end is dropped.
 */
static ssize_t
segment_take(struct cfs_file *f, struct segment *s, size_t size, uint64_t offset,
	     const unsigned char **data_out, struct cfs_err *err)
{
	size_t at = (size_t)(offset - s->offset);
	ssize_t n;
	int rc = await_segment(f, s, err);

	if (rc < 0)
		return rc;
	/* A short answer is no end of the file: what is behind it is asked for anew, from there on. */
	if (s->code == 0 && (!segment_is_good(f, s) || (s->answer.len > 0 && at >= s->answer.len &&
							s->answer.len < s->asked))) {
		segment_drop(s);
		return CFS_EBUSY;
	}
	if (s->code < 0) {
		if (s->dropped)
			return CFS_EBUSY;
		if (err != NULL)
			*err = s->err;
		segment_drop(s);
		return s->code;
	}
	n = at < s->answer.len ? (ssize_t)min_size(size, s->answer.len - at) : 0;
	*data_out = s->answer.data + at;
	s->used += (size_t)n;
	if (n > 0 && s->used >= s->answer.len && s->answer.len == s->asked)
		segment_drop(s);
	return n;
}

static ssize_t
copy_from_segment(struct cfs_file *f, struct segment *s, unsigned char *buf, size_t size,
		  uint64_t offset, struct cfs_err *err)
{
	const unsigned char *data = NULL;
	ssize_t n;

	segment_hold(s);
	n = segment_take(f, s, size, offset, &data, err);
	if (n > 0) {
		/* It is held, so that nobody frees it meanwhile. */
		pthread_mutex_unlock(&f->c->lock);
		memcpy(buf, data, (size_t)n);
		pthread_mutex_lock(&f->c->lock);
	}
	segment_release(s);
	return n;
}

/* ---- reading; locked */

/* Exactly these bytes, straight into the caller's buffer. */
static ssize_t
read_direct(struct cfs_file *f, unsigned char *buf, size_t size, uint64_t offset,
	    struct cfs_err *err)
{
	struct file_answer a = {.data = buf, .size = size};
	struct call *k;
	int rc = file_call_read(f, offset, size, &k, err);

	if (rc < 0)
		return rc;
	call_take_bulk(k, buf, size);
	pthread_mutex_unlock(&f->c->lock);
	rc = call_run(k, NULL, err);
	pthread_mutex_lock(&f->c->lock);
	if (rc == 0)
		rc = file_take_answer(f, k, &a, err);
	if (rc == 0)
		file_cache_keep_answer(f, offset, &a);
	call_free_locked(k);
	return rc < 0 ? rc : (ssize_t)a.len;
}

static bool
is_sequential(const struct cfs_file *f, uint64_t offset, size_t size)
{
	/* Several threads of a mount read one file on: their requests come nearly in order. */
	uint64_t slack = max_size(size, 128u * 1024) * 4;

	return offset + slack >= f->next_offset && offset <= f->next_offset + slack &&
	       (offset > 0 || f->next_offset == 0);
}

/* Notes where the program reads, once for each of its reads, and asks ahead of it if it reads on. */
static void
follow(struct cfs_file *f, size_t size, uint64_t offset)
{
	f->read_ns = now_mono_ns();
	if (is_sequential(f, offset, size)) {
		if (offset + size > f->next_offset)
			f->next_offset = offset + size;
		/* The first read of a small part says nothing yet. */
		if (offset < f->size && (offset > 0 || f->size > size))
			file_read_ahead(f, offset, size);
	} else {
		f->next_offset = offset + size;
		f->window = FILE_WINDOW_MIN;
	}
}

static ssize_t
read_some(struct cfs_file *f, unsigned char *buf, size_t size, uint64_t offset, struct cfs_err *err)
{
	struct segment *s = segment_find(f, offset);

	if (s == NULL)
		return read_direct(f, buf, min_size(size, f->c->who.max_blob), offset, err);
	return copy_from_segment(f, s, buf, size, offset, err);
}

static ssize_t
read_all(struct cfs_file *f, unsigned char *buf, size_t size, uint64_t offset, struct cfs_err *err)
{
	size_t done = 0;
	ssize_t n = file_read_content(f, buf, size, offset, err);

	if (n != CFS_ENODATA)
		return n;
	do {
		do
			n = read_some(f, buf + done, size - done, offset + done, err);
		while (n == CFS_EBUSY);
		if (n > 0)
			done += (size_t)n;
	} while (n > 0 && done < size && offset + done < f->size);
	return n < 0 ? n : (ssize_t)done;
}

/* ---- behind what the program wrote */

/* Locked. Whether a write that is not answered may concern this range. */
static bool
is_dirty(const struct cfs_file *f, uint64_t offset, size_t size)
{
	if (f->gathered)
		return true;
	return f->writes > 0 && offset < f->busy_to && offset + size > f->busy_from;
}

/* The program's own writes are there first. That one of them failed is for its next write or flush to tell, too. */
static int
settle_for_read(struct cfs_file *f, struct cfs_err *err)
{
	struct cfs_err why = CFS_ERR_INIT;
	int rc = file_settle(f, NULL, &why);

	if (rc == 0)
		return 0;
	pthread_mutex_lock(&f->c->lock);
	if (f->error.code == 0)
		f->error = why;
	pthread_mutex_unlock(&f->c->lock);
	if (err != NULL)
		*err = why;
	return rc;
}

/*
 * Locked. All of it from the cache on disk, into *buf, or, where that is NULL, into memory that the caller frees; CFS_ENODATA:
 * it is not there, or nearer by.
 */
static ssize_t
read_cached(struct cfs_file *f, void **buf, size_t size, uint64_t offset)
{
	struct cache_read r;
	void *own = NULL;

	if (is_dirty(f, offset, size) || file_has_content(f) || segment_find(f, offset) != NULL ||
	    !file_cache_plan(f, size, offset, &r))
		return CFS_ENODATA;
	if (*buf == NULL)
		*buf = own = malloc(size);
	if (*buf == NULL) {
		file_map_unref(r.map);
		return CFS_ENODATA;
	}
	if (file_cache_read(f, &r, *buf))
		return (ssize_t)r.len;
	if (own != NULL) {
		free(own);
		*buf = NULL;
	}
	return CFS_ENODATA;
}

static int
check_read(struct cfs_file *f, size_t size, uint64_t offset, struct cfs_err *err)
{
	if (size > INT64_MAX / 2 || offset > INT64_MAX / 2)
		return err_code(err, CFS_EINVAL);
	return file_check_lost(f, err);
}

static ssize_t
read_behind_writes(struct cfs_file *f, void *buf, size_t size, uint64_t offset, bool followed,
		   struct cfs_err *err)
{
	struct cfs *c = f->c;
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	if (is_dirty(f, offset, size)) {
		pthread_mutex_unlock(&c->lock);
		if (file_read_gathered(f, buf, size, offset))
			return (ssize_t)size;
		int rc = settle_for_read(f, err);
		if (rc < 0)
			return rc;
		pthread_mutex_lock(&c->lock);
	}
	n = followed ? CFS_ENODATA : read_cached(f, &buf, size, offset);
	if (n == CFS_ENODATA) {
		if (!followed && !file_has_content(f))
			follow(f, size, offset);
		n = read_all(f, buf, size, offset, err);
	}
	conn_push(c);
	pthread_mutex_unlock(&c->lock);
	return n;
}

ssize_t
cfs_file_pread(struct cfs_file *f, void *buf, size_t size, uint64_t offset, struct cfs_err *err)
{
	int rc = check_read(f, size, offset, err);

	return rc < 0 || size == 0 ? rc : read_behind_writes(f, buf, size, offset, false, err);
}

ssize_t
cfs_file_pread_apart(struct cfs_file *f, void *buf, size_t size, uint64_t offset,
		     struct cfs_err *err)
{
	struct cfs *c = f->c;
	ssize_t n = check_read(f, size, offset, err);

	if (n < 0 || size == 0)
		return n;
	pthread_mutex_lock(&c->lock);
	n = is_dirty(f, offset, size) ? CFS_EBUSY : read_cached(f, &buf, size, offset);
	if (n == CFS_EBUSY)
		n = err_code(err, CFS_EBUSY);
	else if (n == CFS_ENODATA)
		n = read_all(f, buf, size, offset, err);
	conn_push(c);
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* ---- without a copy */

/* Locked. From one segment, if it has all of it; CFS_ENODATA if not. */
static ssize_t
view_segment(struct cfs_file *f, size_t size, uint64_t offset, struct cfs_view *v,
	     bool *followed_out, struct cfs_err *err)
{
	struct segment *s;
	const unsigned char *data = NULL;
	ssize_t n;

	if (is_dirty(f, offset, size) || file_has_content(f))
		return CFS_ENODATA;
	follow(f, size, offset);
	*followed_out = true;
	s = segment_find(f, offset);
	if (s == NULL || offset + size > s->offset + s->asked)
		return CFS_ENODATA;
	segment_hold(s);
	n = segment_take(f, s, size, offset, &data, err);
	if (n >= 0 && ((size_t)n == size || offset + (size_t)n >= f->size)) {
		*v = (struct cfs_view){.data = data, .len = (size_t)n, .c = f->c, .segment = s};
		return n;
	}
	segment_release(s);
	return n == CFS_EBUSY || n >= 0 ? CFS_ENODATA : n;
}

/* Locked. From the cache on disk. */
static ssize_t
view_cached(struct cfs_file *f, size_t size, uint64_t offset, struct cfs_view *v)
{
	void *copy = NULL;
	ssize_t n = read_cached(f, &copy, size, offset);

	if (n >= 0)
		*v = (struct cfs_view){.data = copy, .len = (size_t)n, .copy = copy};
	return n;
}

int
cfs_file_view(struct cfs_file *f, size_t size, uint64_t offset, struct cfs_view *out,
	      struct cfs_err *err)
{
	struct cfs *c = f->c;
	bool followed = false;
	ssize_t n = check_read(f, size, offset, err);

	*out = (struct cfs_view){.data = ""};
	if (n < 0)
		return (int)n;
	pthread_mutex_lock(&c->lock);
	n = view_cached(f, size, offset, out);
	if (n == CFS_ENODATA)
		n = view_segment(f, size, offset, out, &followed, err);
	if (n != CFS_ENODATA)
		conn_push(c);
	pthread_mutex_unlock(&c->lock);
	if (n != CFS_ENODATA)
		return n < 0 ? (int)n : 0;
	out->copy = malloc(size > 0 ? size : 1);
	if (out->copy == NULL)
		return err_code(err, CFS_ENOMEM);
	n = read_behind_writes(f, out->copy, size, offset, followed, err);
	if (n < 0) {
		free(out->copy);
		out->copy = NULL;
		return (int)n;
	}
	out->data = out->copy;
	out->len = (size_t)n;
	return 0;
}

void
cfs_view_done(struct cfs_view *v)
{
	free(v->copy);
	if (v->segment == NULL)
		return;
	pthread_mutex_lock(&v->c->lock);
	segment_release(v->segment);
	pthread_mutex_unlock(&v->c->lock);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Reads of an open file. A program that reads on is served from segments that were asked for ahead of it, in a window
 * that doubles as long as it does; one that jumps about gets exactly what it asks for, straight into its buffer.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/file.h"
#include "proto/codec.h"

#define READ_DOWNLOAD 2u

/* A server answers with some 1,000 pieces at most (ops.def); putting holes back costs the square of their number. */
#define PIECES_MAX 4096u

/* ---- answers */

/*
 * Puts holes back among the bytes of an answer, which come without them. From the end, because every byte only moves up.
 * Returns the bytes covered, or -1 when the pieces cannot be right.
 */
static ssize_t
spread(unsigned char *data, size_t size, size_t bulk, struct list pieces)
{
	struct m_read_piece p;
	struct list it = pieces;
	size_t covered = 0, solid = 0;

	if (pieces.count > PIECES_MAX)
		return -1;
	while (list_next(&it, &p)) {
		if (p.length > size - covered)
			return -1;
		covered += p.length;
		solid += p.kind != 0 ? p.length : 0;
	}
	if (solid != bulk)
		return -1;
	/* Without holes everything is in its place; with them, piece by piece, the last first. */
	for (uint32_t n = solid == covered ? 0 : pieces.count; n > 0; n--) {
		size_t to = 0, from = 0;

		it = pieces;
		for (uint32_t i = 0; i < n && list_next(&it, &p); i++) {
			to += p.length;
			from += p.kind != 0 ? p.length : 0;
		}
		if (p.kind != 0)
			memmove(data + to - p.length, data + from - p.length, p.length);
		else
			memset(data + to - p.length, 0, p.length);
	}
	return (ssize_t)covered;
}

/* Locked. Reads the answer of a READ into *len_out; notes what it says of the file. */
static int
take_answer(struct cfs_file *f, struct call *k, unsigned char *data, size_t size, size_t *len_out,
	    uint64_t *version_out, struct cfs_err *err)
{
	struct m_read_rep rep;
	int rc = call_result(k, &rep, err);

	if (rc < 0)
		return rc;
	ssize_t n = spread(data, size, k->dst_len, rep.pieces);
	if (n < 0)
		return err_set(err, CFS_EPROTO, "read: an answer that cannot be right");
	*len_out = (size_t)n;
	*version_out = rep.version;
	/* With writes under way this client knows the size better. */
	if (rep.version >= f->version && f->writes == 0 && !f->gathered)
		f->size = rep.size;
	if (rep.version > f->version)
		f->version = rep.version;
	return 0;
}

static struct m_read_req
read_request(const struct cfs_file *f, uint64_t offset, size_t size)
{
	return (struct m_read_req){
	    .ino = f->ref.ino,
	    .gen = f->ref.gen,
	    .offset = offset,
	    .length = (uint32_t)size,
	    .flags = f->foreign ? READ_DOWNLOAD : 0,
	};
}

/* ---- segments; all locked */

static void
segment_free(struct segment *s)
{
	struct cfs *c = s->c;

	call_free_locked(s->call);
	if (s->asked > FILE_SEGMENT / 2)
		bufs_put(&c->read_bufs, s->data);
	else
		free(s->data);
	free(s);
}

static void
segment_release(struct segment *s)
{
	if (--s->holders == 0 && s->dropped)
		segment_free(s);
}

static void
segment_drop(struct cfs_file *f, struct segment *s)
{
	struct segment **at = &f->segments;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	f->ahead -= s->asked;
	s->dropped = true;
	/* The request may still write into the buffer: giving it up is rare and may cost the line, so it is let go on. */
	if (s->holders == 0 && s->call == NULL)
		segment_free(s);
}

void
file_drop_segments(struct cfs_file *f)
{
	while (f->segments != NULL)
		segment_drop(f, f->segments);
}

static void
segment_answered(struct call *k)
{
	struct segment *s = k->owner;
	struct cfs *c = k->c;

	s->call = NULL;
	s->ns = now_mono_ns();
	if (s->dropped)
		s->code = CFS_ECANCELED;
	else
		s->code = take_answer(s->f, k, s->data, s->asked, &s->len, &s->version, &s->err);
	call_free_locked(k);
	if (c->file_watchers > 0)
		conn_wake_all(c);
	if (s->dropped && s->holders == 0)
		segment_free(s);
}

static int
segment_ask(struct cfs_file *f, uint64_t offset, size_t size)
{
	struct m_read_req req = read_request(f, offset, size);
	struct segment *s = calloc(1, sizeof(*s)), **at = &f->segments;

	if (s == NULL)
		return CFS_ENOMEM;
	s->c = f->c;
	s->data = size > FILE_SEGMENT / 2 ? bufs_get(&f->c->read_bufs) : malloc(size);
	if (s->data == NULL || call_new_locked(f->c, OP_READ, &req, &s->call, NULL) < 0) {
		free(s->data);
		free(s);
		return CFS_ENOMEM;
	}
	s->f = f;
	s->offset = offset;
	s->asked = size;
	call_take_bulk(s->call, s->data, size);
	s->call->owner = s;
	s->call->done = segment_answered;
	s->call->lazy = true;
	while (*at != NULL && (*at)->offset < offset)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	f->ahead += size;
	conn_submit(f->c, s->call);
	return 0;
}

static struct segment *
segment_find(const struct cfs_file *f, uint64_t offset)
{
	for (struct segment *s = f->segments; s != NULL; s = s->next) {
		if (offset >= s->offset && offset < s->offset + s->asked)
			return s;
	}
	return NULL;
}

static uint64_t
segments_end(const struct cfs_file *f, uint64_t from)
{
	uint64_t end = from;

	for (const struct segment *s = f->segments; s != NULL; s = s->next) {
		if (s->offset <= end && s->offset + s->asked > end)
			end = s->offset + s->asked;
	}
	return end;
}

/* Drops the oldest, lowest segments until there is room for more. */
static bool
make_room(struct cfs_file *f, size_t more, uint64_t keep_from)
{
	while (f->ahead + more > FILE_WINDOW_MAX && f->segments != NULL &&
	       f->segments->offset + f->segments->asked <= keep_from)
		segment_drop(f, f->segments);
	return f->ahead + more <= FILE_WINDOW_MAX;
}

/* Asks for what the program will read next: up to a window behind offset, at least size bytes. */
static void
read_ahead(struct cfs_file *f, uint64_t offset, size_t size)
{
	uint64_t end = segments_end(f, offset);
	uint64_t want = offset + max_size(size, f->window);

	/* More is asked for in steps, not with every small read. */
	if (end > offset && end - offset > f->window / 2)
		return;
	if (want > f->size)
		want = f->size;
	while (end < want) {
		size_t step = (size_t)min_u64(want - end, max_size(f->window / 2, 65536));

		step = min_size(step, FILE_SEGMENT);
		if (!make_room(f, step, offset) || segment_ask(f, end, step) < 0)
			break;
		end += step;
	}
	f->window = min_size(f->window * 2, FILE_WINDOW_MAX / 2);
}

static bool
segment_is_there(void *arg)
{
	const struct segment *s = arg;

	return s->call == NULL;
}

/* Waits for a segment and copies from it. Bytes copied, 0 at the end of the file, CFS_EBUSY to look again, or an error. */
static ssize_t
segment_copy(struct cfs_file *f, struct segment *s, unsigned char *buf, size_t size,
	     uint64_t offset, struct cfs_err *err)
{
	struct cfs *c = f->c;
	struct waiter w;
	ssize_t n = CFS_EBUSY;
	int rc;

	waiter_init(&w, c, segment_is_there, s, -1);
	s->holders++;
	c->file_watchers++;
	rc = conn_wait(c, &w, err);
	c->file_watchers--;
	if (rc < 0) {
		n = rc;
	} else if (s->dropped || now_mono_ns() - s->ns > FILE_FRESH_NS || s->version < f->version) {
		if (!s->dropped)
			segment_drop(f, s);
	} else if (s->code < 0) {
		n = s->code;
		if (err != NULL)
			*err = s->err;
		segment_drop(f, s);
	} else if (s->len > 0 && s->len < s->asked && offset - s->offset >= s->len) {
		/* A short answer is no end of the file: what is behind it is asked for anew, from there on. */
		segment_drop(f, s);
	} else {
		size_t at = (size_t)(offset - s->offset);

		n = at < s->len ? (ssize_t)min_size(size, s->len - at) : 0;
		/* It is held, so that nobody frees it meanwhile. */
		pthread_mutex_unlock(&c->lock);
		memcpy(buf, s->data + at, (size_t)n);
		pthread_mutex_lock(&c->lock);
		s->used += (size_t)n;
		if (n > 0 && s->used >= s->len && s->len == s->asked && !s->dropped)
			segment_drop(f, s);
	}
	segment_release(s); /* NOLINT(clang-analyzer-unix.Malloc): held since above */
	return n;
}

/* ---- reading */

/* Locked. Exactly these bytes, straight into the caller's buffer. */
static ssize_t
read_direct(struct cfs_file *f, unsigned char *buf, size_t size, uint64_t offset,
	    struct cfs_err *err)
{
	struct m_read_req req = read_request(f, offset, size);
	struct call *k;
	size_t n = 0;
	uint64_t version;
	int rc = call_new_locked(f->c, OP_READ, &req, &k, err);

	if (rc < 0)
		return rc;
	call_take_bulk(k, buf, size);
	pthread_mutex_unlock(&f->c->lock);
	rc = call_run(k, NULL, err);
	pthread_mutex_lock(&f->c->lock);
	if (rc == 0)
		rc = take_answer(f, k, buf, size, &n, &version, err);
	call_free_locked(k);
	return rc < 0 ? rc : (ssize_t)n;
}

static bool
is_sequential(const struct cfs_file *f, uint64_t offset, size_t size)
{
	/* Several threads of a mount read one file on: their requests come nearly in order. */
	uint64_t slack = max_size(size, 128u * 1024) * 4;

	return offset + slack >= f->next_offset && offset <= f->next_offset + slack &&
	       (offset > 0 || f->next_offset == 0);
}

/* Locked. */
static ssize_t
read_some(struct cfs_file *f, unsigned char *buf, size_t size, uint64_t offset, struct cfs_err *err)
{
	struct segment *s;

	if (is_sequential(f, offset, size)) {
		if (offset + size > f->next_offset)
			f->next_offset = offset + size;
		/* The first read of a small part says nothing yet. */
		if (offset < f->size && (offset > 0 || f->size > size))
			read_ahead(f, offset, size);
	} else {
		f->next_offset = offset + size;
		f->window = FILE_WINDOW_MIN;
	}
	s = segment_find(f, offset);
	if (s == NULL)
		return read_direct(f, buf, min_size(size, f->c->who.max_blob), offset, err);
	return segment_copy(f, s, buf, size, offset, err);
}

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

ssize_t
cfs_file_pread(struct cfs_file *f, void *buf, size_t size, uint64_t offset, struct cfs_err *err)
{
	struct cfs *c = f->c;
	size_t done = 0;
	ssize_t n = 1;

	if (size > INT64_MAX / 2 || offset > INT64_MAX / 2)
		return err_code(err, CFS_EINVAL);
	if (file_check_lost(f, err) < 0)
		return CFS_ELOCKLOST;
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
	while (n > 0 && done < size) {
		do
			n = read_some(f, (unsigned char *)buf + done, size - done, offset + done,
				      err);
		while (n == CFS_EBUSY);
		if (n > 0)
			done += (size_t)n;
		if (n > 0 && offset + done >= f->size)
			break;
	}
	conn_push(c);
	pthread_mutex_unlock(&c->lock);
	return n < 0 ? n : (ssize_t)done;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "proto/frame_head.h"

/* Bulk up to this is copied: cheaper than a record and an iovec of its own. */
#define COPY_MAX (16 * 1024)

/* The gathering buffer is kept when it is empty, up to this, until frame_writer_trim(). */
#define GATHER_KEEP (256 * 1024)

#define IOV_BATCH 64

/* Bytes in sending order: bulk by reference, or (p NULL) the next ones of the gathering buffer. */
struct segment {
	const unsigned char *p;
	size_t len;
	void (*release)(void *arg); /* when this segment is sent; may be NULL */
	void *arg;
};

struct frame_writer {
	struct stream *stream;
	struct buf gather;
	struct segment *segments; /* [first, first + count) */
	size_t first;
	size_t count;
	size_t cap;
	size_t queued;
};

struct frame_writer *
frame_writer_new(struct stream *s)
{
	struct frame_writer *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->stream = s;
	return w;
}

void
frame_writer_free(struct frame_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->count; i++) {
		const struct segment *s = &w->segments[w->first + i];

		if (s->release)
			s->release(s->arg);
	}
	free(w->segments);
	buf_fini(&w->gather);
	free(w);
}

size_t
frame_writer_queued(const struct frame_writer *w)
{
	return w->queued;
}

/* Makes room for n more segments. */
static int
reserve_segments(struct frame_writer *w, size_t n)
{
	size_t cap = w->cap ? w->cap : 16;
	struct segment *p;

	if (w->first + w->count + n <= w->cap)
		return 0;
	if (w->first > 0) {
		memmove(w->segments, w->segments + w->first, w->count * sizeof *w->segments);
		w->first = 0;
	}
	while (cap < w->count + n)
		cap *= 2;
	if (cap == w->cap)
		return 0;
	p = realloc(w->segments, cap * sizeof *p);
	if (!p)
		return CFS_ENOMEM;
	w->segments = p;
	w->cap = cap;
	return 0;
}

static void
push_segment(struct frame_writer *w, const void *p, size_t len)
{
	struct segment *last = w->segments + w->first + w->count - 1;

	w->queued += len;
	if (!p && w->count > 0 && !last->p && !last->release)
		last->len += len;
	else
		w->segments[w->first + w->count++] = (struct segment){.p = p, .len = len};
}

/* Adds header, fields and copied bulk to the gathering buffer; on error it is as before. */
static int
gather_frame(struct frame_writer *w, struct frame_head *head, const struct msg_desc *desc,
	     const void *msg, const struct frame_bulk *copied, size_t bulk_size)
{
	size_t before = w->gather.len;
	size_t size;
	int rc = CFS_ENOMEM;

	if (!buf_reserve(&w->gather, FRAME_HEADER_SIZE))
		return rc;
	buf_commit(&w->gather, FRAME_HEADER_SIZE);
	rc = codec_encode(desc, msg, &w->gather);
	for (int i = 0; copied && i < copied->count && rc == 0; i++)
		rc = buf_append(&w->gather, copied->pieces[i].iov_base, copied->pieces[i].iov_len);
	size = w->gather.len - before - FRAME_HEADER_SIZE + (copied ? 0 : bulk_size);
	if (rc == 0 && size > FRAME_MAX)
		rc = CFS_ETOOBIG;
	if (rc < 0) {
		buf_truncate(&w->gather, before);
		return rc;
	}
	head->size = (uint32_t)size;
	frame_head_put(w->gather.data + before, head);
	return 0;
}

int
frame_write(struct frame_writer *w, unsigned op, uint16_t flags, uint64_t number,
	    const struct msg_desc *desc, const void *msg, const struct frame_bulk *bulk)
{
	struct frame_head head = {.op = (uint16_t)op, .flags = flags, .number = number};
	size_t before = w->gather.len;
	size_t bulk_size = 0;
	bool copy;
	int rc;

	if (bulk && (bulk->count < 0 || bulk->count > FRAME_BULK_PIECES))
		return CFS_EINVAL;
	for (int i = 0; bulk && i < bulk->count; i++)
		if (!add_size(bulk_size, bulk->pieces[i].iov_len, &bulk_size))
			return CFS_ETOOBIG;
	copy = bulk_size <= COPY_MAX;
	rc = reserve_segments(w, 1 + FRAME_BULK_PIECES);
	if (rc == 0)
		rc = gather_frame(w, &head, desc, msg, copy ? bulk : NULL, bulk_size);
	if (rc < 0)
		return rc;
	push_segment(w, NULL, w->gather.len - before);
	for (int i = 0; bulk && !copy && i < bulk->count; i++)
		if (bulk->pieces[i].iov_len > 0)
			push_segment(w, bulk->pieces[i].iov_base, bulk->pieces[i].iov_len);
	if (bulk && bulk->release && copy)
		bulk->release(bulk->arg);
	if (bulk && bulk->release && !copy) {
		struct segment *last = w->segments + w->first + w->count - 1;

		last->release = bulk->release;
		last->arg = bulk->arg;
	}
	return 0;
}

int
frame_write_error(struct frame_writer *w, unsigned op, uint64_t number, int code, const char *text)
{
	struct m_error_rep rep = {.text = str_from(text)};

	return frame_write(w, op | FRAME_REPLY, (uint16_t)err_to_wire(code), number, &msg_error_rep,
			   &rep, NULL);
}

int
frame_append(struct buf *out, unsigned op, uint16_t flags, uint64_t number, const void *payload,
	     size_t len)
{
	struct frame_head head = {
	    .size = (uint32_t)len, .op = (uint16_t)op, .flags = flags, .number = number};
	unsigned char *p;

	if (len > FRAME_MAX)
		return CFS_ETOOBIG;
	p = buf_reserve(out, FRAME_HEADER_SIZE + len);
	if (!p)
		return CFS_ENOMEM;
	frame_head_put(p, &head);
	if (len > 0)
		memcpy(p + FRAME_HEADER_SIZE, payload, len);
	buf_commit(out, FRAME_HEADER_SIZE + len);
	return 0;
}

int
frame_write_raw(struct frame_writer *w, const void *frames, size_t len)
{
	int rc;

	if (len == 0)
		return 0;
	rc = reserve_segments(w, 1);
	if (rc == 0)
		rc = buf_append(&w->gather, frames, len);
	if (rc == 0)
		push_segment(w, NULL, len);
	return rc;
}

void
frame_writer_trim(struct frame_writer *w)
{
	if (w->gather.len == 0)
		buf_fini(&w->gather);
}

static int
fill_iov(const struct frame_writer *w, struct iovec *iov)
{
	unsigned char *gathered = w->gather.data;
	int n = 0;

	for (size_t i = 0; i < w->count && n < IOV_BATCH; i++) {
		const struct segment *s = &w->segments[w->first + i];

		/* iovec has no const, though sending only reads. */
		iov[n].iov_base = s->p ? (void *)(uintptr_t)s->p : gathered;
		iov[n++].iov_len = s->len;
		if (!s->p)
			gathered += s->len;
	}
	return n;
}

/* n bytes from the front are sent. */
static void
consume(struct frame_writer *w, size_t n)
{
	w->queued -= n;
	while (n > 0) {
		struct segment *s = &w->segments[w->first];
		size_t part = min_size(n, s->len);

		if (s->p)
			s->p += part;
		else
			buf_consume(&w->gather, part);
		s->len -= part;
		n -= part;
		if (s->len > 0)
			return;
		w->first++;
		w->count--;
		if (s->release)
			s->release(s->arg);
	}
}

int
frame_writer_flush(struct frame_writer *w, struct cfs_err *err)
{
	struct iovec iov[IOV_BATCH];

	while (w->count > 0) {
		ssize_t n = stream_writev(w->stream, iov, fill_iov(w, iov), err);

		if (n < 0)
			return (int)n;
		consume(w, (size_t)n);
	}
	w->first = 0;
	if (w->gather.cap > GATHER_KEEP)
		buf_fini(&w->gather);
	return stream_flush(w->stream, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "proto/frame_head.h"

/*
 * The buffer is small while little arrives, so that thousands of quiet connections cost little; traffic that fills it
 * makes it grow, and a moment of quiet with nothing in it makes it go.
 */
#define BUFFER_SMALL (8 * 1024)
#define BUFFER_LARGE (128 * 1024)

struct frame_reader {
	struct stream *stream;
	uint32_t max;
	unsigned char *buf; /* bytes [start, end) have arrived and are not used up */
	size_t cap;
	size_t start;
	size_t end;
	size_t used;         /* bytes at start that the frame handed out last takes up */
	size_t retry_at;     /* bytes that must be there before fields are tried again */
	bool starved;        /* the last call said FRAME_NEED_MORE */
	bool in_bulk;        /* a bulk frame is under way: cur */
	struct frame cur;    /* bulk_left: what no destination has been given for */
	size_t bulk_at;      /* where unused bulk bytes begin in buf; end if there are none */
	unsigned char *dest; /* NULL: drop */
	size_t dest_left;
};

struct frame_reader *
frame_reader_new(struct stream *s, uint32_t max)
{
	struct frame_reader *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->stream = s;
	r->max = max;
	return r;
}

void
frame_reader_free(struct frame_reader *r)
{
	if (!r)
		return;
	free(r->buf);
	free(r);
}

void
frame_reader_set_max(struct frame_reader *r, uint32_t max)
{
	r->max = max;
}

bool
frame_reader_pending(const struct frame_reader *r)
{
	return (!r->starved && r->end - r->start > r->used) || stream_buffered(r->stream) > 0;
}

bool
frame_reader_starved(const struct frame_reader *r)
{
	return r->starved && !frame_reader_pending(r);
}

void
frame_bulk_into(struct frame_reader *r, void *dst, size_t n)
{
	r->dest = dst;
	r->dest_left = min_size(n, r->cur.bulk_left);
	r->cur.bulk_left -= r->dest_left;
}

/* Nothing has come and nothing is here: gives a large buffer back. */
static int
starve(struct frame_reader *r)
{
	r->starved = true;
	if (r->start == r->end && r->cap > BUFFER_SMALL) {
		free(r->buf);
		r->buf = NULL;
		r->cap = 0;
	}
	return FRAME_NEED_MORE;
}

/* Makes room for a frame of `need` bytes from start on, and for at least one byte more than is there. */
static int
make_room(struct frame_reader *r, size_t need)
{
	size_t have = r->end - r->start;
	size_t cap = max_size(need, r->cap ? r->cap : BUFFER_SMALL);
	unsigned char *p;

	if (have == r->cap && r->cap > 0)
		cap = max_size(cap, BUFFER_LARGE);
	if (cap <= r->cap) {
		/* Moving is cheap when little is left, and needed when the end is reached. */
		if (have == 0 || r->start + need > r->cap || r->end == r->cap) {
			memmove(r->buf, r->buf + r->start, have);
			r->start = 0;
			r->end = have;
		}
		return 0;
	}
	p = malloc(cap);
	if (!p)
		return CFS_ENOMEM;
	if (have > 0)
		memcpy(p, r->buf + r->start, have);
	free(r->buf);
	r->buf = p;
	r->cap = cap;
	r->start = 0;
	r->end = have;
	return 0;
}

/* Reads once into the buffer. 1 when something came, 0 at the end of the stream, else a code. */
static int
fill(struct frame_reader *r, size_t need, struct cfs_err *err)
{
	ssize_t n;

	if (make_room(r, need) < 0)
		return err_code(err, CFS_ENOMEM);
	n = stream_read(r->stream, r->buf + r->end, r->cap - r->end, err);
	if (n <= 0)
		return (int)n;
	r->end += (size_t)n;
	/* A full small buffer means traffic: the next read should take more at once. */
	if (r->end == r->cap && r->cap < BUFFER_LARGE)
		return make_room(r, BUFFER_LARGE) < 0 ? err_code(err, CFS_ENOMEM) : 1;
	return 1;
}

static int
cut_short(struct frame_reader *r, struct cfs_err *err)
{
	if (r->start == r->end && !r->in_bulk)
		return FRAME_EOF;
	return err_set(err, CFS_ENET, "the connection ended in the middle of a message");
}

/* Gives bulk bytes to their destination until it is full or nothing is there. */
static int
next_bulk(struct frame_reader *r, struct frame *out, struct cfs_err *err)
{
	unsigned char dropped[4096];

	while (r->dest_left > 0) {
		size_t buffered = min_size(r->end - r->bulk_at, r->dest_left);
		ssize_t n = (ssize_t)buffered;

		if (buffered > 0) {
			if (r->dest)
				memcpy(r->dest, r->buf + r->bulk_at, buffered);
			r->bulk_at += buffered;
		} else if (r->dest) {
			n = stream_read(r->stream, r->dest, r->dest_left, err);
		} else {
			n = stream_read(r->stream, dropped, min_size(sizeof dropped, r->dest_left),
					err);
		}
		if (n == CFS_EBUSY)
			return starve(r);
		if (n == 0)
			return cut_short(r, err);
		if (n < 0)
			return (int)n;
		if (r->dest)
			r->dest += n;
		r->dest_left -= (size_t)n;
	}
	*out = r->cur;
	if (r->cur.bulk_left > 0)
		return FRAME_BULK;
	r->in_bulk = false;
	r->used = r->bulk_at - r->start;
	return FRAME_BULK_END;
}

/* Starts a bulk frame if its fields are all there: FRAME_BULK, CFS_EBUSY, or another code. */
static int
begin_bulk(struct frame_reader *r, const struct frame_head *head, struct cfs_err *err)
{
	union m_any scratch;
	size_t have = min_size(r->end - r->start - FRAME_HEADER_SIZE, head->size);
	size_t offset;
	int rc;

	if (have < r->retry_at)
		return CFS_EBUSY;
	rc = codec_decode_prefix(frame_message(&r->cur), r->cur.payload, have, head->size, &scratch,
				 &offset);
	if (rc == CFS_EBUSY) {
		/* Twice as much before the next try: many small arrivals cost no more than one large one. */
		r->retry_at = min_size(2 * have + 1, head->size);
		return rc;
	}
	if (rc < 0)
		return err_set(err, rc, "%s: malformed %s", op_name(r->cur.op),
			       frame_message(&r->cur)->name);
	r->in_bulk = true;
	r->retry_at = 0;
	r->dest_left = 0;
	r->bulk_at = r->start + FRAME_HEADER_SIZE + offset;
	r->cur.len = offset;
	r->cur.bulk_left = head->size - offset;
	return FRAME_BULK;
}

/* What the buffer holds: a frame, the beginning of a bulk frame, or CFS_EBUSY and how many bytes a frame needs. */
static int
parse(struct frame_reader *r, struct frame *out, size_t *need_out, struct cfs_err *err)
{
	struct frame_head head;
	size_t have = r->end - r->start;
	int rc;

	*need_out = FRAME_HEADER_SIZE;
	if (have < FRAME_HEADER_SIZE)
		return CFS_EBUSY;
	frame_head_get(r->buf + r->start, &head);
	if (head.size > r->max)
		return err_set(err, CFS_ETOOBIG, "a message of %u bytes is too large (%u allowed)",
			       head.size, r->max);
	r->cur = (struct frame){.op = head.op & (uint16_t)~FRAME_REPLY,
				.is_reply = head.op & FRAME_REPLY,
				.flags = head.flags,
				.number = head.number,
				.payload = r->buf + r->start + FRAME_HEADER_SIZE,
				.len = head.size};
	r->cur.desc = op_find(r->cur.op);
	if (head.size > FRAME_SMALL_MAX && frame_has_bulk(&r->cur)) {
		rc = begin_bulk(r, &head, err);
		/* Fields that are not there yet: at least those bytes, but not the whole payload, go into the buffer. */
		*need_out = FRAME_HEADER_SIZE + max_size(r->retry_at, FRAME_SMALL_MAX);
	} else {
		*need_out = FRAME_HEADER_SIZE + head.size;
		rc = have < *need_out ? (int)CFS_EBUSY : (int)FRAME_COMPLETE;
		r->used = rc == FRAME_COMPLETE ? *need_out : 0;
	}
	if (rc >= 0)
		*out = r->cur;
	return rc;
}

int
frame_next(struct frame_reader *r, struct frame *frame_out, struct cfs_err *err)
{
	size_t need;
	int rc;

	r->starved = false;
	if (r->in_bulk)
		return next_bulk(r, frame_out, err);
	r->start += r->used;
	r->used = 0;
	for (;;) {
		rc = parse(r, frame_out, &need, err);
		if (rc != CFS_EBUSY)
			return rc;
		rc = fill(r, need, err);
		if (rc == CFS_EBUSY)
			return starve(r);
		if (rc == 0)
			return cut_short(r, err);
		if (rc < 0)
			return rc;
	}
}

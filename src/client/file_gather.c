/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What an open file gathers of its writes. One that is written on and on has one piece, up to a whole blob; small writes here and
 * there, as a database makes them, are pieces of their own, whose bytes are in the buffer in the order of writing. What is written later
 * takes the place of what was there before, so the order of the pieces says nothing.
 *
 * All with write_lock, not locked.
 */

#include <string.h>

#include "base/bytes.h"
#include "client/file.h"

/* Where the blob that offset is in ends: at multiples of its size, so that reading in such steps meets whole ones. */
static uint64_t
blob_end(const struct cfs_file *f, uint64_t offset)
{
	return (offset / f->c->who.max_blob + 1) * f->c->who.max_blob;
}

static uint64_t
end_of(const struct gather_piece *p)
{
	return p->offset + p->len;
}

/* How many pieces begin at offset or before. */
static size_t
pieces_before(const struct cfs_file *f, uint64_t offset)
{
	size_t from = 0, to = f->piece_count;

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (f->pieces[mid].offset <= offset)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* After pieces were cut: one alone begins where the buffer does, so that it can grow to a blob and be sent as one. */
static void
settle_alone(struct cfs_file *f)
{
	struct gather_piece *p = f->pieces;

	if (f->piece_count == 0)
		f->gather_len = 0;
	if (f->piece_count != 1)
		return;
	if (p->at > 0)
		memmove(f->gather, f->gather + p->at, p->len);
	p->at = 0;
	f->gather_len = p->len;
}

/* Cuts off what pieces from i on have before `to`, where something else was written now. */
static void
give_way(struct cfs_file *f, size_t i, uint64_t to)
{
	struct gather_piece *p = f->pieces;
	size_t next = i;

	while (next < f->piece_count && end_of(&p[next]) <= to)
		next++;
	if (next < f->piece_count && p[next].offset < to) {
		uint32_t n = (uint32_t)(to - p[next].offset);

		p[next].offset += n;
		p[next].at += n;
		p[next].len -= n;
	}
	memmove(&p[i], &p[next], (f->piece_count - next) * sizeof(*p));
	f->piece_count -= next - i;
}

/* Has room for n bytes at `at` in the buffer, or for fewer, where others need it: so many, or a code. */
static ssize_t
make_room(struct cfs_file *f, size_t at, size_t n, struct cfs_err *err)
{
	int rc = file_gather_grow(f, at + n, err);

	/* What it has is sent first. */
	if (rc == CFS_EBUSY)
		return (ssize_t)(at < f->gather_cap ? min_size(n, f->gather_cap - at) : 0);
	return rc < 0 ? rc : (ssize_t)n;
}

/* Into and behind a piece that is the last in the buffer. */
static ssize_t
write_on(struct cfs_file *f, size_t i, const void *from, size_t size, uint64_t offset,
	 struct cfs_err *err)
{
	struct gather_piece *p = &f->pieces[i];
	uint64_t most = blob_end(f, p->offset);
	size_t at = p->at + (size_t)(offset - p->offset);

	if (f->piece_count > 1)
		most = min_u64(most, p->offset + f->c->who.max_inline);
	if (offset >= most)
		return 0;
	ssize_t n = make_room(f, at, (size_t)min_u64(size, most - offset), err);
	if (n <= 0)
		return n;
	memcpy(f->gather + at, from, (size_t)n);
	f->gather_len = max_size(f->gather_len, at + (size_t)n);
	p->len = (uint32_t)(f->gather_len - p->at);
	give_way(f, i + 1, offset + (uint64_t)n);
	settle_alone(f);
	return n;
}

/* Whether one more piece goes with those that are there. */
static bool
may_scatter(const struct cfs_file *f, size_t size)
{
	uint32_t max = f->c->who.max_inline;

	if (f->piece_count == 0)
		return true;
	/* Of several none is more than a piece inside the request can be. */
	return f->piece_count < FILE_PIECES_MAX && size <= max && f->pieces[0].len <= max &&
	       f->gather_len + size <= FILE_SCATTER_MAX;
}

/* As a new piece, the one with number i. */
static ssize_t
write_apart(struct cfs_file *f, size_t i, const void *from, size_t size, uint64_t offset,
	    struct cfs_err *err)
{
	struct gather_piece *p = &f->pieces[i];
	size_t at = f->gather_len;

	if (!may_scatter(f, size))
		return 0;
	ssize_t n = make_room(f, at, (size_t)min_u64(size, blob_end(f, offset) - offset), err);
	if (n <= 0)
		return n;
	memcpy(f->gather + at, from, (size_t)n);
	f->gather_len = at + (size_t)n;
	give_way(f, i, offset + (uint64_t)n);
	memmove(p + 1, p, (f->piece_count - i) * sizeof(*p));
	*p = (struct gather_piece){.offset = offset, .at = (uint32_t)at, .len = (uint32_t)n};
	f->piece_count++;
	settle_alone(f);
	return n;
}

ssize_t
file_gather_write(struct cfs_file *f, const void *from, size_t size, uint64_t offset,
		  struct cfs_err *err)
{
	size_t i = pieces_before(f, offset);
	struct gather_piece *p = i > 0 ? &f->pieces[i - 1] : NULL;

	if (f->gather_len == 0)
		f->appending = false;
	if (f->appending)
		return 0;
	if (p != NULL && offset <= end_of(p) && p->at + p->len == f->gather_len &&
	    offset < blob_end(f, p->offset))
		return write_on(f, i - 1, from, size, offset, err);
	if (p != NULL && offset < end_of(p)) {
		size = (size_t)min_u64(size, end_of(p) - offset);
		memcpy(f->gather + p->at + (size_t)(offset - p->offset), from, size);
		return (ssize_t)size;
	}
	return write_apart(f, i, from, size, offset, err);
}

bool
file_gather_is_full(const struct cfs_file *f)
{
	return f->piece_count == 1 && end_of(f->pieces) == blob_end(f, f->pieces[0].offset);
}

uint64_t
file_gather_end(const struct cfs_file *f)
{
	return f->piece_count > 0 ? end_of(&f->pieces[f->piece_count - 1]) : 0;
}

void
file_gather_cut(struct cfs_file *f, uint64_t size)
{
	while (f->piece_count > 0) {
		struct gather_piece *p = &f->pieces[f->piece_count - 1];

		if (end_of(p) <= size)
			break;
		if (p->offset < size) {
			p->len = (uint32_t)(size - p->offset);
			break;
		}
		f->piece_count--;
	}
	settle_alone(f);
}

const struct gather_piece *
file_gather_find(const struct cfs_file *f, uint64_t offset, size_t size)
{
	size_t i = pieces_before(f, offset);
	const struct gather_piece *p = i > 0 ? &f->pieces[i - 1] : NULL;

	return p != NULL && !f->appending && offset + size <= end_of(p) ? p : NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What is asked for ahead of a program that reads on: segments, in a window that grows for as long as the program has to
 * wait for them, which is until the line is full. All files together have file_ahead_max().
 */

#include "client/file_segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/file_cache.h"
#include "client/trust_state.h"
#include "proto/codec.h"

/* A server answers with some 1,000 pieces at most (ops.def); putting holes back costs the square of their number. */
#define PIECES_MAX 4096u

/* Flags of READ. */
#define READ_DOWNLOAD 2u
#define READ_PROMISE  8u

/* ---- answers */

ssize_t
file_spread(unsigned char *data, size_t size, size_t bulk, struct list pieces)
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

int
file_take_answer(struct cfs_file *f, struct call *k, struct file_answer *a, struct cfs_err *err)
{
	struct m_read_rep rep;
	int rc = call_result(k, &rep, err);

	if (rc < 0)
		return rc;
	ssize_t n = file_spread(a->data, a->size, k->dst_len, rep.pieces);
	if (n < 0)
		return err_set(err, CFS_EPROTO, "read: an answer that cannot be right");
	a->len = (size_t)n;
	a->version = rep.version;
	a->epoch = 0;
	if (f->c->trust != NULL && k->lines_lost == 0) {
		trust_renew(f->c->trust, k, rep.promise_ms);
		a->epoch = rep.promise_ms > 0 ? atomic_load(&f->c->trust->epoch) : 0;
	}
	/* With writes under way this client knows the size better. */
	if (rep.version >= f->version && f->writes == 0 && !f->gathered)
		f->size = rep.size;
	if (rep.version > f->version)
		f->version = rep.version;
	return 0;
}

int
file_call_read(struct cfs_file *f, uint64_t offset, size_t size, struct call **out,
	       struct cfs_err *err)
{
	struct m_read_req req = {
	    .ino = f->ref.ino,
	    .gen = f->ref.gen,
	    .offset = offset,
	    .length = (uint32_t)size,
	    .flags = (f->foreign ? READ_DOWNLOAD : 0) | (f->c->trust != NULL ? READ_PROMISE : 0),
	};

	return call_new_locked(f->c, OP_READ, &req, out, err);
}

/* ---- segments; all locked */

static void
segment_free(struct segment *s)
{
	struct cfs *c = s->c;

	call_free_locked(s->call);
	c->ahead_bytes -= s->asked;
	if (s->asked > FILE_SEGMENT / 2)
		file_keep_buf(c, &c->read_bufs, s->answer.data);
	else
		free(s->answer.data);
	free(s);
}

void
segment_hold(struct segment *s)
{
	s->holders++;
}

void
segment_release(struct segment *s)
{
	if (--s->holders == 0 && s->dropped)
		segment_free(s);
}

void
segment_drop(struct segment *s)
{
	struct segment **at = &s->f->segments;

	if (s->dropped)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->dropped = true;
	/* The request may still write into the buffer: giving it up is rare and may cost the line, so it is let go on. */
	if (s->holders == 0 && s->call == NULL)
		segment_free(s);
}

static void
drop_segments(struct cfs_file *f)
{
	while (f->segments != NULL)
		segment_drop(f->segments);
}

void
file_drop_segments(struct cfs_file *f)
{
	drop_segments(f);
	file_map_forget(f);
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
		s->code = file_take_answer(s->f, k, &s->answer, &s->err);
	if (s->code == 0)
		file_cache_keep_segment(s->f, s);
	call_free_locked(k);
	if (c->file_watchers > 0)
		conn_wake_all(c);
	if (s->dropped && s->holders == 0)
		segment_free(s);
}

static int
segment_ask(struct cfs_file *f, uint64_t offset, size_t size)
{
	struct segment *s = calloc(1, sizeof(*s)), **at = &f->segments;

	if (s == NULL)
		return CFS_ENOMEM;
	s->c = f->c;
	s->answer.size = size;
	if (size <= FILE_SEGMENT / 2)
		file_make_memory(f->c, size);
	s->answer.data =
	    size > FILE_SEGMENT / 2 ? file_take_buf(f->c, &f->c->read_bufs) : malloc(size);
	if (s->answer.data == NULL || file_call_read(f, offset, size, &s->call, NULL) < 0) {
		free(s->answer.data);
		free(s);
		return CFS_ENOMEM;
	}
	s->f = f;
	s->offset = offset;
	s->asked = size;
	call_take_bulk(s->call, s->answer.data, size);
	s->call->owner = s;
	s->call->done = segment_answered;
	s->call->lazy = true;
	while (*at != NULL && (*at)->offset < offset)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	f->c->ahead_bytes += size;
	conn_submit(f->c, s->call);
	return 0;
}

struct segment *
segment_find(const struct cfs_file *f, uint64_t offset)
{
	for (struct segment *s = f->segments; s != NULL; s = s->next) {
		if (offset >= s->offset && offset < s->offset + s->asked)
			return s;
	}
	return NULL;
}

bool
segment_is_good(const struct cfs_file *f, const struct segment *s)
{
	if (s->dropped || s->answer.version < f->version)
		return false;
	return s->answer.epoch != 0 ? cfs_promised_ns(f->c, s->answer.epoch) > 0
				    : now_mono_ns() - s->ns <= FILE_FRESH_NS;
}

/* ---- the window; locked */

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

static void
drop_idle(struct cfs *c)
{
	uint64_t now = now_mono_ns();

	for (struct cfs_file *f = c->files; f != NULL; f = f->next) {
		if (now - f->read_ns > FILE_IDLE_NS)
			drop_segments(f);
	}
}

/* Drops what the program has left behind, until there is room for more. */
static bool
make_room(struct cfs_file *f, size_t more, uint64_t keep_from)
{
	size_t max = file_ahead_max(f->c);

	if (f->c->ahead_bytes + more > max)
		drop_idle(f->c);
	/* segment_drop() takes it off the list: NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (f->c->ahead_bytes + more > max && f->segments != NULL &&
	       f->segments->offset + f->segments->asked <= keep_from)
		segment_drop(f->segments);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	return f->c->ahead_bytes + more <= max;
}

void
file_read_ahead(struct cfs_file *f, uint64_t offset, size_t size)
{
	uint64_t end = segments_end(f, offset), want = offset + max_size(size, f->window);
	size_t step = min_size(max_size(f->window / 4, FILE_STEP_MIN), FILE_SEGMENT);

	/* More is asked for in steps, not with every small read. */
	if (end > offset && want - end < step)
		return;
	if (want > f->size)
		want = f->size;
	if (end < want)
		want = file_cache_until(f, end, want);
	while (end < want) {
		size_t part = (size_t)min_u64(want - end, step);

		if (!make_room(f, part, offset) || segment_ask(f, end, part) < 0)
			break;
		end += part;
	}
}

void
file_waited(struct cfs_file *f, uint64_t ns)
{
	/* A long way is filled in few steps; near by, more in the air than is needed only costs the processor's cache. */
	f->window *= ns >= FILE_FAR_NS ? 4 : 2;
	f->window = min_size(f->window, ns >= FILE_FAR_NS ? FILE_WINDOW_MAX : FILE_WINDOW_NEAR);
}

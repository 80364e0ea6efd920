/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/file_map.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/disk_cache.h"
#include "client/trust_state.h"
#include "proto/codec.h"

/* Of a server that is worth listening to. */
#define RUNS_MAX  65536u
/* Where a map begins: reads that come a little out of order should all be in it. */
#define FROM_STEP (UINT64_C(1) << 20)

void
file_map_unref(struct file_map *m)
{
	if (m != NULL && --m->refs == 0)
		free(m);
}

void
file_map_forget(struct cfs_file *f)
{
	file_map_unref(f->map);
	f->map = NULL;
	f->map_spoiled = true;
}

/* ---- asking */

/* NULL: it cannot be right, or memory is out. */
static struct file_map *
make_map(uint64_t from, const struct m_map_rep *rep)
{
	struct list it = rep->pieces;
	struct m_map_piece p;
	struct file_map *m;

	if (it.count > RUNS_MAX)
		return NULL;
	m = calloc(1, sizeof(*m) + it.count * sizeof(m->runs[0]));
	if (m == NULL)
		return NULL;
	m->refs = 1;
	m->from = m->to = from;
	m->version = rep->attr.version;
	while (list_next(&it, &p)) {
		struct map_run *r = &m->runs[m->count++];

		*r = (struct map_run){.at = m->to,
				      .length = p.length,
				      .kind = p.kind == 0   ? RUN_HOLE
					      : p.kind == 2 ? RUN_BLOB
							    : RUN_OTHER,
				      .blob = p.blob,
				      .blob_offset = p.blob_offset};
		if (p.length == 0 || p.length > rep->attr.size - m->to ||
		    (r->kind == RUN_BLOB && p.length > UINT32_MAX - p.blob_offset)) {
			free(m);
			return NULL;
		}
		m->to += p.length;
	}
	return m;
}

static void
map_answered(struct call *k)
{
	struct cfs_file *f = k->owner;
	struct cfs *c = f->c;
	struct file_map *m = NULL;
	struct m_map_rep rep;
	int rc = call_result(k, &rep, NULL);

	f->map_call = NULL;
	f->map_seen = true;
	/* Behind the last byte there is nothing to be told; versions of what has no name do not count. */
	if (rc == 0 && !f->map_spoiled && k->lines_lost == 0 && rep.attr.promise_ms > 0 &&
	    rep.attr.nlink > 0 && rep.attr.size >= f->map_from)
		m = make_map(f->map_from, &rep);
	if (m != NULL) {
		m->epoch = atomic_load(&c->trust->epoch);
		file_map_unref(f->map);
		f->map = m;
	} else {
		f->map_retry_ns = now_mono_ns() + FILE_MAP_RETRY_NS;
	}
	/* It never will, on this line. */
	if (rc == CFS_EUNSUPPORTED)
		c->no_maps = true;
	call_free_locked(k);
	if (c->file_watchers > 0)
		conn_wake_all(c);
}

void
file_map_ask(struct cfs_file *f, uint64_t offset)
{
	struct m_map_req req = {.ino = f->ref.ino,
				.gen = f->ref.gen,
				.offset = align_down_u64(offset, FROM_STEP),
				.length = UINT64_MAX};
	struct call *k;

	if (f->map_call != NULL || now_mono_ns() < f->map_retry_ns ||
	    call_new_locked(f->c, OP_MAP, &req, &k, NULL) < 0)
		return;
	f->map_call = k;
	f->map_from = req.offset;
	f->map_spoiled = false;
	k->owner = f;
	k->done = map_answered;
	conn_submit(f->c, k);
}

static bool
none_is_asked_for(void *arg)
{
	const struct cfs_file *f = arg;

	return f->map_call == NULL;
}

void
file_map_await(struct cfs_file *f)
{
	struct cfs *c = f->c;
	struct waiter w;

	if (f->map_call == NULL)
		return;
	waiter_init(&w, c, none_is_asked_for, f, -1);
	w.eager = w.breakable = true;
	c->file_watchers++;
	/* Who was interrupted is told so by the read that follows. */
	(void)conn_wait(c, &w, NULL);
	c->file_watchers--;
}

/* ---- looking */

struct file_map *
file_map_find(struct cfs_file *f, uint64_t offset, struct cfs_attr *attr_out)
{
	struct file_map *m = f->map;

	if (m == NULL || !trust_find_attr(f->c, f->ref, attr_out) ||
	    attr_out->version != m->version || m->version < f->version || attr_out->nlink == 0 ||
	    m->epoch != atomic_load(&f->c->trust->epoch))
		return NULL;
	return offset >= m->from && offset < m->to ? m : NULL;
}

bool
file_map_next(const struct file_map *m, size_t *run, uint64_t at, uint64_t end, struct map_bit *out)
{
	const struct map_run *r;
	uint64_t left;

	if (at >= end || at < m->from || at >= m->to)
		return false;
	if (*run == 0 && m->runs[0].at + m->runs[0].length <= at) {
		size_t low = 0, high = m->count;

		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;

			*(m->runs[middle].at <= at ? &low : &high) = middle;
		}
		*run = low;
	}
	while (m->runs[*run].at + m->runs[*run].length <= at)
		++*run;
	r = &m->runs[*run];
	left = min_u64(r->at + r->length, end) - at;
	*out = (struct map_bit){.run = r, .at = at};
	if (r->kind == RUN_BLOB) {
		uint32_t in_blob = r->blob_offset + (uint32_t)(at - r->at);

		out->part = in_blob / DISK_PART;
		out->from = in_blob % DISK_PART;
	}
	out->len = (uint32_t)min_u64(left, DISK_PART - out->from);
	return true;
}

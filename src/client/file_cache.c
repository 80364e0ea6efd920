/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/file_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/client_cache.h"

/* Whether the file's content is of the kind that is kept. */
static bool
is_for_cache(const struct cfs_file *f)
{
	const struct cfs *c = f->c;

	return c->cache != NULL && c->trust != NULL && !c->no_maps && !f->foreign &&
	       f->size > c->who.max_inline;
}

static bool
is_being_written(const struct cfs_file *f)
{
	return f->gathered || f->writes > 0;
}

/* ---- reading */

static bool
has_all(struct disk_cache *d, const struct file_map *m, uint64_t offset, uint64_t end)
{
	struct map_bit b;
	size_t run = 0;

	while (file_map_next(m, &run, offset, end, &b)) {
		if (b.run->kind == RUN_OTHER ||
		    (b.run->kind == RUN_BLOB &&
		     !disk_cache_has(d, &b.run->blob, b.part, b.from + b.len)))
			return false;
		offset += b.len;
	}
	return offset == end;
}

bool
file_cache_plan(struct cfs_file *f, size_t size, uint64_t offset, struct cache_read *out)
{
	struct disk_cache *d;
	struct cfs_attr attr;
	struct file_map *m;

	if (!is_for_cache(f) || is_being_written(f))
		return false;
	d = client_cache_disk(f->c);
	m = file_map_find(f, offset, &attr);
	if (m == NULL && offset < f->size) {
		file_map_ask(f, offset);
		/* The server is asked for bytes at the same time, unless they may well be here. */
		if (!f->map_seen && disk_cache_knows(d, f->ref.ino)) {
			file_map_await(f);
			m = file_map_find(f, offset, &attr);
		}
	}
	if (m == NULL || is_being_written(f) || offset >= attr.size)
		return false;
	size = (size_t)min_u64(size, attr.size - offset);
	if (!has_all(d, m, offset, offset + size))
		return false;
	f->size = attr.size;
	f->version = attr.version;
	m->refs++;
	*out = (struct cache_read){.map = m, .offset = offset, .len = size};
	return true;
}

bool
file_cache_read(struct cfs_file *f, struct cache_read *r, void *buf)
{
	struct disk_cache *d = client_cache_disk(f->c);
	unsigned char *to = buf;
	uint64_t at = r->offset, end = r->offset + r->len;
	struct map_bit b;
	size_t run = 0;
	bool good = true;

	pthread_mutex_unlock(&f->c->lock);
	while (good && file_map_next(r->map, &run, at, end, &b)) {
		if (b.run->kind == RUN_HOLE)
			memset(to, 0, b.len);
		else
			good = disk_cache_read(d, &b.run->blob, b.part, b.from, to, b.len);
		to += b.len;
		at += b.len;
	}
	pthread_mutex_lock(&f->c->lock);
	file_map_unref(r->map);
	if (good) {
		f->next_offset = end;
		f->read_ns = now_mono_ns();
	}
	return good;
}

uint64_t
file_cache_until(struct cfs_file *f, uint64_t offset, uint64_t to)
{
	const struct file_map *m;
	struct cfs_attr attr;
	struct map_bit b;
	size_t run = 0;

	if (!is_for_cache(f) || (m = file_map_find(f, offset, &attr)) == NULL)
		return to;
	while (file_map_next(m, &run, offset, to, &b)) {
		if (b.run->kind == RUN_BLOB &&
		    disk_cache_has(client_cache_disk(f->c), &b.run->blob, b.part, b.from + b.len))
			return offset;
		offset += b.len;
	}
	return to;
}

/* ---- keeping */

/* Whole parts, and the beginning of one that the file has no more of. */
static bool
is_worth_keeping(const struct cfs_file *f, const struct map_bit *b)
{
	return b->run->kind == RUN_BLOB && b->from == 0 &&
	       (b->len == DISK_PART || b->at + b->len == b->run->at + b->run->length) &&
	       !disk_cache_has(client_cache_disk(f->c), &b->run->blob, b->part, b->len);
}

/* What there is to keep of an answer, pointing into it; NULL: nothing. */
static struct fill *
choose(struct cfs_file *f, uint64_t offset, const struct file_answer *a)
{
	uint64_t at = offset, end = offset + a->len;
	size_t room = a->len / DISK_PART + 2, run = 0;
	const struct file_map *m = NULL;
	struct cfs_attr attr;
	struct map_bit b;
	struct fill *fill;

	if (is_for_cache(f) && a->len > 0 && a->epoch != 0 && client_cache_has_room(f->c, a->len))
		m = file_map_find(f, offset, &attr);
	if (m == NULL || m->version != a->version || m->epoch != a->epoch)
		return NULL;
	fill = calloc(1, sizeof(*fill) + room * sizeof(fill->parts[0]));
	if (fill == NULL)
		return NULL;
	fill->ino = f->ref.ino;
	while (fill->count < room && file_map_next(m, &run, at, end, &b)) {
		if (is_worth_keeping(f, &b)) {
			fill->parts[fill->count++] =
			    (struct fill_part){.blob = b.run->blob,
					       .part = b.part,
					       .len = b.len,
					       .data = a->data + (at - offset)};
			fill->bytes += b.len;
		}
		at += b.len;
	}
	if (fill->count > 0)
		return fill;
	free(fill);
	return NULL;
}

void
file_cache_keep_segment(struct cfs_file *f, struct segment *s)
{
	struct fill *fill = choose(f, s->offset, &s->answer);

	if (fill == NULL)
		return;
	segment_hold(s);
	fill->segment = s;
	client_cache_fill(f->c, fill);
}

void
file_cache_keep_answer(struct cfs_file *f, uint64_t offset, const struct file_answer *a)
{
	struct fill *fill = choose(f, offset, a);
	unsigned char *to;

	if (fill == NULL)
		return;
	fill->copy = to = malloc(fill->bytes);
	if (to == NULL) {
		free(fill);
		return;
	}
	for (size_t i = 0; i < fill->count; i++) {
		memcpy(to, fill->parts[i].data, fill->parts[i].len);
		fill->parts[i].data = to;
		to += fill->parts[i].len;
	}
	client_cache_fill(f->c, fill);
}

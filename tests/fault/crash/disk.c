/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk.h"

#include <stdlib.h>
#include <string.h>

#include "disk_impl.h"

struct disk *
disk_new(enum disk_lie lie)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->lie = lie;
	/* Number 0 means none; path 1 and object 1 are the folder itself. */
	disk_path(d, "", 0);
	disk_path(d, "", 0);
	d->object_count = 1;
	d->live[1] = d->safe[1] = disk_object_new(d, true);
	return d;
}

void
disk_free(struct disk *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->object_count; i++) {
		image_fini(&d->objects[i].safe);
		free(d->objects[i].pending);
	}
	for (size_t i = 0; i < d->path_count; i++)
		free(d->paths[i].text);
	free(d->objects);
	free(d->paths);
	free(d->live);
	free(d->safe);
	free(d->names);
	free(d->tokens);
	free(d->flushes);
	free(d->held);
	free(d);
}

/* Room for one more element; elements are zeroed. */
static void *
grow(void *array, size_t count, size_t *cap, size_t element)
{
	char *p = array;

	if (count < *cap)
		return p;
	p = realloc(p, (*cap * 2 + 64) * element);
	if (p == NULL)
		abort();
	memset(p + *cap * element, 0, (*cap + 64) * element);
	*cap = *cap * 2 + 64;
	return p;
}

unsigned
disk_object_new(struct disk *d, bool folder)
{
	d->objects = grow(d->objects, d->object_count, &d->object_cap, sizeof(*d->objects));
	d->objects[d->object_count] = (struct object){.folder = folder};
	return (unsigned)d->object_count++;
}

/* The path's number; a new one if it was not seen before. Parents are seen before what is in them. */
unsigned
disk_path(struct disk *d, const char *text, size_t len)
{
	const char *slash = memrchr(text, '/', len);
	unsigned parent = len == 0 ? 0 : 1;
	struct path *p;

	for (size_t i = 2; i < d->path_count; i++)
		if (strlen(d->paths[i].text) == len && memcmp(d->paths[i].text, text, len) == 0)
			return (unsigned)i;
	if (len == 0 && d->path_count >= 2)
		return 1;
	if (slash != NULL)
		parent = disk_path(d, text, (size_t)(slash - text));
	if (d->path_count == d->path_cap) {
		size_t live_cap = d->path_cap, safe_cap = d->path_cap;

		d->live = grow(d->live, d->path_count, &live_cap, sizeof(*d->live));
		d->safe = grow(d->safe, d->path_count, &safe_cap, sizeof(*d->safe));
		d->paths = grow(d->paths, d->path_count, &d->path_cap, sizeof(*d->paths));
	}
	p = &d->paths[d->path_count];
	p->text = strndup(text, len);
	p->parent = parent;
	if (p->text == NULL)
		abort();
	return (unsigned)d->path_count++;
}

static void
set_token(struct disk *d, uint64_t token, unsigned object, unsigned path)
{
	while (token >= d->token_count)
		d->tokens = grow(d->tokens, ++d->token_count, &d->token_cap, sizeof(*d->tokens));
	d->tokens[token].object = object;
	d->tokens[token].path = path;
}

static void
add_bytes(struct disk *d, const struct record *r, const unsigned char *payload)
{
	struct object *o = &d->objects[d->tokens[r->token].object];

	o->pending = grow(o->pending, o->pending_count, &o->pending_cap, sizeof(*o->pending));
	o->pending[o->pending_count++] = (struct change){
	    .type = r->type,
	    .seq = ++d->seq,
	    .offset = r->offset,
	    .length = r->type == RECORD_WRITE ? r->size : r->length,
	    .data = payload,
	};
}

void
change_apply(const struct change *c, struct image *im)
{
	if (c->type == RECORD_WRITE)
		image_write(im, c->offset, c->data, c->length);
	else if (c->type == RECORD_TRUNCATE)
		image_resize(im, c->length);
	else if (im->size < c->offset + c->length)
		image_resize(im, c->offset + c->length);
}

static void
add_name(struct disk *d, unsigned from, unsigned to, unsigned object)
{
	d->names = grow(d->names, d->name_count, &d->name_cap, sizeof(*d->names));
	d->names[d->name_count] =
	    (struct name_change){.seq = ++d->seq, .from = from, .to = to, .object = object};
	name_apply(&d->names[d->name_count++], d->live);
}

void
name_apply(const struct name_change *n, unsigned *map)
{
	if (n->from != 0)
		map[n->from] = 0;
	if (n->to != 0)
		map[n->to] = n->object;
}

bool
names_meet(const struct name_change *a, const struct name_change *b)
{
	return (a->from != 0 && (a->from == b->from || a->from == b->to)) ||
	       (a->to != 0 && (a->to == b->from || a->to == b->to));
}

/* Marks what a flush of folder path promises: changes in it up to seq, and those of the same names before. */
static void
promise_names(struct disk *d, unsigned folder, uint64_t seq)
{
	size_t kept = 0;

	for (size_t i = d->name_count; i-- > 0;) {
		struct name_change *n = &d->names[i];

		if (n->seq <= seq && ((n->from != 0 && d->paths[n->from].parent == folder) ||
				      (n->to != 0 && d->paths[n->to].parent == folder)))
			n->promised = true;
		for (size_t j = 0; n->promised && j < i; j++)
			if (names_meet(n, &d->names[j]))
				d->names[j].promised = true;
	}
	for (size_t i = 0; i < d->name_count; i++) {
		if (d->names[i].promised)
			name_apply(&d->names[i], d->safe);
		else
			d->names[kept++] = d->names[i];
	}
	d->name_count = kept;
}

static void
promise_bytes(struct object *o, uint64_t seq)
{
	size_t done = 0;

	while (done < o->pending_count && o->pending[done].seq <= seq)
		change_apply(&o->pending[done++], &o->safe);
	if (done == 0)
		return;
	memmove(o->pending, o->pending + done, (o->pending_count - done) * sizeof(*o->pending));
	o->pending_count -= done;
}

static void
promise(struct disk *d, const struct flush *f)
{
	if (d->objects[f->object].folder)
		promise_names(d, f->path, f->seq);
	else
		promise_bytes(&d->objects[f->object], f->seq);
	/* The journal's rule alone remembers this: a flush of anything writes the journal. */
	if (f->seq > d->journal_seq)
		d->journal_seq = f->seq;
}

static bool
path_is(const struct disk *d, unsigned path, const char *begin, const char *end)
{
	const char *text = d->paths[path].text;
	size_t n = strlen(text), m = strlen(end);

	return strncmp(text, begin, strlen(begin)) == 0 && n >= m && strcmp(text + n - m, end) == 0;
}

static void
flushed(struct disk *d, const struct flush *f)
{
	bool blobs = path_is(d, f->path, "blobs/", ""), log = path_is(d, f->path, "", "-wal");
	bool folder = d->objects[f->object].folder;

	if ((d->lie == LIE_NO_BLOBS && blobs && !folder) ||
	    (d->lie == LIE_NO_NAMES && blobs && folder) || (d->lie == LIE_NO_COMMIT && log))
		return;
	if (d->lie == LIE_SWAP && blobs && d->lying) {
		d->held = grow(d->held, d->held_count, &d->held_cap, sizeof(*d->held));
		d->held[d->held_count++] = *f;
		return;
	}
	promise(d, f);
	for (size_t i = 0; log && i < d->held_count; i++)
		promise(d, &d->held[i]);
	if (log)
		d->held_count = 0;
}

static const char *
play_flush(struct disk *d, const struct record *r)
{
	struct flush f = {.number = r->offset, .seq = d->seq};

	if (r->type == RECORD_FLUSH) {
		f.object = d->tokens[r->token].object;
		f.path = d->tokens[r->token].path;
		d->flushes = grow(d->flushes, d->flush_count, &d->flush_cap, sizeof(f));
		d->flushes[d->flush_count++] = f;
		return NULL;
	}
	for (size_t i = 0; i < d->flush_count; i++) {
		if (d->flushes[i].number != r->offset)
			continue;
		f = d->flushes[i];
		d->flushes[i] = d->flushes[--d->flush_count];
		flushed(d, &f);
		return NULL;
	}
	return "a flush ends that did not begin";
}

static const char *
play_name(struct disk *d, const struct record *r, const char *text)
{
	unsigned path, to;
	size_t len = r->type == RECORD_RENAME ? strlen(text) : r->size;

	path = disk_path(d, text, len);
	switch (r->type) {
	case RECORD_CREATE:
	case RECORD_MKDIR:
		add_name(d, 0, path, disk_object_new(d, r->type == RECORD_MKDIR));
		break;
	case RECORD_UNLINK:
		add_name(d, path, 0, 0);
		break;
	case RECORD_RENAME:
		to = disk_path(d, text + len + 1, r->size - len - 1);
		add_name(d, path, to, d->live[path]);
		break;
	default:
		break;
	}
	if (r->type == RECORD_CREATE || r->type == RECORD_OPEN) {
		if (d->live[path] == 0)
			return "a file is opened that was not made in the log";
		set_token(d, r->token, d->live[path], path);
	}
	return NULL;
}

const char *
disk_play(struct disk *d, const struct record *r, const unsigned char *payload)
{
	switch ((enum record_type)r->type) {
	case RECORD_CREATE:
	case RECORD_OPEN:
	case RECORD_MKDIR:
	case RECORD_UNLINK:
	case RECORD_RENAME:
		return play_name(d, r, (const char *)payload);
	case RECORD_WRITE:
	case RECORD_TRUNCATE:
	case RECORD_ALLOCATE:
		if (r->token >= d->token_count || d->tokens[r->token].object == 0)
			return "bytes go to a file that is not open";
		add_bytes(d, r, payload);
		return NULL;
	case RECORD_FLUSH:
	case RECORD_FLUSHED:
		if (r->type == RECORD_FLUSH && r->token >= d->token_count)
			return "a flush of a file that is not open";
		return play_flush(d, r);
	case RECORD_MARK:
		d->lying = true;
		return NULL;
	}
	return "an unknown record";
}

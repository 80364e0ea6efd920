/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/contents.h"

#include <stdlib.h>
#include <string.h>

void
contents_init(struct contents *m, size_t max_bytes)
{
	memset(m, 0, sizeof(*m));
	m->max_bytes = max_bytes;
}

static size_t
bucket(uint64_t ino)
{
	return (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 32) % CONTENTS_BUCKETS;
}

static struct content *
find(const struct contents *m, uint64_t ino)
{
	struct content *e = m->buckets[bucket(ino)];

	while (e != NULL && e->ref.ino != ino)
		e = e->next;
	return e;
}

struct content *
contents_find(const struct contents *m, struct cfs_ref ref)
{
	struct content *e = find(m, ref.ino);

	return e != NULL && e->ref.gen == ref.gen ? e : NULL;
}

static void
take_out(struct contents *m, struct content *e)
{
	struct content **at = &m->buckets[bucket(e->ref.ino)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	*(e->older != NULL ? &e->older->newer : &m->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &m->newest) = e->older;
	m->bytes -= e->room;
	free(e->data);
	free(e);
}

void
contents_fini(struct contents *m)
{
	while (m->oldest != NULL)
		take_out(m, m->oldest);
}

/* Room for so many bytes more: what is held gives way, the oldest first; what is awaited is somebody else's to end. */
static bool
make_room(struct contents *m, size_t more)
{
	struct content *e = m->oldest;

	while (e != NULL && m->bytes + more > m->max_bytes) {
		struct content *newer = e->newer;

		if (e->state == CONTENT_HELD)
			take_out(m, e);
		e = newer;
	}
	return m->bytes + more <= m->max_bytes;
}

static struct content *
add(struct contents *m, struct cfs_ref ref, size_t room)
{
	struct content *e, **at = &m->buckets[bucket(ref.ino)];

	if (find(m, ref.ino) != NULL || !make_room(m, room))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (e == NULL || (e->data = malloc(room)) == NULL) {
		free(e);
		return NULL;
	}
	e->ref = ref;
	e->room = room;
	e->next = *at;
	*at = e;
	e->older = m->newest;
	*(m->newest != NULL ? &m->newest->newer : &m->oldest) = e;
	m->newest = e;
	m->bytes += room;
	return e;
}

struct content *
contents_await(struct contents *m, struct cfs_ref ref, size_t room)
{
	return add(m, ref, room);
}

void
contents_arrived(struct contents *m, struct content *e, uint64_t version, size_t len)
{
	if (e->state == CONTENT_SPOILED) {
		take_out(m, e);
		return;
	}
	e->state = CONTENT_HELD;
	e->version = version;
	e->len = len;
}

void
contents_failed(struct contents *m, struct content *e)
{
	take_out(m, e);
}

void
contents_put(struct contents *m, struct cfs_ref ref, uint64_t version, const void *data, size_t len)
{
	struct content *e = find(m, ref.ino);

	if (e != NULL && e->state != CONTENT_HELD)
		return;
	if (e != NULL)
		take_out(m, e);
	e = add(m, ref, len);
	if (e == NULL)
		return;
	memcpy(e->data, data, len);
	contents_arrived(m, e, version, len);
}

static void
drop(struct contents *m, struct content *e)
{
	if (e->state == CONTENT_HELD)
		take_out(m, e);
	else
		e->state = CONTENT_SPOILED;
}

void
contents_drop(struct contents *m, uint64_t ino)
{
	struct content *e = find(m, ino);

	if (e != NULL)
		drop(m, e);
}

void
contents_clear(struct contents *m)
{
	for (struct content *e = m->oldest, *newer; e != NULL; e = newer) {
		newer = e->newer;
		drop(m, e);
	}
}

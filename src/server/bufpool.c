/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/bufpool.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/bytes.h"

/* A read of the mount is 128 KiB, a small blob 64 KiB, a whole one 4 MiB. */
static const size_t class_size[] = {(size_t)64 * 1024, (size_t)256 * 1024, (size_t)1024 * 1024,
				    BUFPOOL_MAX};

#define CLASSES ARRAY_SIZE(class_size)

struct bufpool {
	size_t limit;
	size_t used;   /* bytes handed out */
	size_t mapped; /* bytes handed out or kept */
	struct poolbuf *kept[CLASSES];
};

struct bufpool *
bufpool_new(size_t limit)
{
	struct bufpool *pool = calloc(1, sizeof(*pool));

	if (pool)
		pool->limit = limit;
	return pool;
}

static void
unmap(struct bufpool *pool, struct poolbuf *buf)
{
	pool->mapped -= buf->size;
	munmap(buf->data, buf->size);
	free(buf);
}

static void
drop_kept(struct bufpool *pool, unsigned kind)
{
	struct poolbuf *buf = pool->kept[kind];

	pool->kept[kind] = buf->next;
	unmap(pool, buf);
}

void
bufpool_trim(struct bufpool *pool)
{
	for (unsigned kind = 0; kind < CLASSES; kind++) {
		while (pool->kept[kind])
			drop_kept(pool, kind);
	}
}

void
bufpool_free(struct bufpool *pool)
{
	if (!pool)
		return;
	bufpool_trim(pool);
	free(pool);
}

static struct poolbuf *
map_new(struct bufpool *pool, unsigned kind)
{
	struct poolbuf *buf = calloc(1, sizeof(*buf));
	void *data;

	if (!buf)
		return NULL;
	data = mmap(NULL, class_size[kind], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (data == MAP_FAILED) {
		free(buf);
		return NULL;
	}
	buf->data = data;
	buf->size = class_size[kind];
	buf->kind = kind;
	buf->pool = pool;
	pool->mapped += buf->size;
	return buf;
}

/* Buffers of other classes that lie unused make room for one that is wanted now. */
static void
make_room(struct bufpool *pool, size_t size)
{
	for (unsigned kind = 0; kind < CLASSES; kind++) {
		while (pool->kept[kind] && pool->mapped + size > pool->limit)
			drop_kept(pool, kind);
	}
}

int
bufpool_get(struct bufpool *pool, size_t size, struct poolbuf **out)
{
	struct poolbuf *buf;
	unsigned kind = 0;

	if (size > BUFPOOL_MAX)
		return CFS_ETOOBIG;
	while (class_size[kind] < size)
		kind++;
	if (pool->used != 0 && pool->used + class_size[kind] > pool->limit)
		return CFS_EBUSY;
	buf = pool->kept[kind];
	if (buf) {
		pool->kept[kind] = buf->next;
	} else {
		make_room(pool, class_size[kind]);
		buf = map_new(pool, kind);
	}
	if (!buf)
		return CFS_ENOMEM;
	buf->len = 0;
	buf->next = NULL;
	pool->used += buf->size;
	*out = buf;
	return 0;
}

void
bufpool_put(struct poolbuf *buf)
{
	struct bufpool *pool;

	if (!buf)
		return;
	pool = buf->pool;
	pool->used -= buf->size;
	buf->next = pool->kept[buf->kind];
	pool->kept[buf->kind] = buf;
}

size_t
bufpool_used(const struct bufpool *pool)
{
	return pool->used;
}

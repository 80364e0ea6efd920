/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/unforked.h"

#include <stdalign.h>
#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

/* What a chunk begins with, and a piece that nobody has. */
struct link {
	alignas(max_align_t) struct link *next;
};

static size_t
piece_bytes(const struct unforked *u)
{
	return (u->size + sizeof(struct link) - 1) / sizeof(struct link) * sizeof(struct link);
}

static int
add_chunk(struct unforked *u)
{
	struct link *chunk = unforked_grow(NULL, 0, CHUNK_BYTES);
	char *at = (char *)chunk + sizeof(*chunk);

	if (!chunk)
		return -1;
	chunk->next = u->chunks;
	u->chunks = chunk;
	for (; at + piece_bytes(u) <= (char *)chunk + CHUNK_BYTES; at += piece_bytes(u))
		unforked_give(u, at);
	return 0;
}

void *
unforked_take(struct unforked *u)
{
	struct link *piece;

	if (!u->free && add_chunk(u))
		return NULL;
	piece = u->free;
	u->free = piece->next;
	return piece;
}

void
unforked_give(struct unforked *u, void *piece)
{
	struct link *link = piece;

	if (!link)
		return;
	link->next = u->free;
	u->free = link;
}

void
unforked_clear(struct unforked *u)
{
	struct link *chunk = u->chunks;

	while (chunk) {
		struct link *next = chunk->next;

		unforked_end(chunk, CHUNK_BYTES);
		chunk = next;
	}
	u->free = u->chunks = NULL;
}

void *
unforked_grow(void *old, size_t old_bytes, size_t bytes)
{
	void *p;

	if (old) {
		/* What the kernel was advised of an area stays with it. */
		p = mremap(old, old_bytes, bytes, MREMAP_MAYMOVE);
		return p == MAP_FAILED ? NULL : p;
	}
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, bytes, MADV_DONTFORK)) {
		(void)munmap(p, bytes);
		return NULL;
	}
	return p;
}

void
unforked_end(void *array, size_t bytes)
{
	if (array)
		(void)munmap(array, bytes);
}

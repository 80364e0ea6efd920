/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded queue of bytes that come out again no sooner than they are due: one direction of a
 * connection through an emulated link.  Bytes lie in a ring; a mark remembers for each stretch of
 * them when it is due.  Nothing here allocates after delayline_init(), so memory stays bounded
 * whatever the sender does: a full line has no room, and its owner stops reading.
 */
#ifndef CFS_TESTS_DELAYLINE_H
#define CFS_TESTS_DELAYLINE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DELAYLINE_MARKS   16384u /* stretches in flight; a full table is a full line */
#define DELAYLINE_JOIN_NS 100000 /* stretches due within this time share a mark */

struct delayline_mark {
	uint64_t end; /* the position just behind the stretch */
	int64_t due_ns;
};

struct delayline {
	unsigned char *ring;
	size_t size;
	uint64_t head, ready, tail; /* positions: consumed, due, stored */
	struct delayline_mark *mark;
	unsigned mark_first, mark_count;
};

/** Makes an empty line for SIZE bytes (any number above 0). 0, or -ENOMEM with nothing held. */
static inline int
delayline_init(struct delayline *l, size_t size)
{
	memset(l, 0, sizeof *l);
	l->mark = calloc(DELAYLINE_MARKS, sizeof *l->mark);
	if (l->mark == NULL)
		return -ENOMEM;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		free(l->mark);
		l->mark = NULL;
		return -ENOMEM;
	}
	l->ring = p;
	l->size = size;
	return 0;
}

/** Frees what delayline_init() made; a zeroed line is accepted. */
static inline void
delayline_fini(struct delayline *l)
{
	if (l->ring != NULL)
		munmap(l->ring, l->size);
	free(l->mark);
	memset(l, 0, sizeof *l);
}

static inline int
delayline_empty(const struct delayline *l)
{
	return l->head == l->tail;
}

/**
 * Lends a stretch of free space, *AT, and returns its length; 0 when the line is full. An empty
 * line starts again at the beginning of its ring, so that a line without delay stays in the cache.
 */
static inline size_t
delayline_room(struct delayline *l, unsigned char **at)
{
	if (delayline_empty(l))
		l->head = l->ready = l->tail = 0;
	if (l->mark_count == DELAYLINE_MARKS)
		return 0;
	size_t at_off = (size_t)(l->tail % l->size);
	size_t free_bytes = l->size - (size_t)(l->tail - l->head);
	size_t run = l->size - at_off;
	*at = l->ring + at_off;
	return run < free_bytes ? run : free_bytes;
}

/** Takes N bytes that the owner put into the space lent by delayline_room(), due at DUE_NS. */
static inline void
delayline_store(struct delayline *l, size_t n, int64_t due_ns)
{
	l->tail += n;
	if (l->mark_count > 0) {
		unsigned last = (l->mark_first + l->mark_count - 1) % DELAYLINE_MARKS;
		if (due_ns - l->mark[last].due_ns < DELAYLINE_JOIN_NS) {
			l->mark[last].end = l->tail;
			return;
		}
	}
	unsigned next = (l->mark_first + l->mark_count++) % DELAYLINE_MARKS;
	l->mark[next] = (struct delayline_mark){.end = l->tail, .due_ns = due_ns};
}

/** Lends a stretch of bytes that are due by NOW_NS, *AT, and returns its length, or 0. */
static inline size_t
delayline_due(struct delayline *l, int64_t now_ns, const unsigned char **at)
{
	while (l->mark_count > 0 && l->mark[l->mark_first].due_ns <= now_ns) {
		l->ready = l->mark[l->mark_first].end;
		l->mark_first = (l->mark_first + 1) % DELAYLINE_MARKS;
		l->mark_count--;
	}
	size_t at_off = (size_t)(l->head % l->size);
	size_t due = (size_t)(l->ready - l->head);
	size_t run = l->size - at_off;
	*at = l->ring + at_off;
	return run < due ? run : due;
}

/** Forgets the first N bytes of what delayline_due() lent. */
static inline void
delayline_consume(struct delayline *l, size_t n)
{
	l->head += n;
}

/** When the next bytes that are not due yet will be; INT64_MAX when there are none. */
static inline int64_t
delayline_next_ns(const struct delayline *l)
{
	return l->mark_count > 0 ? l->mark[l->mark_first].due_ns : INT64_MAX;
}

#endif

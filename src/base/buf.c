/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define FIRST_CAP 128

void
buf_init(struct buf *b)
{
	*b = (struct buf)BUF_INIT;
}

void
buf_fini(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->base);
	buf_init(b);
}

/* Moves what is filled into an allocation that holds at least need bytes, at its front. */
static bool
grow(struct buf *b, size_t need)
{
	size_t cap = b->cap > SIZE_MAX / 2 ? need : max_size(max_size(2 * b->cap, need), FIRST_CAP);
	unsigned char *base;

	if (b->data == b->base) {
		base = realloc(b->base, cap);
		if (base == NULL)
			return false;
	} else {
		base = malloc(cap);
		if (base == NULL)
			return false;
		memcpy(base, b->data, b->len);
		free(b->base);
	}
	b->base = b->data = base;
	b->cap = cap;
	return true;
}

unsigned char *
buf_reserve(struct buf *b, size_t n)
{
	size_t consumed = (size_t)(b->data - b->base);
	size_t need;

	if (!add_size(b->len, n, &need) || need > PTRDIFF_MAX)
		return NULL;
	if (b->base == NULL || need > b->cap - consumed) {
		/* Moving fewer bytes than were consumed since the last move costs O(1) for each of those. */
		if (b->base != NULL && need <= b->cap && b->len <= consumed) {
			memmove(b->base, b->data, b->len);
			b->data = b->base;
		} else if (!grow(b, need)) {
			return NULL;
		}
	}
	return b->data + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->cap - (size_t)(b->data - b->base) - b->len);
	b->len += n;
}

int
buf_append(struct buf *b, const void *p, size_t n)
{
	unsigned char *end;

	if (n == 0)
		return 0;
	end = buf_reserve(b, n);
	if (end == NULL)
		return CFS_ENOMEM;
	memcpy(end, p, n);
	b->len += n;
	return 0;
}

int
buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int
buf_append_byte(struct buf *b, unsigned char c)
{
	return buf_append(b, &c, 1);
}

int
buf_vappendf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room = 1;
	int n = 0;

	va_copy(again, ap);
	for (int round = 0; round < 2; round++) {
		char *end = (char *)buf_reserve(b, room);

		if (end == NULL) {
			n = CFS_ENOMEM;
			break;
		}
		room = b->cap - (size_t)(b->data - b->base) - b->len;
		n = vsnprintf(end, room, fmt, round == 0 ? ap : again);
		if (n < 0) {
			n = CFS_EINVAL;
			break;
		}
		if ((size_t)n < room) {
			b->len += (size_t)n;
			n = 0;
			break;
		}
		room = (size_t)n + 1;
	}
	va_end(again);
	return n;
}

int
buf_appendf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vappendf(b, fmt, ap);
	va_end(ap);
	return rc;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	b->data = b->len == 0 ? b->base : b->data + n;
}

void
buf_truncate(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len = n;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->data = b->base;
}

char *
buf_cstr(struct buf *b)
{
	unsigned char *end = buf_reserve(b, 1);

	if (end == NULL)
		return NULL;
	*end = '\0';
	return (char *)b->data;
}

void *
buf_take(struct buf *b, size_t *len_out)
{
	unsigned char *p;

	if (buf_cstr(b) == NULL)
		return NULL;
	p = b->base;
	if (b->data != p)
		memmove(p, b->data, b->len + 1);
	if (len_out != NULL)
		*len_out = b->len;
	buf_init(b);
	return p;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/cursor.h"

#include <string.h>

#include "base/bytes.h"

void
cursor_init(struct cursor *c, const void *p, size_t n)
{
	static const unsigned char nothing[1];

	c->p = p ? p : nothing;
	c->left = n;
	c->bad = false;
}

const unsigned char *
cursor_bytes(struct cursor *c, size_t n)
{
	const unsigned char *p = c->p;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	c->left -= n;
	return p;
}

uint8_t
cursor_u8(struct cursor *c)
{
	const unsigned char *p = cursor_bytes(c, 1);

	return p ? *p : 0;
}

uint16_t
cursor_u16(struct cursor *c)
{
	const unsigned char *p = cursor_bytes(c, 2);

	return p ? load_le16(p) : 0;
}

uint32_t
cursor_u32(struct cursor *c)
{
	const unsigned char *p = cursor_bytes(c, 4);

	return p ? load_le32(p) : 0;
}

uint64_t
cursor_u64(struct cursor *c)
{
	const unsigned char *p = cursor_bytes(c, 8);

	return p ? load_le64(p) : 0;
}

struct str
cursor_str(struct cursor *c)
{
	size_t len = cursor_u16(c);
	const unsigned char *p = cursor_bytes(c, len);

	return (struct str){.p = (const char *)p, .len = p ? len : 0};
}

void
writer_init(struct writer *w, void *p, size_t n)
{
	w->p = p;
	w->left = n;
	w->bad = false;
}

/* Takes n bytes of the memory; NULL, and bad for good, when they are not there. */
static unsigned char *
writer_take(struct writer *w, size_t n)
{
	unsigned char *p = w->p;

	if (w->bad || n > w->left) {
		w->bad = true;
		return NULL;
	}
	w->p += n;
	w->left -= n;
	return p;
}

void
writer_u8(struct writer *w, uint8_t v)
{
	unsigned char *p = writer_take(w, 1);

	if (p)
		*p = v;
}

void
writer_u16(struct writer *w, uint16_t v)
{
	unsigned char *p = writer_take(w, 2);

	if (p)
		store_le16(p, v);
}

void
writer_u32(struct writer *w, uint32_t v)
{
	unsigned char *p = writer_take(w, 4);

	if (p)
		store_le32(p, v);
}

void
writer_u64(struct writer *w, uint64_t v)
{
	unsigned char *p = writer_take(w, 8);

	if (p)
		store_le64(p, v);
}

void
writer_bytes(struct writer *w, const void *p, size_t n)
{
	unsigned char *to = writer_take(w, n);

	if (to && n > 0)
		memcpy(to, p, n);
}

void
writer_str(struct writer *w, struct str s)
{
	if (s.len > UINT16_MAX) {
		w->bad = true;
		return;
	}
	writer_u16(w, (uint16_t)s.len);
	writer_bytes(w, s.p, s.len);
}

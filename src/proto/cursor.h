/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_CURSOR_H
#define CFS_PROTO_CURSOR_H

/*
 * Bounded reading and writing of wire values, little-endian. Errors stick: after the first read past the end every
 * further one gives zero, so that a caller checks `bad` once, at the end. Only lengths are compared, never pointers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct cursor {
	const unsigned char *p;
	size_t left;
	bool bad; /* something was asked for that is not there */
};

/* Reads from n bytes at p, which must stay while the cursor or a view from it is used. p may be NULL if n is 0. */
void cursor_init(struct cursor *c, const void *p, size_t n);

/* The next value, or 0 when the cursor is or becomes bad. */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);

/* A view of the next n bytes, or NULL when the cursor is or becomes bad (never NULL otherwise, also for n = 0). */
const unsigned char *cursor_bytes(struct cursor *c, size_t n);

/* A string: u16 length and that many bytes, as a view. Empty when the cursor is or becomes bad. */
struct str cursor_str(struct cursor *c);

/* The writing twin, over memory of a known size. */
struct writer {
	unsigned char *p;
	size_t left;
	bool bad; /* something did not fit, or a string was too long */
};

void writer_init(struct writer *w, void *p, size_t n);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bytes(struct writer *w, const void *p, size_t n);
/* A string of at most 65535 bytes. */
void writer_str(struct writer *w, struct str s);

#endif

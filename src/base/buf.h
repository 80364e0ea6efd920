/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_BUF_H
#define CFS_BASE_BUF_H

/*
 * A growable byte buffer: bytes are put in at the end and taken from the front. All arithmetic on its sizes is here,
 * and checked. Not locked: one thread at a time.
 */

#include <stdarg.h>
#include <stddef.h>

/*
 * Plain data: data and len may be read by anybody, and the bytes changed in place; the rest is buf.c's. data is NULL
 * as long as nothing was ever reserved. Any call that adds bytes may move data.
 */
struct buf {
	unsigned char *data; /* the first byte that was not consumed */
	size_t len;          /* bytes from data on that are filled */
	size_t cap;          /* bytes at base */
	unsigned char *base; /* the allocation */
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		.data = NULL, .len = 0, .cap = 0, .base = NULL                                     \
	}

/* Makes b empty; allocates nothing. */
void buf_init(struct buf *b);

/* Frees the bytes and makes b empty again (usable). b may be NULL. */
void buf_fini(struct buf *b);

/*
 * Makes room for n more bytes behind the filled ones and returns where they begin (never NULL then, also for n = 0).
 * The caller writes there and says how many with buf_commit(). NULL when memory is out or the size overflows; b is
 * then as before. Growth is by doubling; consumed bytes are reclaimed first where that is cheap (amortised O(1)).
 */
unsigned char *buf_reserve(struct buf *b, size_t n);

/* Counts n bytes written behind the filled ones, at most as many as were reserved. */
void buf_commit(struct buf *b, size_t n);

/* Appends n bytes from p (p may be NULL if n is 0, and must not lie in b). Returns 0 or CFS_ENOMEM (b as before). */
int buf_append(struct buf *b, const void *p, size_t n);

/* Appends a string without its NUL. Returns 0 or CFS_ENOMEM. */
int buf_append_str(struct buf *b, const char *s);

/* Appends one byte. Returns 0 or CFS_ENOMEM. */
int buf_append_byte(struct buf *b, unsigned char c);

/* Appends formatted text without its NUL. Returns 0, CFS_ENOMEM, or CFS_EINVAL (the format cannot be encoded). */
int buf_appendf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vappendf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Drops n bytes (at most len) from the front: only moves data; the memory is reclaimed by a later buf_reserve(). */
void buf_consume(struct buf *b, size_t n);

/* Keeps the first n bytes (at most len). */
void buf_truncate(struct buf *b, size_t n);

/* Drops all bytes, keeps the memory. */
void buf_clear(struct buf *b);

/*
 * The bytes as a C string: puts a NUL behind them that is not counted in len. Borrowed, valid until b changes. NULL
 * when memory is out.
 */
char *buf_cstr(struct buf *b);

/*
 * Moves the bytes to the caller, who frees them with free(); *len_out (may be NULL) gets their number, and a NUL
 * stands behind them. b is empty afterwards. NULL, with b as before, when memory is out.
 */
void *buf_take(struct buf *b, size_t *len_out);

#endif

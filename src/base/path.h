/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_PATH_H
#define CFS_BASE_PATH_H

/*
 * Names and paths of CFS, which are bytes: no case or Unicode folding. A path is '/'-separated, its first component the
 * owner. Paths and names are (pointer, length), not necessarily NUL-terminated, and may hold any byte. Pure functions;
 * any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Bytes in a name, and in a path as the client takes it. */
#define CFS_NAME_MAX 255
#define CFS_PATH_MAX 65535

/*
 * Whether these bytes may be an entry of a directory: 1–255 bytes, no '/', no NUL, not ".", "..", ".versions" (reserved
 * for the view of old versions). Returns 0, CFS_ENAMETOOLONG, or CFS_EBADNAME.
 */
int name_check(const char *name, size_t len);

/* A piece of a path, borrowed from it. */
struct path_view {
	const char *p;
	size_t len;
};

/*
 * Walks the components: set rest to the whole path, then each call gives the next one in *name_out (never empty; runs
 * of '/' count as one) until it returns false.
 */
bool path_next(struct path_view *rest, struct path_view *name_out);

/*
 * Replaces out by the absolute, normal form of path, seen from base if it is relative: "/" or "/a/b", no empty
 * components, "." dropped, ".." taking back the component before it (lexically: no symlink is followed). base may be
 * empty (the root) and need not be normal. Returns 0, CFS_EINVAL (".." above the root, or a NUL byte), CFS_ENAMETOOLONG
 * (a component over 255, or the result over CFS_PATH_MAX), or CFS_ENOMEM. Other names are not checked: that is the
 * server's business.
 */
int path_normalise(struct path_view base, struct path_view path, struct buf *out);

/* A view of a NUL-terminated string, and of what a buffer holds. */
struct path_view path_view_str(const char *s);
struct path_view path_view_buf(const struct buf *b);

/*
 * The last component ("" for "/" and ""), and what stands before it, without trailing slashes ("/" for "/a", "." for
 * "a"; "/" for "/"), as dirname(3) and basename(3) see it. Views of path, or of a constant.
 */
struct path_view path_base(struct path_view path);
struct path_view path_dir(struct path_view path);

/* Whether path is top or lies below it; both normal. */
bool path_is_below(struct path_view path, struct path_view top);

/* Whether the text has a character that is special to glob_match(): '*', '?', '['. A '\' before it hides it. */
bool glob_has_magic(struct path_view text);

/*
 * Whether text matches pattern, byte by byte: '*' any run without '/', '?' one byte but '/', "[a-z]" and "[!a-z]" one
 * byte of (or not of) a set, never '/', '\' the next byte literally, and two or more stars any run with '/' too, or
 * with a '/' behind them any number of whole components, also none ("a", two stars and "b" between slashes match "a/b"
 * and "a/x/y/b"). A '[' that is never closed is itself. A leading '.' is not special. Time is at most
 * |pattern| x |text|, times |text| once more where there are double stars.
 */
bool glob_match(struct path_view pattern, struct path_view text);

/* Whether the bytes are valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
bool utf8_valid(const char *p, size_t len);

/*
 * The length in bytes (1–4) of the valid UTF-8 character that begins at p, 0 if none does (len > 0). *code_out (may be
 * NULL) gets the code point.
 */
size_t utf8_next(const char *p, size_t len, uint32_t *code_out);

/*
 * Appends the bytes as valid UTF-8, each byte that is no part of a valid character as U+FFFD: the `name` of --json
 * output, beside the exact `name_b64`. Returns 0 or CFS_ENOMEM.
 */
int utf8_lossy(struct buf *out, const char *p, size_t len);

/*
 * Appends the bytes so that they are safe and clear on a terminal or in a log line: newline, tab, carriage return and
 * backslash as \n \t \r \\, other control characters (C0, DEL, C1, and the ones that reorder text, U+200E–F, U+202A–E,
 * U+2066–9, and line separators U+2028–9) and bytes that are not UTF-8 as \xNN for each byte; the rest stays. Distinct
 * names stay distinct. Returns 0 or CFS_ENOMEM.
 */
int name_escape(struct buf *out, const char *p, size_t len);

/* Room for what name_escape_one() writes. */
#define NAME_ESCAPE_ONE 16

/*
 * One step of name_escape() without a buffer: writes the escaped form of the character that begins at p (len > 0) to out,
 * without a NUL, and returns its length; *used_out gets the number of bytes that it stands for.
 */
size_t name_escape_one(char out[NAME_ESCAPE_ONE], const char *p, size_t len, size_t *used_out);

#endif

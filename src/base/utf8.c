/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/bytes.h"
#include "base/path.h"

size_t
utf8_next(const char *p, size_t len, uint32_t *code_out)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)p[0];
	uint32_t code;
	size_t n;

	if (first < 0x80) {
		n = 1;
		code = first;
	} else if (first >= 0xc2 && first < 0xe0) {
		n = 2;
		code = first & 0x1f;
	} else if (first >= 0xe0 && first < 0xf0) {
		n = 3;
		code = first & 0x0f;
	} else if (first >= 0xf0 && first < 0xf5) {
		n = 4;
		code = first & 0x07;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if ((c & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (c & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	if (code_out != NULL)
		*code_out = code;
	return n;
}

bool
utf8_valid(const char *p, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_next(p + i, len - i, NULL);
		if (n == 0)
			return false;
	}
	return true;
}

int
utf8_lossy(struct buf *out, const char *p, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += max_size(n, 1)) {
		int rc;

		n = utf8_next(p + i, len - i, NULL);
		rc = n > 0 ? buf_append(out, p + i, n) : buf_append(out, "\xef\xbf\xbd", 3);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Characters that a terminal does not simply show: controls, line separators, and those that reorder text. */
static bool
is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

size_t
name_escape_one(char out[NAME_ESCAPE_ONE], const char *p, size_t len, size_t *used_out)
{
	static const char digits[] = "0123456789abcdef";
	static const char plain[] = "\n\t\r\\";
	static const char letters[] = "ntr\\";
	const char *found = p[0] == '\0' ? NULL : strchr(plain, p[0]);
	uint32_t code = 0;
	size_t n = utf8_next(p, len, &code);
	size_t o = 0;

	*used_out = max_size(n, 1);
	if (found != NULL) {
		out[0] = '\\';
		out[1] = letters[found - plain];
		return 2;
	}
	if (n > 0 && !is_unsafe(code)) {
		memcpy(out, p, n);
		return n;
	}
	for (size_t i = 0; i < *used_out; i++) {
		unsigned char c = (unsigned char)p[i];

		out[o++] = '\\';
		out[o++] = 'x';
		out[o++] = digits[c >> 4];
		out[o++] = digits[c & 15];
	}
	return o;
}

int
name_escape(struct buf *out, const char *p, size_t len)
{
	size_t used;

	for (size_t i = 0; i < len; i += used) {
		char text[NAME_ESCAPE_ONE];
		size_t n = name_escape_one(text, p + i, len - i, &used);
		int rc = buf_append(out, text, n);

		if (rc < 0)
			return rc;
	}
	return 0;
}

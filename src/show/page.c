/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Lines of a page: bytes of names that may be anything, counted in columns of a terminal. */

#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "base/bytes.h"
#include "base/path.h"
#include "base/time.h"
#include "show/top_page.h"

struct page_line *
page_add(struct top_page *p, enum page_style style)
{
	struct page_line *l = &p->lines[p->count < PAGE_LINES ? p->count++ : PAGE_LINES - 1];

	l->style = style;
	l->columns = 0;
	l->len = 0;
	l->text[0] = '\0';
	return l;
}

static unsigned
left_in(const struct top_page *p, const struct page_line *l)
{
	unsigned width = p->width < PAGE_COLUMNS ? p->width : PAGE_COLUMNS;

	return width > l->columns ? width - l->columns : 0;
}

/* Columns of a character that is not to be escaped. */
static unsigned
columns_of(uint32_t code)
{
	int w = wcwidth((wchar_t)code);

	return w < 0 ? 1 : (unsigned)w;
}

static void
append(struct page_line *l, const char *bytes, size_t len, unsigned columns)
{
	if (l->len + len >= sizeof(l->text))
		return;
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
	l->text[l->len] = '\0';
	l->columns += columns;
}

void
page_put(struct top_page *p, struct page_line *l, const char *text, unsigned most)
{
	unsigned left = left_in(p, l);
	size_t rest = strlen(text), used;

	left = left < most ? left : most;
	for (; rest > 0; text += used, rest -= used) {
		char one[NAME_ESCAPE_ONE];
		size_t len = name_escape_one(one, text, rest, &used);
		uint32_t code = 0;
		unsigned columns;

		/* Escaped already, or not to be. */
		if (*text == '\\')
			len = used = 1;
		if (utf8_next(one, len, &code) == len && code >= 0x80) {
			columns = columns_of(code);
			if (!p->utf8) {
				len = columns = 1;
				one[0] = '?';
			}
		} else {
			columns = (unsigned)len;
		}
		if (columns > left)
			return;
		append(l, one, len, columns);
		left -= columns;
	}
}

void
page_putf(struct top_page *p, struct page_line *l, const char *fmt, ...)
{
	char text[PAGE_COLUMNS];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	page_put(p, l, text, UINT32_MAX);
}

void
page_pad(struct top_page *p, struct page_line *l, unsigned column)
{
	while (l->columns < column && left_in(p, l) > 0)
		append(l, " ", 1, 1);
}

void
page_field(struct top_page *p, struct page_line *l, const char *text, unsigned columns)
{
	unsigned end = l->columns + columns;

	page_put(p, l, text, columns);
	page_pad(p, l, end);
	page_put(p, l, " ", 1);
}

const char *
page_rate(char out[16], double bytes)
{
	char size[SIZE_TEXT_SIZE];

	if (bytes < 0.5)
		return "-";
	(void)snprintf(out, 16, "%.14s", size_format(size, (uint64_t)bytes, SIZE_SHORT));
	return out;
}

void
top_page_print(const struct top_page *p, FILE *f)
{
	for (unsigned i = 0; i < p->count; i++) {
		const struct page_line *l = &p->lines[i];
		size_t len = l->len;

		while (len > 0 && l->text[len - 1] == ' ')
			len--;
		(void)fprintf(f, "%.*s\n", (int)len, l->text);
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_TOP_PAGE_H
#define CFS_SHOW_TOP_PAGE_H

/* The lines of a picture of so many columns and lines. It is as well printed as text as drawn on a terminal. */

#include "show/top_model.h"

enum page_style {
	PAGE_PLAIN,
	PAGE_TITLE,   /* the top line, and the bottom one */
	PAGE_GRAPH,   /* sparklines */
	PAGE_HEADING, /* of a section */
	PAGE_MOVING,  /* a transfer */
	PAGE_BAD,     /* begins with a '!' too: nothing is told by colour alone */
	PAGE_CHOSEN,  /* begins with a '>' too */
	PAGE_DIM,
};

#define PAGE_COLUMNS 400u /* wider terminals have an empty edge */
#define PAGE_LINES   200u

struct page_line {
	enum page_style style;
	unsigned columns;
	size_t len;
	char text[PAGE_COLUMNS * 4 + 1];
};

struct top_page {
	unsigned width, height;
	bool utf8;
	unsigned count;
	struct page_line lines[PAGE_LINES];
};

struct top_view {
	unsigned width, height; /* height 0: as many lines as there are things to show */
	bool utf8, paused, help;
	bool keys;           /* a bottom line with keys */
	bool can_kick;       /* among them */
	const char *title;   /* "cfs top" */
	const char *message; /* in place of the keys; NULL: none */
	bool message_bad;
	bool admin;
	size_t chosen; /* row, counted from 0; SIZE_MAX: none */
	size_t first;  /* row shown first */
	size_t rows;   /* set: how many rows have room */
};

/* Makes the page anew. */
void top_page_make(struct top_page *p, const struct top_model *m, struct top_view *v);

/* Prints it as text, without blanks at the ends of lines. */
void top_page_print(const struct top_page *p, FILE *f);

/* top_head.c: the title, the graphs and the totals. */
void top_head_add(struct top_page *p, const struct top_model *m, const struct top_view *v);

/* ---- building lines ---- */

/* A new line, cut off silently where a page is full: never NULL. */
struct page_line *page_add(struct top_page *p, enum page_style style);

/*
 * Appends text, cut to the columns that are left (of most, if that is less): control characters escaped, wide characters
 * counted as two columns; without UTF-8 what is not ASCII becomes '?'.
 */
void page_put(struct top_page *p, struct page_line *l, const char *text, unsigned most);
void page_putf(struct top_page *p, struct page_line *l, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Blanks up to a column; one at least if it is passed already and `gap` is set. */
void page_pad(struct top_page *p, struct page_line *l, unsigned column);

/* Text in a field of so many columns, cut or filled with blanks. */
void page_field(struct top_page *p, struct page_line *l, const char *text, unsigned columns);

/* "12.3M" and the like a second; "" for nothing. */
const char *page_rate(char out[16], double bytes);

#endif

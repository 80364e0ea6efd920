/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/spark.h"

#include <string.h>

static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const marks[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
#define HEIGHTS 8u

static char *
put(char *out, const char *s)
{
	size_t len = strlen(s);

	memcpy(out, s, len);
	return out + len;
}

char *
spark_draw(char *out, const double *values, size_t count, size_t width, bool utf8)
{
	const char *const *heights = utf8 ? blocks : marks;
	size_t shown = count < width ? count : width;
	const double *from = values + (count - shown);
	double max = 0;
	char *p = out;

	for (size_t i = 0; i < shown; i++)
		max = from[i] > max ? from[i] : max;
	for (size_t i = shown; i < width; i++)
		p = put(p, " ");
	for (size_t i = 0; i < shown; i++) {
		double part = max > 0 && from[i] > 0 ? from[i] / max : 0;
		size_t height = (size_t)(part * (HEIGHTS - 1) + 0.5);

		/* Something is never shown as nothing. */
		if (height == 0 && part > 0)
			height = 1;
		p = put(p, heights[height]);
	}
	*p = '\0';
	return out;
}

char *
spark_bar(char *out, double fraction, size_t width, bool utf8)
{
	size_t inside = width > 2 ? width - 2 : 0;
	double full = (fraction < 0 ? 0 : fraction > 1 ? 1 : fraction) * (double)inside;
	size_t whole = (size_t)full;
	size_t part = (size_t)((full - (double)whole) * HEIGHTS);
	char *p = put(out, "[");

	for (size_t i = 0; i < inside; i++) {
		if (i < whole)
			p = put(p, utf8 ? "█" : "#");
		else if (i == whole && utf8)
			p = put(p, eighths[part]);
		else
			p = put(p, utf8 ? " " : ".");
	}
	*put(p, width > 1 ? "]" : "") = '\0';
	return out;
}

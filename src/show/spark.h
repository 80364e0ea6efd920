/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_SPARK_H
#define CFS_SHOW_SPARK_H

/* Small graphs out of characters: eight heights of block where the terminal has UTF-8, else ASCII. */

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes width columns for the last values (the newest last, blanks where there are fewer), as heights of their own
 * maximum; nothing at all is the lowest line. out has at least 3 * width + 1 bytes. Returns out.
 */
char *spark_draw(char *out, const double *values, size_t count, size_t width, bool utf8);

/* A bar of width columns, its brackets included, filled to a fraction of 0 to 1. out as above. */
char *spark_bar(char *out, double fraction, size_t width, bool utf8);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_PROGRESS_H
#define CFS_CLI_PROGRESS_H

/*
 * A progress line on stderr: bytes, rate, time left, files. Only where stderr is a terminal, never with --quiet or --json,
 * redrawn at most ten times a second, and gone when the work is done.
 */

#include "cli/cli.h"

struct progress {
	bool on;
	FILE *f;
	uint64_t started_ns, drawn_ns;
	uint64_t bytes, total_bytes; /* total 0: not known */
	uint64_t files, total_files;
	bool shown;
	struct progress_page *page; /* another process follows it there, or NULL */
};

void progress_start(struct progress *p, struct cli *cli);
/* More work is known; call before or while it is done. */
void progress_expect(struct progress *p, uint64_t files, uint64_t bytes);
void progress_bytes(struct progress *p, uint64_t more);
void progress_file(struct progress *p);
/* Removes the line, so that a message can be printed; the next call draws it again. */
void progress_clear(struct progress *p);

/* Draws the line now; and what stands on it, as wide as buf is. */
void progress_draw(struct progress *p);
void progress_text(const struct progress *p, char *buf, size_t size);

/*
 * A page of memory through which one process sees how far another is. The descriptor of progress_page_new() is for that one, which
 * attaches to it (NULL if it is none); the page outlives it. NULL where there is no memory, which all calls accept.
 */
struct progress_page *progress_page_new(int *fd_out);
struct progress_page *progress_page_attach(int fd);
void progress_page_free(struct progress_page *page);
/* How far it is, as counters of p; false as long as nothing is transferred. And the other way. */
bool progress_page_read(const struct progress_page *page, struct progress *p);
void progress_page_write(struct progress_page *page, const struct progress *p);

#endif

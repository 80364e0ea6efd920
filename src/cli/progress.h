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
};

void progress_start(struct progress *p, struct cli *cli);
/* More work is known; call before or while it is done. */
void progress_expect(struct progress *p, uint64_t files, uint64_t bytes);
void progress_bytes(struct progress *p, uint64_t more);
void progress_file(struct progress *p);
/* Removes the line, so that a message can be printed; the next call draws it again. */
void progress_clear(struct progress *p);

#endif

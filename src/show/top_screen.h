/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_TOP_SCREEN_H
#define CFS_SHOW_TOP_SCREEN_H

#include "show/top_model.h"

/* Whether standard input and output are a terminal that a screen can be drawn on. */
bool top_screen_possible(void);

/*
 * Takes the terminal and shows the model, looking again every interval, until the user ends it or nothing can be seen any
 * more. The terminal is as before afterwards. One at a time in a process.
 */
int top_screen_run(struct top_model *m, const struct top_source *source, int64_t interval_ms,
		   bool colors, struct cfs_err *err);

#endif

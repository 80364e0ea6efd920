/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_TOP_MODEL_H
#define CFS_SHOW_TOP_MODEL_H

/* What a live view knows: two looks, what changed between them, and what happened lately. */

#include "show/top.h"

#define TOP_HISTORY 256u
#define TOP_RECENT  64u
#define TOP_TEXT    320u

/* Rates, a second; the newest last. */
struct top_history {
	double v[TOP_HISTORY];
	size_t count;
};

struct top_row {
	const struct cfs_top_session *s;
	double in, out, ops; /* a second */
};

/* An event or a line of the log, ready to be shown. */
struct top_item {
	int64_t time_ns;
	unsigned times; /* it came so often, one behind the other, the last time then */
	bool bad;
	char text[TOP_TEXT];
};

struct top_recent {
	struct top_item items[TOP_RECENT]; /* a ring: the newest is before `next` */
	size_t next, count;
};

struct top_model {
	struct cfs_top *now, *before; /* NULL: none yet */
	double in, out, ops, failures, commits;
	struct top_history in_history, out_history, ops_history, failure_history;
	struct top_row *rows; /* filtered and sorted */
	size_t row_count;
	struct top_recent events, log;
	uint64_t events_upto, log_upto;
	enum top_sort sort;
	char filter[64];
};

void top_model_init(struct top_model *m, const struct top_options *o);
void top_model_fini(struct top_model *m);

/* Looks once more. On failure everything stays as it was. */
int top_model_look(struct top_model *m, const struct top_source *source, struct cfs_err *err);

/* Sorts and filters anew, after sort or filter changed. 0 or CFS_ENOMEM. */
int top_model_arrange(struct top_model *m);

/* The i-th newest item, from 0; NULL behind the last one. */
const struct top_item *top_recent_get(const struct top_recent *r, size_t i);

/* Whether a transfer, or an item's text, is to be shown with the filter that is set. */
bool top_model_wants(const struct top_model *m, const char *a, const char *b);

const char *top_sort_name(enum top_sort sort);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_TOP_H
#define CFS_SHOW_TOP_H

/*
 * `cfs top` and `cfsadm top`: one live view over two sources.
 *
 *	model   looks, the rates between them, history, what happened lately; sorting and filtering
 *	page    the lines of one picture, from a model; knows no terminal
 *	screen  the page on a terminal (ncurses), and keys
 *	json    a look as one object
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/args.h"
#include "base/complete.h"
#include "base/err.h"
#include "client/cfs_top.h"

struct top_source {
	/* A look; log lines with greater numbers. *out is freed with cfs_top_free(). */
	int (*look)(void *arg, uint64_t log_since, struct cfs_top **out, struct cfs_err *err);
	/* As cfs_events() without a filter. */
	int (*events)(void *arg, uint64_t since,
		      int (*each)(void *each_arg, const struct cfs_event *e), void *each_arg,
		      uint64_t *last_out, struct cfs_err *err);
	/* Ends a connection; NULL where one may not. */
	int (*kick)(void *arg, uint64_t pid, struct cfs_err *err);
	/* 0, or a code when the user has had enough (Ctrl-C). */
	int (*check)(void *arg, struct cfs_err *err);
	void *arg;
	const char *title; /* "cfs top" */
	bool admin;
};

enum top_sort { TOP_BY_TRAFFIC, TOP_BY_OPS, TOP_BY_FAILURES, TOP_BY_USER, TOP_BY_IDLE, TOP_SORTS };

/* The options of both commands. */
struct top_options {
	int64_t interval_ms, count;
	bool once;
	int sort; /* enum top_sort */
	const char *filter;
};
#define TOP_OPTIONS_INIT                                                                           \
	{                                                                                          \
		.interval_ms = 0                                                                   \
	}
extern const struct arg_opt top_opts[];
extern const size_t top_n_opts;

/* What --sort takes, as the synopsis calls it; offers those that there are. */
#define TOP_SORT_KIND "KEY"
void top_offer_sorts(struct complete *c);

/*
 * Shows it until the user ends it: on the terminal; as text, once, where out is none; as JSON. colors: whether there may
 * be any. Returns 0 or a code.
 */
int top_show(const struct top_source *source, const struct top_options *o, bool json, bool colors,
	     FILE *out, struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_METRICS_H
#define CFS_SERVER_METRICS_H

/*
 * What the server counts, as text for Prometheus: its exposition format, version 0.0.4. Names and meanings stand in
 * cfsd(8) and stay.
 */

#include "base/buf.h"
#include "server/census.h"
#include "server/stats.h"
#include "store/store.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_facts {
	const struct stats *stats;
	int64_t started_ns;
	uint64_t commits;
	uint64_t newest_event;
	struct census census;
};

/* Appends the page to out. 0 or CFS_ENOMEM. */
int metrics_print(const struct metrics_facts *facts, struct buf *out);

struct listener;

/* What the metrics' process has to do; strings are borrowed. */
struct metrics_job {
	const struct store_conf *store_conf;
	struct store_shared *shared;
	const struct stats *stats;
	int64_t started_ns;
	const struct listener *listener; /* may have none */
	const char *file;                /* replaced again and again; NULL: none */
	int64_t interval_ms;
	int hub_fd;
};

/*
 * The process that answers scrapers and writes the file, so that a slow one hurts nobody. Runs until the hub's socket
 * ends. Returns the process's exit status.
 */
int metrics_run(const struct metrics_job *job);

#endif

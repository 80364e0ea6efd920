/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "base/version.h"
#include "proto/ops.h"

/* Appending is checked once, at the end: rc stays at the first failure. */
struct page {
	struct buf *out;
	int rc;
};

static void __attribute__((format(printf, 2, 3))) put(struct page *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (p->rc == 0)
		p->rc = buf_vappendf(p->out, fmt, ap);
	va_end(ap);
}

static void
family(struct page *p, const char *name, const char *type, const char *help)
{
	put(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
number(struct page *p, const char *name, const char *type, const char *help, uint64_t value)
{
	family(p, name, type, help);
	put(p, "%s %" PRIu64 "\n", name, value);
}

/* A label's value: what the format asks to be escaped is (backslash, quote, newline). */
static void
put_label(struct page *p, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			put(p, "\\n");
		else
			put(p, *value == '\\' || *value == '"' ? "\\%c" : "%c", *value);
	}
}

static void
about_server(struct page *p, const struct metrics_facts *f)
{
	family(p, "cfs_build_info", "gauge", "Always 1; the version is the label.");
	put(p, "cfs_build_info{version=\"");
	put_label(p, version_text());
	put(p, "\"} 1\n");
	family(p, "cfs_start_time_seconds", "gauge", "When the server started, Unix time.");
	put(p, "cfs_start_time_seconds %.3f\n", (double)f->started_ns / 1e9);
}

struct sums {
	uint64_t signed_in, strangers, admins, up, down, subscriptions, behind;
};

static void
add_session(struct sums *s, const struct stats_session *one, uint64_t newest)
{
	if (one->admin)
		s->admins++;
	else if (one->user[0])
		s->signed_in++;
	else
		s->strangers++;
	for (unsigned i = 0; i < STATS_TRANSFERS; i++) {
		s->up += one->transfers[i].way == STATS_UP;
		s->down += one->transfers[i].way == STATS_DOWN;
	}
	if (one->told == 0)
		return;
	s->subscriptions++;
	if (newest > one->told && newest - one->told > s->behind)
		s->behind = newest - one->told;
}

static void
about_sessions(struct page *p, const struct metrics_facts *f)
{
	struct stats_session *one = malloc(sizeof(*one));
	struct sums s = {0};

	if (!one) {
		p->rc = CFS_ENOMEM;
		return;
	}
	for (unsigned i = 0; i < stats_slots(f->stats); i++) {
		if (stats_session(f->stats, i, one))
			add_session(&s, one, f->newest_event);
	}
	free(one);
	family(p, "cfs_sessions", "gauge", "Connections that are open.");
	put(p, "cfs_sessions{kind=\"user\"} %" PRIu64 "\n", s.signed_in);
	put(p, "cfs_sessions{kind=\"stranger\"} %" PRIu64 "\n", s.strangers);
	put(p, "cfs_sessions{kind=\"admin\"} %" PRIu64 "\n", s.admins);
	family(p, "cfs_transfers", "gauge", "Transfers of large files under way.");
	put(p, "cfs_transfers{direction=\"in\"} %" PRIu64 "\n", s.up);
	put(p, "cfs_transfers{direction=\"out\"} %" PRIu64 "\n", s.down);
	number(p, "cfs_event_subscriptions", "gauge", "Connections that events are pushed to.",
	       s.subscriptions);
	number(p, "cfs_event_backlog", "gauge",
	       "How many numbers the slowest of them is behind the newest event.", s.behind);
	number(p, "cfs_event_number", "counter", "Number of the newest event.", f->newest_event);
}

static void
about_traffic(struct page *p, const struct metrics_facts *f, const struct stats_totals *t)
{
	static const struct {
		enum stats_counter what;
		const char *name, *help;
	} rows[] = {
	    {STATS_CONNECTIONS, "cfs_connections_total", "Connections served."},
	    {STATS_TURNED_AWAY, "cfs_connections_refused_total", "Connections over a limit."},
	    {STATS_SIGNINS, "cfs_signins_total", "Sign-ins that succeeded."},
	    {STATS_REFUSED, "cfs_signins_refused_total", "Sign-ins that were refused."},
	    {STATS_CRASHED, "cfs_crashes_total", "Processes that died of a signal."},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		number(p, rows[i].name, "counter", rows[i].help, t->counters[rows[i].what]);
	family(p, "cfs_bytes_total", "counter", "Bytes of connections, without TLS's own.");
	put(p, "cfs_bytes_total{direction=\"in\"} %" PRIu64 "\n", t->counters[STATS_BYTES_IN]);
	put(p, "cfs_bytes_total{direction=\"out\"} %" PRIu64 "\n", t->counters[STATS_BYTES_OUT]);
	number(p, "cfs_commits_total", "counter", "Transactions committed.", f->commits);
}

/* Buckets are cumulative here; label is `op="PUT"` or empty. */
static void
histogram(struct page *p, const char *name, const char *label, const struct stats_op_total *t)
{
	const char *comma = *label ? "," : "";
	const char *open = *label ? "{" : "", *close = *label ? "}" : "";
	uint64_t sum = 0;

	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		sum += t->buckets[i];
		put(p, "%s_bucket{%s%sle=\"%.6f\"} %" PRIu64 "\n", name, label, comma,
		    (double)STATS_BOUND_US(i) / 1e6, sum);
	}
	/* Not the total: others count while this is printed, and +Inf and the count must be equal. */
	sum += t->buckets[STATS_BUCKETS];
	put(p, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma, sum);
	put(p, "%s_sum%s%s%s %.6f\n", name, open, label, close, (double)t->sum_ns / 1e9);
	put(p, "%s_count%s%s%s %" PRIu64 "\n", name, open, label, close, sum);
}

static void
about_operations(struct page *p, const struct stats_totals *t)
{
	char label[64];

	family(p, "cfs_operation_seconds", "histogram",
	       "How long operations took in the server, by operation.");
	for (unsigned op = 1; op < STATS_OPS; op++) {
		if (t->ops[op].count == 0)
			continue;
		(void)snprintf(label, sizeof(label), "op=\"%s\"", op_name(op));
		histogram(p, "cfs_operation_seconds", label, &t->ops[op]);
	}
	family(p, "cfs_flush_wait_seconds", "histogram",
	       "How long answers waited for stable storage.");
	histogram(p, "cfs_flush_wait_seconds", "", &t->ops[0]);
	family(p, "cfs_failures_total", "counter", "Operations that failed, by error.");
	for (int code = 1; code < (int)STATS_CODES; code++) {
		if (t->failures[code] > 0)
			put(p, "cfs_failures_total{code=\"%s\"} %" PRIu64 "\n", err_name(-code),
			    t->failures[code]);
	}
}

static void
about_store(struct page *p, const struct store_stats *s)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} rows[] = {
	    {"cfs_store_users", "Users.", s->users},
	    {"cfs_store_files", "Files and directories.", s->files},
	    {"cfs_store_logical_bytes", "Sizes of all files.", s->logical_bytes},
	    {"cfs_store_blobs", "Blobs.", s->blobs},
	    {"cfs_store_blob_bytes", "Bytes of the blobs as stored, equal ones once.",
	     s->blob_bytes},
	    {"cfs_store_attic_files", "Replaced and deleted files that are kept.", s->attic_files},
	    {"cfs_store_attic_bytes", "Their sizes.", s->attic_bytes},
	    {"cfs_store_free_bytes", "Free on the file system of the blobs.", s->free_bytes},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		number(p, rows[i].name, "gauge", rows[i].help, rows[i].value);
}

int
metrics_print(const struct metrics_facts *facts, struct buf *out)
{
	struct stats_totals *totals = malloc(sizeof(*totals));
	struct page p = {.out = out};

	if (!totals)
		return CFS_ENOMEM;
	stats_totals(facts->stats, totals);
	about_server(&p, facts);
	about_sessions(&p, facts);
	about_traffic(&p, facts, totals);
	about_operations(&p, totals);
	if (facts->census.known)
		about_store(&p, &facts->census.store);
	free(totals);
	return p.rc;
}

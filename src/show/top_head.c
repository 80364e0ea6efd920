/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The head of a page: who, since when, graphs, totals. */

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/time.h"
#include "show/spark.h"
#include "show/top_page.h"

/* From here on the four graphs stand in one line. */
#define WIDE 120u

#define LABEL_COLUMNS 5u
#define VALUE_COLUMNS 12u
#define BAR_COLUMNS   16u

static void
put_clock(struct top_page *p, struct page_line *l, int64_t now_ns)
{
	char text[16] = "";
	time_t t = (time_t)(now_ns / NS_PER_S);
	struct tm tm;

	if (localtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	page_pad(p, l, p->width > 10 ? p->width - 10 : 0);
	page_putf(p, l, " %s ", text);
}

static void
add_title(struct top_page *p, const struct top_model *m, const struct top_view *v)
{
	struct page_line *l = page_add(p, PAGE_TITLE);
	const struct cfs_top *t = m->now;
	int64_t up = (t->time_ns - t->started_ns) / NS_PER_S;

	page_putf(p, l, " %s  %s", v->title, t->server);
	if (t->started_ns > 0 && up >= 86400)
		page_putf(p, l, "  up %" PRId64 "d %" PRId64 "h", up / 86400, up / 3600 % 24);
	else if (t->started_ns > 0)
		page_putf(p, l, "  up %" PRId64 ":%02" PRId64 ":%02" PRId64, up / 3600,
			  up / 60 % 60, up % 60);
	page_putf(p, l, "  %zu connection%s", t->session_count, t->session_count == 1 ? "" : "s");
	if (v->paused)
		page_putf(p, l, "  PAUSED");
	put_clock(p, l, t->time_ns);
}

struct graph {
	const char *label;
	const struct top_history *history;
	char value[32];
};

static void
put_graph(struct top_page *p, struct page_line *l, const struct graph *g, unsigned columns)
{
	char drawing[PAGE_COLUMNS * 3 + 1];
	unsigned start = l->columns;
	unsigned taken = 1 + LABEL_COLUMNS + VALUE_COLUMNS + 2;

	page_put(p, l, " ", 1);
	page_field(p, l, g->label, LABEL_COLUMNS - 1);
	page_pad(p, l, start + 1 + LABEL_COLUMNS + VALUE_COLUMNS - (unsigned)strlen(g->value));
	page_putf(p, l, "%s ", g->value);
	if (columns > taken && columns - taken < PAGE_COLUMNS)
		page_put(
		    p, l,
		    spark_draw(drawing, g->history->v, g->history->count, columns - taken, p->utf8),
		    UINT32_MAX);
	page_pad(p, l, start + columns);
}

static void
add_graphs(struct top_page *p, const struct top_model *m)
{
	char size[SIZE_TEXT_SIZE];
	struct graph g[4] = {
	    {.label = "in", .history = &m->in_history},
	    {.label = "out", .history = &m->out_history},
	    {.label = "ops", .history = &m->ops_history},
	    {.label = "fail", .history = &m->failure_history},
	};
	unsigned in_line = p->width >= WIDE ? 4 : 2;
	struct page_line *l = NULL;

	(void)snprintf(g[0].value, sizeof(g[0].value), "%s/s",
		       size_format(size, (uint64_t)m->in, SIZE_LONG));
	(void)snprintf(g[1].value, sizeof(g[1].value), "%s/s",
		       size_format(size, (uint64_t)m->out, SIZE_LONG));
	(void)snprintf(g[2].value, sizeof(g[2].value), "%.0f/s", m->ops);
	(void)snprintf(g[3].value, sizeof(g[3].value), "%.0f/s", m->failures);
	for (unsigned i = 0; i < 4; i++) {
		if (i % in_line == 0)
			l = page_add(p, PAGE_GRAPH);
		put_graph(p, l, &g[i], p->width / in_line);
	}
}

static void
add_disk(struct top_page *p, struct page_line *l, const struct cfs_top *t)
{
	char size[SIZE_TEXT_SIZE], bar[BAR_COLUMNS * 3 + 1];
	double used;

	if (t->total_bytes == 0)
		return;
	used = 1 - (double)t->free_bytes / (double)t->total_bytes;
	page_putf(p, l, "  free %s ", size_format(size, t->free_bytes, SIZE_LONG));
	/* Where the bar does not fit, its number still does. */
	if (p->width - l->columns > BAR_COLUMNS + 10)
		page_put(p, l, spark_bar(bar, used, BAR_COLUMNS, p->utf8), UINT32_MAX);
	page_putf(p, l, " %.0f%% used", used * 100);
}

static void
add_store(struct top_page *p, const struct top_model *m, const struct top_view *v)
{
	struct page_line *l = page_add(p, PAGE_PLAIN);
	const struct cfs_top *t = m->now;
	char size[SIZE_TEXT_SIZE];

	page_putf(p, l, " files %" PRIu64 ", %s", t->files,
		  size_format(size, t->logical_bytes, SIZE_LONG));
	if (v->admin) {
		page_putf(p, l, "  blobs %s", size_format(size, t->blob_bytes, SIZE_LONG));
		/* Blobs of an upload under way belong to no file yet. */
		if (t->blob_bytes > 0 && t->logical_bytes >= t->blob_bytes)
			page_putf(p, l,
				  p->width >= WIDE ? " (dedup %.2f:1, no compression)"
						   : " (%.2f:1)",
				  (double)t->logical_bytes / (double)t->blob_bytes);
		if (p->width >= WIDE)
			page_putf(p, l, "  attic %" PRIu64 ", %s", t->attic_files,
				  size_format(size, t->attic_bytes, SIZE_LONG));
	}
	add_disk(p, l, t);
}

static void
add_counts(struct top_page *p, const struct top_model *m)
{
	struct page_line *l = page_add(p, PAGE_PLAIN);
	const struct cfs_top *t = m->now;

	page_putf(p, l, " users %" PRIu64 "  commits %.0f/s  events %" PRIu64, t->users, m->commits,
		  t->newest_event);
	if (t->event_backlog > 0)
		page_putf(p, l, " (%" PRIu64 " behind)", t->event_backlog);
	page_putf(p, l, "  sign-ins %" PRIu64 ", refused %" PRIu64, t->signins, t->refused);
	if (t->turned_away > 0)
		page_putf(p, l, "  turned away %" PRIu64, t->turned_away);
	if (t->crashes > 0)
		page_putf(p, l, "  crashed %" PRIu64, t->crashes);
}

void
top_head_add(struct top_page *p, const struct top_model *m, const struct top_view *v)
{
	add_title(p, m, v);
	add_graphs(p, m);
	add_store(p, m, v);
	if (v->admin)
		add_counts(p, m);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/top_page.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/time.h"
#include "show/event_text.h"
#include "show/spark.h"

/* From here on a connection's process and device have columns of their own. */
#define WIDE 110u

enum section { SESSIONS, TRANSFERS, EVENTS, LOG, SECTIONS };

/* Lines, the heading not counted, that a section gets before any other gets more. */
static const unsigned at_least[SECTIONS] = {3, 2, 3, 2};

static void
put_time(struct top_page *p, struct page_line *l, int64_t ns)
{
	char text[16] = "";
	time_t t = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (localtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	page_field(p, l, text, 8);
}

/* ---- connections ---- */

static unsigned
peer_columns(const struct top_page *p)
{
	unsigned fixed = p->width >= WIDE ? 87 : 62;
	unsigned left = p->width > fixed ? p->width - fixed : 0;

	return left < 12 ? 12 : left > 40 ? 40 : left;
}

static void
put_right(struct top_page *p, struct page_line *l, const char *text, unsigned columns)
{
	size_t len = strlen(text);

	page_pad(p, l, l->columns + (len < columns ? columns - (unsigned)len : 0));
	page_put(p, l, text, columns);
	page_put(p, l, " ", 1);
}

static void
add_sessions_heading(struct top_page *p, const struct top_model *m)
{
	struct page_line *l = page_add(p, PAGE_HEADING);

	page_put(p, l, " ", 1);
	if (p->width >= WIDE)
		put_right(p, l, "PID", 8);
	page_field(p, l, "USER", 12);
	if (p->width >= WIDE)
		page_field(p, l, "DEVICE", 15);
	page_field(p, l, "FROM", peer_columns(p));
	put_right(p, l, "IN/s", 6);
	put_right(p, l, "OUT/s", 6);
	put_right(p, l, "OPS/s", 6);
	put_right(p, l, "FAIL", 5);
	page_field(p, l, "LAST", 11);
	put_right(p, l, "IDLE", 5);
	if (m->filter[0])
		page_putf(p, l, " /%s", m->filter);
	page_pad(p, l, p->width);
}

static const char *
idle_text(char out[16], uint64_t ms)
{
	if (ms < 1000)
		return "-";
	if (ms < 100000)
		(void)snprintf(out, 16, "%" PRIu64 "s", ms / 1000);
	else if (ms < 100 * 60000)
		(void)snprintf(out, 16, "%" PRIu64 "m", ms / 60000);
	else
		(void)snprintf(out, 16, "%.4" PRIu64 "h", ms / 3600000);
	return out;
}

static const char *
user_text(const struct cfs_top_session *s)
{
	return s->user[0] ? s->user : s->is_admin ? "(admin)" : "(signing in)";
}

static void
add_session(struct top_page *p, const struct top_row *r, bool chosen)
{
	struct page_line *l = page_add(p, chosen ? PAGE_CHOSEN : PAGE_PLAIN);
	char text[32], verb[32];

	page_put(p, l, chosen ? ">" : " ", 1);
	if (p->width >= WIDE) {
		(void)snprintf(text, sizeof(text), "%" PRIu64, r->s->pid);
		put_right(p, l, text, 8);
	}
	page_field(p, l, user_text(r->s), 12);
	if (p->width >= WIDE)
		page_field(p, l, r->s->device, 15);
	page_field(p, l, r->s->peer, peer_columns(p));
	put_right(p, l, page_rate(text, r->in), 6);
	put_right(p, l, page_rate(text, r->out), 6);
	(void)snprintf(text, sizeof(text), "%.0f", r->ops);
	put_right(p, l, r->ops < 0.5 ? "-" : text, 6);
	(void)snprintf(text, sizeof(text), "%" PRIu64, r->s->failures);
	put_right(p, l, r->s->failures ? text : "-", 5);
	page_field(p, l, r->s->last_op ? event_op(verb, r->s->last_op) : "-", 11);
	put_right(p, l, idle_text(text, r->s->idle_ms), 5);
}

static void
add_sessions(struct top_page *p, const struct top_model *m, struct top_view *v, unsigned lines)
{
	add_sessions_heading(p, m);
	v->rows = lines;
	for (size_t i = v->first; i < m->row_count && i < v->first + lines; i++)
		add_session(p, &m->rows[i], v->keys && i == v->chosen);
	if (m->row_count == 0 && lines > 0)
		page_putf(p, page_add(p, PAGE_DIM), " none%s", m->filter[0] ? " that match" : "");
}

/* ---- transfers ---- */

static void
put_transfer_end(struct top_page *p, struct page_line *l, const struct cfs_top_transfer *t)
{
	double seconds = (double)t->age_ms / 1000;
	double rate = seconds > 0.05 ? (double)t->done / seconds : 0;
	double left = rate > 0 ? (double)(t->total - t->done) / rate : 0;
	char size[SIZE_TEXT_SIZE];

	page_putf(p, l, " %3.0f%%", t->total ? (double)t->done * 100 / (double)t->total : 100.0);
	page_putf(p, l, " %6s/s", size_format(size, (uint64_t)rate, SIZE_SHORT));
	if (rate > 0 && left < 360000)
		page_putf(p, l, " %3.0f:%02u", left / 60, (unsigned)left % 60);
}

static void
add_transfer(struct top_page *p, const struct cfs_top_transfer *t)
{
	struct page_line *l = page_add(p, PAGE_MOVING);
	unsigned bar_columns = p->width >= WIDE ? 40 : 20;
	unsigned ends = 1 + 2 + 13 + bar_columns + 22;
	unsigned path_columns = p->width > ends + 12 ? p->width - ends : 12;
	char bar[40 * 3 + 1];
	size_t len = strlen(t->path);
	/* The end of a path says more than its beginning. */
	const char *path = len > path_columns ? t->path + len - path_columns : t->path;

	while (((unsigned char)*path & 0xc0) == 0x80)
		path++;
	page_put(p, l, " ", 1);
	page_put(p, l, t->up ? (p->utf8 ? "↑" : "^") : (p->utf8 ? "↓" : "v"), 1);
	page_put(p, l, " ", 1);
	page_field(p, l, t->user, 12);
	page_field(p, l, path, path_columns);
	page_put(
	    p, l,
	    spark_bar(bar, t->total ? (double)t->done / (double)t->total : 1, bar_columns, p->utf8),
	    UINT32_MAX);
	put_transfer_end(p, l, t);
}

static void
add_transfers(struct top_page *p, const struct top_model *m, unsigned lines)
{
	struct page_line *l = page_add(p, PAGE_HEADING);

	page_put(p, l, " TRANSFERS", UINT32_MAX);
	page_pad(p, l, p->width);
	for (size_t i = 0; i < m->now->transfer_count && lines > 0; i++) {
		const struct cfs_top_transfer *t = &m->now->transfers[i];

		if (!top_model_wants(m, t->user, t->path))
			continue;
		add_transfer(p, t);
		lines--;
	}
}

/* ---- events and log ---- */

static unsigned
count_recent(const struct top_model *m, const struct top_recent *r)
{
	const struct top_item *item;
	unsigned n = 0;

	for (size_t i = 0; (item = top_recent_get(r, i)) != NULL; i++)
		n += top_model_wants(m, item->text, "");
	return n;
}

/* The newest first. */
static void
add_recent(struct top_page *p, const struct top_model *m, const char *heading,
	   const struct top_recent *r, unsigned lines)
{
	struct page_line *l = page_add(p, PAGE_HEADING);
	const struct top_item *item;

	page_putf(p, l, " %s", heading);
	page_pad(p, l, p->width);
	for (size_t i = 0; lines > 0 && (item = top_recent_get(r, i)) != NULL; i++) {
		if (!top_model_wants(m, item->text, ""))
			continue;
		l = page_add(p, item->bad ? PAGE_BAD : PAGE_PLAIN);
		page_put(p, l, item->bad ? "!" : " ", 1);
		put_time(p, l, item->time_ns);
		page_put(p, l, item->text, UINT32_MAX);
		if (item->times > 1)
			page_putf(p, l, " (%u times)", item->times);
		lines--;
	}
}

/* ---- the whole ---- */

static unsigned
count_transfers(const struct top_model *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->now->transfer_count; i++)
		n += top_model_wants(m, m->now->transfers[i].user, m->now->transfers[i].path);
	return n;
}

/* Shares the lines that are left out among the sections: what each needs least, then one to each in turn. */
static void
share(unsigned room, const unsigned wanted[SECTIONS], unsigned given[SECTIONS])
{
	bool more = true;

	for (unsigned i = 0; i < SECTIONS; i++) {
		unsigned heading = wanted[i] > 0;
		unsigned lines = wanted[i] < at_least[i] ? wanted[i] : at_least[i];

		given[i] = 0;
		if (room < heading + 1)
			continue;
		given[i] = lines < room - heading ? lines : room - heading;
		room -= given[i] + heading;
	}
	while (room > 0 && more) {
		more = false;
		for (unsigned i = 0; i < SECTIONS && room > 0; i++) {
			if (given[i] == 0 || given[i] >= wanted[i])
				continue;
			given[i]++;
			room--;
			more = true;
		}
	}
}

static void
add_body(struct top_page *p, const struct top_model *m, struct top_view *v, unsigned room)
{
	unsigned given[SECTIONS];
	const unsigned wanted[SECTIONS] = {
	    [SESSIONS] = m->row_count > 0 ? (unsigned)m->row_count : 1,
	    [TRANSFERS] = count_transfers(m),
	    [EVENTS] = count_recent(m, &m->events),
	    [LOG] = v->admin ? count_recent(m, &m->log) : 0,
	};

	share(room, wanted, given);
	if (given[SESSIONS] > 0)
		add_sessions(p, m, v, given[SESSIONS]);
	if (given[TRANSFERS] > 0)
		add_transfers(p, m, given[TRANSFERS]);
	if (given[EVENTS] > 0)
		add_recent(p, m, "EVENTS", &m->events, given[EVENTS]);
	if (given[LOG] > 0)
		add_recent(p, m, "LOG", &m->log, given[LOG]);
}

static void
add_help(struct top_page *p, const struct top_view *v)
{
	static const char *const lines[] = {
	    "",
	    "  q, Ctrl-C      quit",
	    "  Space, p       pause, and go on",
	    "  s              sort by traffic, ops, failures, user, idle",
	    "  /              show only what has this text in it; Esc shows all",
	    "  Up, Down       choose a connection",
	    "  + -            look more often, or less",
	    "  h, ?           this help",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		page_put(p, page_add(p, PAGE_PLAIN), lines[i], UINT32_MAX);
	if (v->can_kick)
		page_put(p, page_add(p, PAGE_PLAIN), "  k              end the chosen connection",
			 UINT32_MAX);
}

static void
add_bottom(struct top_page *p, const struct top_model *m, const struct top_view *v)
{
	struct page_line *l;

	while (p->count + 1 < v->height)
		(void)page_add(p, PAGE_PLAIN);
	l = page_add(p, v->message_bad ? PAGE_BAD : PAGE_TITLE);
	if (v->message)
		page_putf(p, l, "%s%s", v->message_bad ? "!" : " ", v->message);
	else
		page_putf(p, l, " q quit  s sort: %s  / filter  p pause%s  h help",
			  top_sort_name(m->sort), v->can_kick ? "  k kick" : "");
	page_pad(p, l, p->width);
}

void
top_page_make(struct top_page *p, const struct top_model *m, struct top_view *v)
{
	unsigned bottom = v->keys ? 1 : 0, room = PAGE_LINES;

	p->width = v->width;
	p->height = v->height = v->height < PAGE_LINES ? v->height : PAGE_LINES;
	p->utf8 = v->utf8;
	p->count = 0;
	if (m->now) {
		top_head_add(p, m, v);
		if (v->height > 0)
			room = v->height > p->count + bottom ? v->height - p->count - bottom : 0;
		if (v->help)
			add_help(p, v);
		else
			add_body(p, m, v, room);
	}
	if (v->keys)
		add_bottom(p, m, v);
}

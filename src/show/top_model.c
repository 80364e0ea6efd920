/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/top_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "show/event_text.h"

/* What happened before the first look. */
#define EVENTS_BEFORE 200u

const char *
top_sort_name(enum top_sort sort)
{
	static const char *const names[TOP_SORTS] = {"traffic", "ops", "failures", "user", "idle"};

	return names[sort];
}

void
top_model_init(struct top_model *m, const struct top_options *o)
{
	memset(m, 0, sizeof(*m));
	m->sort = (enum top_sort)o->sort;
	if (o->filter)
		(void)snprintf(m->filter, sizeof(m->filter), "%s", o->filter);
}

void
top_model_fini(struct top_model *m)
{
	cfs_top_free(m->now);
	cfs_top_free(m->before);
	free(m->rows);
}

/* ---- recent things ---- */

static struct top_item *
newest(struct top_recent *r)
{
	return &r->items[(r->next + TOP_RECENT - 1) % TOP_RECENT];
}

/* What repeats itself takes no place from what does not: each command of a script signs in. */
static void
add_item(struct top_recent *r, const struct top_item *fresh, const char *text)
{
	struct top_item *item = newest(r);
	unsigned before = 0;

	if (r->count > 0 && strcmp(item->text, text) == 0 && item->bad == fresh->bad) {
		before = item->times;
	} else {
		r->next = (r->next + 1) % TOP_RECENT;
		r->count += r->count < TOP_RECENT;
		item = newest(r);
	}
	*item = *fresh;
	item->times += before;
	(void)snprintf(item->text, sizeof(item->text), "%s", text);
}

const struct top_item *
top_recent_get(const struct top_recent *r, size_t i)
{
	return i < r->count ? &r->items[(r->next + 2 * TOP_RECENT - 1 - i) % TOP_RECENT] : NULL;
}

static int
add_event(void *arg, const struct cfs_event *e)
{
	struct top_model *m = arg;
	const struct top_item fresh = {.time_ns = e->time_ns,
				       .times = 1,
				       .bad = e->result != 0 || e->kind == CFS_EVENT_REFUSED};
	char text[TOP_TEXT];

	event_line(text, sizeof(text), e);
	add_item(&m->events, &fresh, text);
	return 0;
}

static void
add_lines(struct top_model *m, const struct cfs_top *t)
{
	for (size_t i = 0; i < t->line_count; i++) {
		const struct cfs_top_line *l = &t->lines[i];
		enum log_level level =
		    l->level <= (int)LVL_DEBUG ? (enum log_level)l->level : LVL_ERROR;
		const struct top_item fresh = {
		    .time_ns = l->time_ns, .times = 1, .bad = level <= LVL_WARN};
		char text[TOP_TEXT];

		(void)snprintf(text, sizeof(text), "%-6s %s", log_level_name(level), l->text);
		add_item(&m->log, &fresh, text);
		m->log_upto = max_u64(m->log_upto, l->number);
	}
}

/* ---- rates ---- */

static double
rate(uint64_t now, uint64_t before, double seconds)
{
	return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

static void
remember(struct top_history *h, double v)
{
	if (h->count == TOP_HISTORY)
		memmove(h->v, h->v + 1, sizeof(h->v) - sizeof(h->v[0]));
	else
		h->count++;
	h->v[h->count - 1] = v;
}

/* The same connection at the look before, or NULL: a process number may be somebody else's by now. */
static const struct cfs_top_session *
find_before(const struct cfs_top *t, const struct cfs_top_session *s)
{
	for (size_t i = 0; t && i < t->session_count; i++) {
		if (t->sessions[i].pid == s->pid && t->sessions[i].since_ns == s->since_ns)
			return &t->sessions[i];
	}
	return NULL;
}

static double
seconds_between(const struct top_model *m)
{
	return m->before && m->now->clock_us > m->before->clock_us
		   ? (double)(m->now->clock_us - m->before->clock_us) / 1e6
		   : 0;
}

static void
set_row(const struct top_model *m, struct top_row *row, const struct cfs_top_session *s)
{
	static const struct cfs_top_session none;
	const struct cfs_top_session *b = find_before(m->before, s);
	double seconds = seconds_between(m);

	if (!b)
		b = &none;
	row->s = s;
	row->in = rate(s->bytes_in, b->bytes_in, seconds);
	row->out = rate(s->bytes_out, b->bytes_out, seconds);
	row->ops = rate(s->ops, b->ops, seconds);
}

static uint64_t
ops_of(const struct cfs_top *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->op_count; i++)
		sum += t->ops[i].count;
	/* A user is told of his own connections alone. */
	for (size_t i = 0; i < t->session_count && t->op_count == 0; i++)
		sum += t->sessions[i].ops;
	return sum;
}

static void
set_rates(struct top_model *m)
{
	double seconds = seconds_between(m);

	if (seconds <= 0)
		return;
	m->in = rate(m->now->bytes_in, m->before->bytes_in, seconds);
	m->out = rate(m->now->bytes_out, m->before->bytes_out, seconds);
	m->ops = rate(ops_of(m->now), ops_of(m->before), seconds);
	m->failures = rate(m->now->failures, m->before->failures, seconds);
	m->commits = rate(m->now->commits, m->before->commits, seconds);
	remember(&m->in_history, m->in);
	remember(&m->out_history, m->out);
	remember(&m->ops_history, m->ops);
	remember(&m->failure_history, m->failures);
}

/* ---- order ---- */

bool
top_model_wants(const struct top_model *m, const char *a, const char *b)
{
	return m->filter[0] == '\0' || strcasestr(a, m->filter) || strcasestr(b, m->filter);
}

static int
more(double a, double b)
{
	return (a < b) - (a > b);
}

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct top_row *a = pa, *b = pb;
	int rc = 0;

	switch (*(const enum top_sort *)arg) {
	case TOP_BY_TRAFFIC:
		rc = more(a->in + a->out, b->in + b->out);
		break;
	case TOP_BY_OPS:
		rc = more(a->ops, b->ops);
		break;
	case TOP_BY_FAILURES:
		rc = more((double)a->s->failures, (double)b->s->failures);
		break;
	case TOP_BY_IDLE:
		rc = more((double)b->s->idle_ms, (double)a->s->idle_ms);
		break;
	case TOP_BY_USER:
	case TOP_SORTS:
		break;
	}
	if (rc == 0)
		rc = strcmp(a->s->user, b->s->user);
	if (rc == 0)
		rc = more((double)b->s->pid, (double)a->s->pid);
	return rc;
}

int
top_model_arrange(struct top_model *m)
{
	size_t n = m->now ? m->now->session_count : 0;
	struct top_row *rows = calloc(n + 1, sizeof(*rows));

	if (!rows)
		return CFS_ENOMEM;
	free(m->rows);
	m->rows = rows;
	m->row_count = 0;
	for (size_t i = 0; i < n; i++) {
		const struct cfs_top_session *s = &m->now->sessions[i];

		if (top_model_wants(m, s->user, s->peer) || top_model_wants(m, s->device, ""))
			set_row(m, &m->rows[m->row_count++], s);
	}
	qsort_r(m->rows, m->row_count, sizeof(*m->rows), compare, &m->sort);
	return 0;
}

int
top_model_look(struct top_model *m, const struct top_source *source, struct cfs_err *err)
{
	struct cfs_top *fresh;
	int rc = source->look(source->arg, m->log_upto, &fresh, err);

	if (rc)
		return rc;
	if (!m->now && fresh->newest_event > EVENTS_BEFORE)
		m->events_upto = fresh->newest_event - EVENTS_BEFORE;
	cfs_top_free(m->before);
	m->before = m->now;
	m->now = fresh;
	set_rates(m);
	add_lines(m, fresh);
	if (top_model_arrange(m))
		return err_code(err, CFS_ENOMEM);
	if (m->events_upto >= fresh->newest_event)
		return 0;
	return source->events(source->arg, m->events_upto, add_event, m, &m->events_upto, err);
}

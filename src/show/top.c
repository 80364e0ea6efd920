/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/top.h"

#include <langinfo.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/time.h"
#include "show/top_json.h"
#include "show/top_page.h"
#include "show/top_screen.h"

#define INTERVAL_MS 1000
/* Between the two looks that rates need, where nobody wants to wait. */
#define ONCE_MS     250
/* The page's width where there is no terminal. */
#define TEXT_WIDTH  120u

/* As top_sort_name() has them. */
#define SORT_KEYS "traffic, ops, failures, user or idle"

static int
take_sort(void *values, const char *text, struct cfs_err *err)
{
	struct top_options *o = values;

	for (int i = 0; i < TOP_SORTS; i++) {
		if (strcmp(text, top_sort_name((enum top_sort)i)) == 0) {
			o->sort = i;
			return 0;
		}
	}
	return err_set(err, CFS_EUSAGE, "'%s' is none of " SORT_KEYS, text);
}

const struct arg_opt top_opts[] = {
    {.short_name = 'i',
     .long_name = "interval",
     .kind = ARG_DURATION,
     .offset = offsetof(struct top_options, interval_ms),
     .arg_name = "TIME",
     .help = "look again after TIME (1s); with --json go on, an object a line",
     .min = 100,
     .max = 3600000},
    {.short_name = 'c',
     .long_name = "count",
     .kind = ARG_INT,
     .offset = offsetof(struct top_options, count),
     .arg_name = "N",
     .help = "with --json: end after N objects",
     .min = 1,
     .max = INT64_MAX},
    {.short_name = '1',
     .long_name = "once",
     .kind = ARG_FLAG,
     .offset = offsetof(struct top_options, once),
     .help = "print it as text, once"},
    {.long_name = "sort",
     .kind = ARG_CALL,
     .arg_name = TOP_SORT_KIND,
     .help = "order of connections: " SORT_KEYS,
     .call = take_sort},
    {.long_name = "filter",
     .kind = ARG_STRING,
     .offset = offsetof(struct top_options, filter),
     .arg_name = "TEXT",
     .help = "show only what has TEXT in it"},
};
const size_t top_n_opts = sizeof(top_opts) / sizeof(top_opts[0]);

void
top_offer_sorts(struct complete *c)
{
	for (int i = 0; i < TOP_SORTS; i++) {
		complete_offer(c, top_sort_name((enum top_sort)i), NULL);
	}
}

/* A signal ends it early; check() says whether that was meant. */
static int
pause_ms(const struct top_source *source, int64_t ms, struct cfs_err *err)
{
	(void)poll(NULL, 0, (int)ms);
	return source->check(source->arg, err);
}

static int
show_json(const struct top_source *source, const struct top_options *o, FILE *out,
	  struct cfs_err *err)
{
	int64_t count = o->count > 0 ? o->count : o->interval_ms > 0 ? INT64_MAX : 1;
	uint64_t log_upto = 0;
	int rc = 0;

	for (int64_t i = 0; i < count && rc == 0; i++) {
		struct cfs_top *t;

		if (i > 0)
			rc = pause_ms(source, o->interval_ms > 0 ? o->interval_ms : INTERVAL_MS,
				      err);
		if (rc == 0)
			rc = source->look(source->arg, log_upto, &t, err);
		if (rc)
			break;
		for (size_t n = 0; n < t->line_count; n++)
			log_upto = t->lines[n].number;
		if (top_json_print(out, t, source->admin))
			rc = err_set(err, CFS_ELOCALIO, "cannot write");
		cfs_top_free(t);
	}
	return rc;
}

static unsigned
width_of(FILE *out)
{
	struct winsize ws;

	if (ioctl(fileno(out), TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40)
		return ws.ws_col;
	return TEXT_WIDTH;
}

static int
show_text(struct top_model *m, const struct top_source *source, int64_t interval_ms, FILE *out,
	  struct cfs_err *err)
{
	struct top_page *page = calloc(1, sizeof(*page));
	struct top_view view = {
	    .width = width_of(out),
	    .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	    .title = source->title,
	    .admin = source->admin,
	    .chosen = SIZE_MAX,
	};
	int rc = page ? 0 : err_code(err, CFS_ENOMEM);

	if (rc == 0)
		rc = top_model_look(m, source, err);
	if (rc == 0)
		rc = pause_ms(source, interval_ms > 0 ? interval_ms : ONCE_MS, err);
	if (rc == 0)
		rc = top_model_look(m, source, err);
	if (rc == 0) {
		top_page_make(page, m, &view);
		top_page_print(page, out);
	}
	free(page);
	return rc;
}

int
top_show(const struct top_source *source, const struct top_options *o, bool json, bool colors,
	 FILE *out, struct cfs_err *err)
{
	struct top_model *m;
	int rc;

	if (json)
		return show_json(source, o, out, err);
	m = malloc(sizeof(*m));
	if (!m)
		return err_code(err, CFS_ENOMEM);
	top_model_init(m, o);
	if (o->once || out != stdout || !top_screen_possible())
		rc = show_text(m, source, o->interval_ms, out, err);
	else
		rc = top_screen_run(m, source, o->interval_ms > 0 ? o->interval_ms : INTERVAL_MS,
				    colors, err);
	top_model_fini(m);
	free(m);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The live view without a terminal: graphs, rates, order, and that no line is ever wider than the page. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/bytes.h"
#include "show/spark.h"
#include "show/top_page.h"

static void
graphs_scale_to_their_own_maximum(void **state)
{
	static const double v[] = {0, 1, 50, 100};
	char out[64];

	(void)state;
	assert_string_equal(spark_draw(out, v, 4, 4, true), "▁▂▅█");
	assert_string_equal(spark_draw(out, v, 4, 6, false), "  _.=#");
	assert_string_equal(spark_draw(out, v, 4, 2, true), "▅█");
	assert_string_equal(spark_draw(out, v, 1, 1, false), "_");
	assert_string_equal(spark_draw(out, v, 0, 3, true), "   ");
	assert_string_equal(spark_bar(out, 0.5, 6, false), "[##..]");
	assert_string_equal(spark_bar(out, 2, 6, false), "[####]");
	assert_string_equal(spark_bar(out, -1, 4, true), "[  ]");
	assert_string_equal(spark_bar(out, 0.25, 4, true), "[▌ ]");
}

struct fake {
	unsigned looks;
	size_t sessions;
};

static int
fake_look(void *arg, uint64_t log_since, struct cfs_top **out, struct cfs_err *err)
{
	struct fake *f = arg;
	struct cfs_top *t = calloc(1, sizeof(*t));

	(void)log_since;
	(void)err;
	assert_non_null(t);
	f->looks++;
	t->clock_us = 2000000ull * f->looks;
	t->bytes_in = 1000ull * f->looks;
	t->newest_event = 1;
	t->total_bytes = 100;
	t->free_bytes = 25;
	(void)strcpy(t->server, "cfsd 1");
	t->sessions = calloc(f->sessions + 1, sizeof(*t->sessions));
	t->transfers = calloc(2, sizeof(*t->transfers));
	t->lines = calloc(2, sizeof(*t->lines));
	t->session_count = f->sessions;
	for (size_t i = 0; i < f->sessions; i++) {
		struct cfs_top_session *s = &t->sessions[i];

		s->pid = 100 + i;
		(void)snprintf(s->user, sizeof(s->user), "user%zu", i);
		(void)strcpy(s->device, "設備\x1b[31m\xff");
		(void)strcpy(s->peer, "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
		s->bytes_in = i * 100 * f->looks;
		s->ops = (f->sessions - i) * 10 * f->looks;
		s->idle_ms = UINT64_MAX;
		s->failures = UINT64_MAX;
		s->last_op = 65535;
	}
	t->transfer_count = 1;
	(void)strcpy(t->transfers[0].user, "somebody-with-a-long-name");
	memset(t->transfers[0].path, 'p', sizeof(t->transfers[0].path) - 1);
	memcpy(t->transfers[0].path + 230, "ééé字\n\t", 12);
	t->transfers[0].total = UINT64_MAX;
	t->transfers[0].done = UINT64_MAX / 2;
	t->transfers[0].age_ms = 5000;
	t->line_count = 1;
	t->lines[0].number = f->looks;
	t->lines[0].level = 1;
	memset(t->lines[0].text, '\x1b', sizeof(t->lines[0].text) - 1);
	*out = t;
	return 0;
}

static int
fake_events(void *arg, uint64_t since, int (*each)(void *each_arg, const struct cfs_event *e),
	    void *each_arg, uint64_t *last_out, struct cfs_err *err)
{
	const struct cfs_event e = {.id = 1,
				    .kind = CFS_EVENT_CHANGE,
				    .op = 48,
				    .user = "al\nice",
				    .device = "",
				    .peer = "",
				    .path = "/al\nice/\xff\x1b]0;x",
				    .target = "/x",
				    .bytes = 12,
				    .result = CFS_EDENIED};

	(void)arg;
	(void)since;
	(void)err;
	*last_out = 1;
	return each(each_arg, &e);
}

static struct top_source
source_of(struct fake *f)
{
	return (struct top_source){
	    .look = fake_look, .events = fake_events, .arg = f, .title = "top", .admin = true};
}

static void
check_lines(const struct top_page *p, unsigned width)
{
	for (unsigned i = 0; i < p->count; i++) {
		const char *s = p->lines[i].text;
		mbstate_t mb = {0};
		unsigned columns = 0;
		wchar_t wc;
		size_t n;

		while ((n = mbrtowc(&wc, s, 4, &mb)) != 0) {
			assert_true(n <= 4);
			assert_true(wcwidth(wc) >= 0);
			columns += (unsigned)wcwidth(wc);
			s += n;
		}
		if (columns > width || columns != p->lines[i].columns)
			fail_msg("line %u at %u: %u columns: %s", i, width, columns,
				 p->lines[i].text);
	}
}

static void
no_line_is_wider_and_no_page_longer_than_asked(void **state)
{
	struct top_page *p = calloc(1, sizeof(*p));
	const struct top_options o = TOP_OPTIONS_INIT;
	struct fake f = {.sessions = 50};
	const struct top_source source = source_of(&f);
	struct top_model *m = malloc(sizeof(*m));

	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	top_model_init(m, &o);
	for (int i = 0; i < 300; i++)
		assert_int_equal(top_model_look(m, &source, NULL), 0);
	for (unsigned width = 1; width <= 410; width += width < 20 ? 1 : 37) {
		for (unsigned height = 0; height <= 210; height += 13) {
			struct top_view v = {.width = width,
					     .height = height,
					     .utf8 = height % 2,
					     .keys = height > 0,
					     .admin = true,
					     .title = "top",
					     .chosen = 1};

			top_page_make(p, m, &v);
			check_lines(p, width);
			/* The head has four lines at least; a lower terminal shows what fits. */
			if (height > 8 && height <= PAGE_LINES)
				assert_int_equal(p->count, height);
		}
	}
	top_model_fini(m);
	free(m);
	free(p);
}

static void
rates_order_and_filter(void **state)
{
	const struct top_options o = {.sort = TOP_BY_TRAFFIC};
	struct fake f = {.sessions = 12};
	const struct top_source source = source_of(&f);
	struct top_model *m = malloc(sizeof(*m));

	(void)state;
	top_model_init(m, &o);
	assert_int_equal(top_model_look(m, &source, NULL), 0);
	assert_true(m->in == 0);
	assert_int_equal(top_model_look(m, &source, NULL), 0);
	/* 1,000 bytes more in two seconds. */
	assert_true(m->in > 499.9 && m->in < 500.1);
	assert_int_equal(m->row_count, 12);
	assert_string_equal(m->rows[0].s->user, "user11");
	m->sort = TOP_BY_OPS;
	assert_int_equal(top_model_arrange(m), 0);
	assert_string_equal(m->rows[0].s->user, "user0");
	(void)strcpy(m->filter, "USER1");
	assert_int_equal(top_model_arrange(m), 0);
	assert_int_equal(m->row_count, 3);
	/* What an event carries cannot reach the terminal as it is. */
	assert_string_equal(
	    top_recent_get(&m->events, 0)->text,
	    "al\\nice create /al\\nice/\\xff\\x1b]0;x -> /x (12): permission denied");
	assert_true(top_recent_get(&m->events, 0)->bad);
	assert_int_equal(m->log.count, 1);
	assert_int_equal(m->log.items[0].times, 2);
	top_model_fini(m);
	free(m);
}

/* Four sign-ins of two users. */
static int
fake_signins(void *arg, uint64_t since, int (*each)(void *arg, const struct cfs_event *e),
	     void *each_arg, uint64_t *last_out, struct cfs_err *err)
{
	static const char *const users[] = {"alice", "bob", "bob", "bob"};

	(void)arg;
	(void)since;
	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		const struct cfs_event e = {.id = i + 1,
					    .kind = CFS_EVENT_SIGNIN,
					    .time_ns = (int64_t)i * 1000000000,
					    .user = users[i],
					    .device = "",
					    .peer = "",
					    .path = "",
					    .target = ""};

		assert_int_equal(each(each_arg, &e), 0);
	}
	*last_out = ARRAY_SIZE(users);
	return 0;
}

static bool
has_line(const struct top_page *p, const char *part)
{
	bool found = false;

	for (unsigned i = 0; i < p->count; i++)
		found = found || strstr(p->lines[i].text, part) != NULL;
	return found;
}

/* Scripts sign in for each command: they must not push everything else out of sight. */
static void
what_repeats_is_one_line(void **state)
{
	const struct top_options o = TOP_OPTIONS_INIT;
	struct top_view v = {.width = 80, .height = 24, .admin = true, .title = "top"};
	struct top_page *p = calloc(1, sizeof(*p));
	struct top_model *m = malloc(sizeof(*m));
	struct fake f = {0};
	struct top_source source = source_of(&f);

	(void)state;
	source.events = fake_signins;
	top_model_init(m, &o);
	assert_int_equal(top_model_look(m, &source, NULL), 0);
	assert_int_equal(m->events.count, 2);
	assert_int_equal(top_recent_get(&m->events, 0)->times, 3);
	assert_int_equal(top_recent_get(&m->events, 0)->time_ns, 3000000000);
	assert_int_equal(top_recent_get(&m->events, 1)->times, 1);
	top_page_make(p, m, &v);
	assert_true(has_line(p, "bob sign-in (3 times)"));
	assert_true(has_line(p, "alice sign-in"));
	top_model_fini(m);
	free(m);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(graphs_scale_to_their_own_maximum),
	    cmocka_unit_test(no_line_is_wider_and_no_page_longer_than_asked),
	    cmocka_unit_test(rates_order_and_filter),
	    cmocka_unit_test(what_repeats_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/top_json.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "show/event_text.h"
#include "show/text.h"

struct number {
	const char *name;
	uint64_t value;
};

static json_t *
numbers(const struct number *n, size_t count)
{
	json_t *o = json_object();

	for (size_t i = 0; i < count; i++)
		(void)json_object_set_new(o, n[i].name, json_integer((json_int_t)n[i].value));
	return o;
}

static json_t *
sessions(const struct cfs_top *t)
{
	json_t *array = json_array();

	for (size_t i = 0; i < t->session_count; i++) {
		const struct cfs_top_session *s = &t->sessions[i];
		const struct number n[] = {{"pid", s->pid},
					   {"operations", s->ops},
					   {"failures", s->failures},
					   {"bytes_in", s->bytes_in},
					   {"bytes_out", s->bytes_out},
					   {"idle_ms", s->idle_ms}};
		json_t *o = numbers(n, ARRAY_SIZE(n));
		char verb[32];

		out_json_name(o, "user", s->user);
		out_json_name(o, "device", s->device);
		out_json_name(o, "peer", s->peer);
		out_json_time(o, "since", s->since_ns);
		(void)json_object_set_new(o, "admin", json_boolean(s->is_admin));
		(void)json_object_set_new(
		    o, "last", s->last_op ? json_string(event_op(verb, s->last_op)) : json_null());
		(void)json_array_append_new(array, o);
	}
	return array;
}

static json_t *
transfers(const struct cfs_top *t)
{
	json_t *array = json_array();

	for (size_t i = 0; i < t->transfer_count; i++) {
		const struct cfs_top_transfer *x = &t->transfers[i];
		const struct number n[] = {
		    {"pid", x->pid}, {"total", x->total}, {"done", x->done}, {"age_ms", x->age_ms}};
		json_t *o = numbers(n, ARRAY_SIZE(n));

		out_json_name(o, "user", x->user);
		out_json_name(o, "path", x->path);
		(void)json_object_set_new(o, "direction", json_string(x->up ? "in" : "out"));
		(void)json_array_append_new(array, o);
	}
	return array;
}

static json_t *
operations(const struct cfs_top *t)
{
	json_t *all = json_object();
	char verb[32];

	for (size_t i = 0; i < t->op_count; i++)
		(void)json_object_set_new(all, event_op(verb, t->ops[i].op),
					  json_pack("{s:I, s:f}", "count",
						    (json_int_t)t->ops[i].count, "seconds",
						    (double)t->ops[i].sum_us / 1e6));
	return all;
}

static json_t *
log_lines(const struct cfs_top *t)
{
	json_t *array = json_array();

	for (size_t i = 0; i < t->line_count; i++) {
		const struct cfs_top_line *l = &t->lines[i];
		json_t *o = json_object();
		enum log_level level =
		    l->level <= (int)LVL_DEBUG ? (enum log_level)l->level : LVL_ERROR;

		(void)json_object_set_new(o, "number", json_integer((json_int_t)l->number));
		out_json_time(o, "time", l->time_ns);
		(void)json_object_set_new(o, "level", json_string(log_level_name(level)));
		out_json_name(o, "text", l->text);
		(void)json_array_append_new(array, o);
	}
	return array;
}

static void
add_admins(json_t *o, const struct cfs_top *t)
{
	const struct number counters[] = {{"connections", t->connections},
					  {"turned_away", t->turned_away},
					  {"signins", t->signins},
					  {"refused", t->refused},
					  {"crashes", t->crashes},
					  {"commits", t->commits},
					  {"event_backlog", t->event_backlog}};
	const struct number store[] = {{"users", t->users},
				       {"blobs", t->blobs},
				       {"blob_bytes", t->blob_bytes},
				       {"attic_files", t->attic_files},
				       {"attic_bytes", t->attic_bytes}};

	(void)json_object_update_new(o, numbers(counters, ARRAY_SIZE(counters)));
	(void)json_object_update_new(o, numbers(store, ARRAY_SIZE(store)));
	(void)json_object_set_new(o, "by_operation", operations(t));
	(void)json_object_set_new(o, "log", log_lines(t));
}

int
top_json_print(FILE *f, const struct cfs_top *t, bool admin)
{
	const struct number n[] = {
	    {"clock_us", t->clock_us},           {"bytes_in", t->bytes_in},
	    {"bytes_out", t->bytes_out},         {"failures", t->failures},
	    {"newest_event", t->newest_event},   {"files", t->files},
	    {"logical_bytes", t->logical_bytes}, {"free_bytes", t->free_bytes},
	    {"total_bytes", t->total_bytes}};
	json_t *o = json_object();
	int rc;

	out_json_time(o, "time", t->time_ns);
	out_json_name(o, "server", t->server);
	if (t->started_ns > 0)
		out_json_time(o, "started", t->started_ns);
	(void)json_object_update_new(o, numbers(n, ARRAY_SIZE(n)));
	if (admin)
		add_admins(o, t);
	(void)json_object_set_new(o, "sessions", sessions(t));
	(void)json_object_set_new(o, "transfers", transfers(t));
	rc = json_dumpf(o, f, JSON_COMPACT);
	json_decref(o);
	(void)fputc('\n', f);
	(void)fflush(f);
	return rc ? CFS_ENOMEM : 0;
}

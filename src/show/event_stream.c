/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/event_stream.h"

#include <jansson.h>

uint64_t
event_stream_begin(const struct event_stream *s)
{
	return s->since < 0 ? UINT64_MAX : (uint64_t)s->since;
}

bool
event_stream_is_enough(const struct event_stream *s, int64_t told, uint64_t upto, uint64_t newest)
{
	return (s->count > 0 && told >= s->count) || (s->no_follow && upto >= newest);
}

void
event_stream_print_break(FILE *f, const struct event_break *b)
{
	json_t *o = b->why == EVENTS_GONE
			? json_pack("{s:s, s:I, s:I}", "event", "overflow", "since",
				    (json_int_t)b->since, "gone", (json_int_t)b->upto)
			: json_pack("{s:I, s:s, s:I}", "id", (json_int_t)b->upto, "event",
				    "renumbered", "since", (json_int_t)b->since);

	json_dumpf(o, f, JSON_COMPACT);
	fputc('\n', f);
	fflush(f);
	json_decref(o);
}

void
event_stream_break_text(char *buf, size_t size, const struct event_break *b)
{
	const unsigned long long since = b->since, upto = b->upto;

	if (b->why == EVENTS_GONE)
		snprintf(buf, size,
			 "events between %llu and %llu are kept no more: some were missed", since,
			 upto);
	else
		snprintf(
		    buf, size,
		    "there is no event %llu in this store, which may have been restored: told is "
		    "what comes behind the newest, %llu",
		    since, upto);
}

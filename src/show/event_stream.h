/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_EVENT_STREAM_H
#define CFS_SHOW_EVENT_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/args.h"

/* What `cfs watch` and `cfsadm events` have in common: which events are told, and what is said besides them. */

struct event_stream {
	int64_t since; /* -1: from now on */
	int64_t count; /* 0: without end */
	bool no_follow;
};
#define EVENT_STREAM_INIT                                                                          \
	{                                                                                          \
		.since = -1                                                                        \
	}

/* The rows of their options, for values of `type` that hold the above as `member`. */
#define EVENT_STREAM_OPTS(type, member)                                                            \
	{.short_name = 's',                                                                        \
	 .long_name = "since",                                                                     \
	 .kind = ARG_INT,                                                                          \
	 .offset = offsetof(type, member.since),                                                   \
	 .arg_name = "N",                                                                          \
	 .help = "also those that happened after event N; 0 all that are kept",                    \
	 .min = 0,                                                                                 \
	 .max = INT64_MAX},                                                                        \
	    {.short_name = 'c',                                                                    \
	     .long_name = "count",                                                                 \
	     .kind = ARG_INT,                                                                      \
	     .offset = offsetof(type, member.count),                                               \
	     .arg_name = "N",                                                                      \
	     .help = "end after N events",                                                         \
	     .min = 1,                                                                             \
	     .max = INT64_MAX},                                                                    \
	{                                                                                          \
		.long_name = "no-follow", .kind = ARG_FLAG,                                        \
		.offset = offsetof(type, member.no_follow),                                        \
		.help = "end when all that has happened was told"                                  \
	}

/* The number that a subscription begins behind, UINT64_MAX for now. */
uint64_t event_stream_begin(const struct event_stream *s);

/* Whether `told` events, up to number `upto`, are all that was asked for; newest: when it began. */
bool event_stream_is_enough(const struct event_stream *s, int64_t told, uint64_t upto,
			    uint64_t newest);

/* Where what is told does not go on from the number before: it goes on behind `upto`. */
struct event_break {
	enum {
		EVENTS_GONE, /* those between are kept no more */
		EVENTS_RENUMBERED, /* since is none here: of a store that was restored since, or mistyped */
	} why;
	uint64_t since, upto;
};

/* An object on f, at once; the same as a sentence. */
void event_stream_print_break(FILE *f, const struct event_break *b);
void event_stream_break_text(char *buf, size_t size, const struct event_break *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <time.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "base/time.h"
#include "client/event.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "show/event_stream.h"
#include "show/event_text.h"

/* events: all that happens, as it happens. */

/* A daemon that goes down is waited for: this long, looking this often. */
#define AWAY_MS 30000
#define LOOK_MS 200

#define NOTE_MAX 160u

struct events {
	const struct admin *a;
	struct admin_link *link;
	struct event_stream stream;
	int64_t told;
	uint64_t cursor, newest; /* newest: when it began */
	struct buf strings;
};

static const struct arg_opt opts[] = {EVENT_STREAM_OPTS(struct events, stream)};

static int
print_one(void *arg, const struct cfs_event *e)
{
	const struct events *w = arg;

	event_print(stdout, e, w->a->json, false);
	return ferror(stdout) ? CFS_ELOCALIO : 0;
}

static bool
enough(const struct events *w)
{
	return event_stream_is_enough(&w->stream, w->told, w->cursor, w->newest);
}

static int
on_notice(struct events *w, const struct frame *f, struct cfs_err *err)
{
	struct m_notice_push m;
	struct m_push_ack_req ack;
	struct m_notice n;
	int rc = frame_decode(f, &m, NULL, err);

	while (rc == 0 && !enough(w) && list_next(&m.notices, &n)) {
		if (event_give(&w->strings, &n.event, n.target, print_one, w))
			rc = err_set(err, CFS_ELOCALIO, "cannot write to standard output");
		w->told++;
		w->cursor = n.event.id;
	}
	if (fflush(stdout))
		rc = err_set(err, CFS_ELOCALIO, "cannot write to standard output");
	if (rc)
		return rc;
	w->cursor = m.upto;
	ack.push = m.push;
	return admin_send(w->link, OP_PUSH_ACK, &ack, err);
}

static void
tell_break(const struct events *w, const struct event_break *b)
{
	char text[NOTE_MAX];

	if (w->a->json) {
		event_stream_print_break(stdout, b);
		return;
	}
	event_stream_break_text(text, sizeof(text), b);
	(void)fprintf(stderr, "cfsadm: %s\n", text);
}

static int
on_overflow(const struct events *w, const struct frame *f, struct cfs_err *err)
{
	struct m_overflow_push m;
	int rc = frame_decode(f, &m, NULL, err);

	/* A number that is none any more was told of when SUBSCRIBE was answered. */
	if (rc == 0 && m.gone >= m.since)
		tell_break(w, &(struct event_break){EVENTS_GONE, m.since, m.gone});
	return rc;
}

/* One connection's worth. 0: that was all; CFS_ENET: the daemon is gone. */
static int
follow(struct events *w, struct cfs_err *err)
{
	struct m_subscribe_req req = {.since = w->cursor, .filter = 4};
	struct m_subscribe_rep rep;
	struct frame f;
	int rc = admin_call(w->link, OP_SUBSCRIBE, &req, &rep, err);

	if (rc)
		return rc;
	if (req.since != UINT64_MAX && rep.since < req.since)
		tell_break(w, &(struct event_break){EVENTS_RENUMBERED, req.since, rep.since});
	w->cursor = rep.since;
	if (w->newest == 0)
		w->newest = rep.newest;
	while (rc == 0 && !enough(w)) {
		rc = admin_receive(w->link, &f, err);
		if (rc == 0 && !f.is_reply && f.op == OP_NOTICE)
			rc = on_notice(w, &f, err);
		else if (rc == 0 && !f.is_reply && f.op == OP_OVERFLOW)
			rc = on_overflow(w, &f, err);
	}
	return rc;
}

static int
connect_again(struct events *w, struct cfs_err *err)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * NS_PER_MS};
	uint64_t deadline = deadline_from_ms(AWAY_MS);
	int rc;

	admin_disconnect(w->link);
	w->link = NULL;
	while ((rc = admin_connect_daemon(w->a, &w->link, err)) == CFS_ENET &&
	       !deadline_passed(deadline))
		(void)nanosleep(&pause, NULL);
	return rc;
}

int
cmd_events(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct events w = {.a = a, .stream = EVENT_STREAM_INIT, .strings = BUF_INIT};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &w};
	const struct arg_spec spec = {
	    .prog = "cfsadm events",
	    .synopsis = "[--since N] [--no-follow]",
	    .summary =
		"Tell everything that happens: changes, downloads, sign-ins, acts of admins.",
	    .groups = &group,
	    .n_groups = 1,
	};
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	w.cursor = event_stream_begin(&w.stream);
	rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_connect_daemon(a, &w.link, err);
	if (rc == 0)
		rc = follow(&w, err);
	while (rc == CFS_ENET && w.cursor != UINT64_MAX) {
		rc = connect_again(&w, err);
		if (rc == 0)
			rc = follow(&w, err);
	}
	admin_disconnect(w.link);
	buf_fini(&w.strings);
	return rc;
}

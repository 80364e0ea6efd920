/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the server is doing, as plain data. */

#include "client/top.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "client/call.h"
#include "proto/codec.h"

/* The server's strings come cut to what a display has room for; a NUL in one ends it. */
#define COPY(dst, src) ((void)snprintf((dst), sizeof(dst), "%.*s", STR_ARGS(src)))

static void
take_sessions(struct cfs_top *t, struct list it)
{
	struct m_top_session m;

	while (list_next(&it, &m)) {
		struct cfs_top_session *s = &t->sessions[t->session_count++];

		s->pid = m.pid;
		COPY(s->user, m.user);
		COPY(s->device, m.device);
		COPY(s->peer, m.peer);
		s->since_ns = m.since;
		s->is_admin = m.is_admin != 0;
		s->ops = m.ops;
		s->failures = m.failures;
		s->bytes_in = m.bytes_in;
		s->bytes_out = m.bytes_out;
		s->last_op = m.last_op;
		s->idle_ms = m.idle_ms;
	}
}

static void
take_transfers(struct cfs_top *t, struct list it)
{
	struct m_top_transfer m;

	while (list_next(&it, &m)) {
		struct cfs_top_transfer *x = &t->transfers[t->transfer_count++];

		x->pid = m.pid;
		COPY(x->user, m.user);
		COPY(x->path, m.path);
		x->up = m.way == 1;
		x->total = m.total;
		x->done = min_u64(m.done, m.total);
		x->age_ms = m.age_ms;
	}
}

static void
take_rest(struct cfs_top *t, struct list ops, struct list log)
{
	struct m_top_op op;
	struct m_log_line line;

	while (list_next(&ops, &op))
		t->ops[t->op_count++] =
		    (struct cfs_top_op){.op = op.op, .count = op.count, .sum_us = op.sum_us};
	while (list_next(&log, &line)) {
		struct cfs_top_line *l = &t->lines[t->line_count++];

		l->number = line.number;
		l->time_ns = line.time;
		l->level = line.level;
		COPY(l->text, line.text);
	}
}

static void
take_numbers(struct cfs_top *t, const struct m_top_rep *m)
{
	t->time_ns = m->time;
	t->clock_us = m->clock_us;
	t->started_ns = m->started;
	COPY(t->server, m->server);
	t->connections = m->connections;
	t->turned_away = m->turned_away;
	t->signins = m->signins;
	t->refused = m->refused;
	t->crashes = m->crashes;
	t->bytes_in = m->bytes_in;
	t->bytes_out = m->bytes_out;
	t->failures = m->failures;
	t->commits = m->commits;
	t->newest_event = m->newest_event;
	t->event_backlog = m->event_backlog;
	t->users = m->users;
	t->files = m->files;
	t->logical_bytes = m->logical_bytes;
	t->blobs = m->blobs;
	t->blob_bytes = m->blob_bytes;
	t->attic_files = m->attic_files;
	t->attic_bytes = m->attic_bytes;
	t->free_bytes = m->free_bytes;
	t->total_bytes = m->total_bytes;
}

int
top_from_wire(struct m_top_rep *rep, struct cfs_top **out)
{
	struct cfs_top *t = calloc(1, sizeof(*t));

	*out = t;
	if (t == NULL)
		return CFS_ENOMEM;
	/* One more of each, so that none is no allocation of nothing. */
	t->sessions = calloc((size_t)rep->sessions.count + 1, sizeof(*t->sessions));
	t->transfers = calloc((size_t)rep->transfers.count + 1, sizeof(*t->transfers));
	t->ops = calloc((size_t)rep->ops.count + 1, sizeof(*t->ops));
	t->lines = calloc((size_t)rep->log.count + 1, sizeof(*t->lines));
	if (t->sessions == NULL || t->transfers == NULL || t->ops == NULL || t->lines == NULL) {
		cfs_top_free(t);
		*out = NULL;
		return CFS_ENOMEM;
	}
	take_numbers(t, rep);
	take_sessions(t, rep->sessions);
	take_transfers(t, rep->transfers);
	take_rest(t, rep->ops, rep->log);
	return 0;
}

int
cfs_top(struct cfs *c, struct cfs_top **out, struct cfs_err *err)
{
	struct m_empty req = {0};
	struct m_top_rep rep;
	struct call *k;
	int rc = call_new(c, OP_TOP, &req, &k, err);

	*out = NULL;
	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0 && top_from_wire(&rep, out) != 0)
		rc = err_code(err, CFS_ENOMEM);
	call_free(k);
	return rc;
}

void
cfs_top_free(struct cfs_top *t)
{
	if (t == NULL)
		return;
	free(t->sessions);
	free(t->transfers);
	free(t->ops);
	free(t->lines);
	free(t);
}

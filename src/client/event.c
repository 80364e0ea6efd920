/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What happened. */

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "client/call.h"
#include "client/event.h"
#include "proto/codec.h"

/* The strings of one event as C strings, one after the other in one buffer. */
static int
copy_strings(struct buf *b, const struct m_event *m, struct str target, const char *out[5])
{
	const struct str strings[5] = {m->user, m->device, m->peer, m->path, target};
	size_t at[5];

	buf_clear(b);
	for (size_t i = 0; i < 5; i++) {
		at[i] = b->len;
		if (buf_append(b, strings[i].p, strings[i].len) < 0 || buf_append_byte(b, '\0') < 0)
			return CFS_ENOMEM;
	}
	for (size_t i = 0; i < 5; i++)
		out[i] = (const char *)b->data + at[i];
	return 0;
}

int
event_give(struct buf *b, const struct m_event *m, struct str target,
	   int (*each)(void *arg, const struct cfs_event *e), void *arg)
{
	const char *s[5];
	struct cfs_event e = {
	    .id = m->id,
	    .time_ns = m->time,
	    .kind = m->kind,
	    .op = m->op,
	    .owner_id = m->owner,
	    .user_id = m->user_id,
	    .ino = m->ino,
	    .version = m->version,
	    .bytes = m->bytes,
	    .duration_us = m->duration_us,
	    .result = m->result != 0 ? err_from_wire(m->result) : 0,
	    .complete = m->complete != 0,
	    .seen = m->seen != 0,
	};
	int rc = copy_strings(b, m, target, s);

	if (rc < 0)
		return rc;
	e.user = s[0];
	e.device = s[1];
	e.peer = s[2];
	e.path = s[3];
	e.target = s[4];
	return each(arg, &e);
}

int
cfs_events(struct cfs *c, uint64_t since, unsigned max, unsigned filter,
	   int (*each)(void *arg, const struct cfs_event *e), void *arg, uint64_t *last_out,
	   struct cfs_err *err)
{
	struct m_events_req req = {.since = since, .max = max, .filter = filter};
	struct m_events_rep rep;
	struct m_event m;
	struct buf strings = BUF_INIT;
	struct call *k;
	int rc = call_new(c, OP_EVENTS, &req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0 && last_out != NULL)
		*last_out = rep.last;
	while (rc == 0 && list_next(&rep.events, &m))
		rc = event_give(&strings, &m, (struct str){0}, each, arg);
	buf_fini(&strings);
	call_free(k);
	return rc;
}

int
cfs_events_seen(struct cfs *c, uint64_t upto, struct cfs_err *err)
{
	struct m_events_seen_req req = {.upto = upto};

	return call_simple(c, OP_EVENTS_SEEN, &req, NULL, err);
}

void
cfs_events_seen_later(struct cfs *c, uint64_t upto)
{
	struct m_events_seen_req req = {.upto = upto};
	struct call *k;

	if (call_new(c, OP_EVENTS_SEEN, &req, &k, NULL) < 0)
		return;
	if (call_start(k, NULL) < 0) {
		call_free(k);
		return;
	}
	/* It goes on by itself. */
	call_free(k);
}

int
cfs_who_has(struct cfs *c, struct cfs_ref ref, int (*each)(void *arg, const struct cfs_holder *h),
	    void *arg, uint64_t *version_out, struct cfs_err *err)
{
	struct m_who_has_req req = {.ino = ref.ino, .gen = ref.gen};
	struct m_who_has_rep rep;
	struct m_holder m;
	struct call *k;
	int rc = call_new(c, OP_WHO_HAS, &req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0)
		*version_out = rep.version;
	while (rc == 0 && list_next(&rep.holders, &m)) {
		char user[65], device[129];
		struct cfs_holder h = {
		    .user_id = m.user_id,
		    .user = user,
		    .device = device,
		    .version = m.version,
		    .downloads = m.downloads,
		    .last_ns = m.last,
		    .complete = m.complete != 0,
		};

		snprintf(user, sizeof(user), "%.*s", STR_ARGS(m.user));
		snprintf(device, sizeof(device), "%.*s", STR_ARGS(m.device));
		rc = each(arg, &h);
	}
	call_free(k);
	return rc;
}

const char *
cfs_op_name(unsigned op)
{
	return op_name(op);
}

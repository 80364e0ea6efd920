/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What happened. */

#include <stdlib.h>

#include "base/buf.h"
#include "client/call.h"
#include "proto/codec.h"

/* The strings of one event as C strings, one after the other in one buffer. */
static int
copy_strings(struct buf *b, const struct m_event *m, const char *out[4])
{
	const struct str strings[4] = {m->user, m->device, m->peer, m->path};
	size_t at[4];

	buf_clear(b);
	for (size_t i = 0; i < 4; i++) {
		at[i] = b->len;
		if (buf_append(b, strings[i].p, strings[i].len) < 0 || buf_append_byte(b, '\0') < 0)
			return CFS_ENOMEM;
	}
	for (size_t i = 0; i < 4; i++)
		out[i] = (const char *)b->data + at[i];
	return 0;
}

static int
give_event(struct buf *b, const struct m_event *m,
	   int (*each)(void *arg, const struct cfs_event *e), void *arg)
{
	const char *s[4];
	struct cfs_event e = {
	    .id = m->id,
	    .time_ns = m->time,
	    .kind = m->kind,
	    .op = m->op,
	    .ino = m->ino,
	    .version = m->version,
	    .bytes = m->bytes,
	    .duration_us = m->duration_us,
	    .result = m->result != 0 ? err_from_wire(m->result) : 0,
	    .complete = m->complete != 0,
	    .seen = m->seen != 0,
	};
	int rc = copy_strings(b, m, s);

	if (rc < 0)
		return rc;
	e.user = s[0];
	e.device = s[1];
	e.peer = s[2];
	e.path = s[3];
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
		rc = give_event(&strings, &m, each, arg);
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

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Events and receipts. */

#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "store/events.h"

#define EVENTS_MAX       1000u
#define EVENTS_BYTES_MAX (512u * 1024)

struct event_list {
	struct list events;
	struct buf *out;
	uint64_t last;
};

/* Non-zero ends the list: the next request goes on from the last one taken. */
static int
add_event(void *arg, const struct event *e)
{
	struct event_list *l = arg;
	struct m_event event;
	int rc;

	if (l->events.len > EVENTS_BYTES_MAX)
		return 1;
	convert_event(e, &event);
	rc = codec_list_append(&l->events, &msg_event, &event, l->out, 0);
	if (rc == 0)
		l->last = e->id;
	return rc;
}

int
handle_EVENTS(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_events_req *req = &c->req->events_req;
	struct m_events_rep *rep = &c->rep->events_rep;
	struct event_list l = {.out = &s->scratch};
	unsigned max = req->max < EVENTS_MAX ? req->max : EVENTS_MAX;
	int rc;

	/* Filter 2 is a part of 1. */
	rc = events_list(s->store, &s->cred, req->since, max, req->filter, add_event, &l,
			 &rep->last, err);
	if (rc < 0)
		return rc;
	if (l.events.len > EVENTS_BYTES_MAX)
		rep->last = l.last;
	rep->events = l.events;
	return 0;
}

int
handle_EVENTS_SEEN(struct session *s, struct call *c, struct cfs_err *err)
{
	uint64_t commit;
	int rc = store_begin(s->store, err);

	if (rc)
		return rc;
	rc = events_seen(s->store, s->me.id, c->req->events_seen_req.upto, err);
	if (rc) {
		store_rollback(s->store);
		return rc;
	}
	return store_commit(s->store, &commit, err);
}

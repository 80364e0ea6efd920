/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Events and receipts. */

#include <string.h>

#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/watch.h"
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
	/* Filter 2 is a part of 1. */
	const struct event_want want = {.filter = req->filter};
	unsigned max = req->max < EVENTS_MAX ? req->max : EVENTS_MAX;
	int rc;

	rc =
	    events_list(s->store, &s->cred, req->since, max, &want, add_event, &l, &rep->last, err);
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

int
handle_SUBSCRIBE(struct session *s, struct call *c, struct cfs_err *err)
{
	struct m_subscribe_rep *rep = &c->rep->subscribe_rep;

	rep->beat_ms = s->conf->heartbeat_ms;
	return watch_begin(s, &c->req->subscribe_req, &rep->since, &rep->newest, err);
}

int
handle_UNSUBSCRIBE(struct session *s, struct call *c, struct cfs_err *err)
{
	(void)c;
	(void)err;
	watch_end(s);
	return 0;
}

struct holder_list {
	struct list holders;
	struct buf *out;
};

static int
add_holder(void *arg, const struct event_holder *h)
{
	struct holder_list *l = arg;
	struct m_holder holder = {
	    .user_id = h->user,
	    .user = convert_str(h->user_name),
	    .device = convert_str(h->device),
	    .version = h->version,
	    .complete = h->complete,
	    .downloads = h->downloads,
	    .last = h->last_ns,
	};

	/* More than fit an answer are not asked for in earnest: the last readers come first. */
	if (l->holders.len > EVENTS_BYTES_MAX)
		return 0;
	return codec_list_append(&l->holders, &msg_holder, &holder, l->out, 0);
}

int
handle_WHO_HAS(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_who_has_req *req = &c->req->who_has_req;
	struct holder_list l = {.out = &s->scratch};
	struct inode_attr attr;
	char path[4096];
	int rc;

	rc = names_getattr(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			   &attr, err);
	if (rc)
		return rc;
	if (attr.owner != s->cred.user && !s->cred.admin)
		return err_set(err, CFS_EDENIED, "who has a file is told to its owner alone");
	rc = names_path(s->store, attr.ino, path, sizeof(path), err);
	if (rc == 0)
		rc = events_holders(s->store, attr.owner, attr.ino,
				    (struct bytes_view){.data = path, .len = strlen(path)},
				    add_holder, &l, err);
	c->rep->who_has_rep = (struct m_who_has_rep){.version = attr.version, .holders = l.holders};
	return rc;
}

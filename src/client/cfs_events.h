/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_EVENTS_H
#define CFS_CLIENT_CFS_EVENTS_H

/* A part of cfs.h: what happened, asked for or pushed. */

#include "client/cfs.h"

/* As message event of proto/ops.def; strings are valid for the callback. */
struct cfs_event {
	uint64_t id;
	int64_t time_ns;
	unsigned kind, op;
	uint64_t owner_id, user_id;
	const char *user, *device, *peer, *path;
	const char *target; /* the new path of a rename or link, else "" */
	uint64_t ino, version, bytes, duration_us;
	int result;
	bool complete, seen;
};
/* filter: 1 downloads of own files by others, 2 the unseen ones. */
int cfs_events(struct cfs *c, uint64_t since, unsigned max, unsigned filter,
	       int (*each)(void *arg, const struct cfs_event *e), void *arg, uint64_t *last_out,
	       struct cfs_err *err);
int cfs_events_seen(struct cfs *c, uint64_t upto, struct cfs_err *err);
/* The same without waiting; nobody is told if it fails. */
void cfs_events_seen_later(struct cfs *c, uint64_t upto);

enum cfs_event_kind {
	CFS_EVENT_DOWNLOAD = 1,
	CFS_EVENT_CHANGE = 2,
	CFS_EVENT_SIGNIN = 3,
	CFS_EVENT_REFUSED = 4,
	CFS_EVENT_ADMIN = 5,
};
enum cfs_event_filter {
	CFS_EVENTS_RECEIPTS = 1, /* downloads of own files by others */
	CFS_EVENTS_UNSEEN = 2,   /* of those the ones not marked seen, or not when it subscribed */
	CFS_EVENTS_VISIBLE = 4,  /* all one may know; without: what one did, and in the own tree */
	CFS_EVENTS_OTHERS = 8,   /* a subscription: not what this connection itself changed */
};
/* The operation that caused an event, "PUT". */
const char *cfs_op_name(unsigned op);

#define CFS_SINCE_NOW UINT64_MAX

/*
 * Pushed events. Callbacks run in a thread of the subscription's own, one after the other, and may call everything of
 * the connection but cfs_unsubscribe() and cfs_close(). The server sends no more than a little ahead of what event()
 * has returned from, so it may take its time.
 *
 * Numbers: an event that event() has returned 0 for was told of; going on behind its id tells of all after it, each once. After a
 * cut, and across a restart of the server, the subscription does that by itself.
 */
struct cfs_subscribe {
	uint64_t since;           /* events with greater numbers; CFS_SINCE_NOW */
	unsigned filter;          /* enum cfs_event_filter */
	unsigned kinds;           /* bit k: enum cfs_event_kind k; 0: all */
	const char *const *paths; /* full paths: only what happens to them and below; copied */
	size_t path_count;        /* 0: everywhere */
	/* Non-zero ends the subscription with that code. */
	int (*event)(void *arg, const struct cfs_event *e);
	/* All up to this number was told of; newest was the newest event when it subscribed. May be NULL; as event(). */
	int (*caught_up)(void *arg, uint64_t upto, uint64_t newest);
	/* Events between the two numbers were kept no more when it got there. May be NULL; as event(). */
	int (*overflow)(void *arg, uint64_t since, uint64_t gone);
	/*
	 * The store was restored from a backup, or lost in a power cut what was not durable yet: what happened since that number
	 * happened to another state of it, or is not told. It goes on behind newest. May be NULL; as event().
	 */
	int (*renumbered)(void *arg, uint64_t since, uint64_t newest);
	/* It ended, after the last of the others; code 0: by cfs_unsubscribe() or cfs_close(). May be NULL. */
	void (*ended)(void *arg, int code, const char *text);
	void *arg;
};
struct cfs_subscription;

/*
 * Subscribes; one at a time on a connection (CFS_EBUSY). *newest_out (may be NULL): the newest event now. Ended with
 * cfs_unsubscribe(), also when it has ended by itself, before cfs_close().
 */
int cfs_subscribe(struct cfs *c, const struct cfs_subscribe *how, struct cfs_subscription **out,
		  uint64_t *newest_out, struct cfs_err *err);
/* Waits until it ends by itself: its code, with err set; CFS_ECANCELED after cfs_interrupt(). */
int cfs_subscription_wait(struct cfs_subscription *sub, struct cfs_err *err);
/* Waits for a callback under way. NULL accepted. */
void cfs_unsubscribe(struct cfs_subscription *sub);

#endif

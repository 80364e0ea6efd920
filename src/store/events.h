/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_EVENTS_H
#define CFS_STORE_EVENTS_H

/*
 * Events: numbered rows that ride in the transaction of what they report (DESIGN 8). Strings are bytes, cut to fit.
 * Numbers grow in the order of commits (one transaction writes at a time), so whoever has read up to a number misses
 * nothing by going on from it.
 */

#include "base/buf.h"
#include "base/err.h"
#include "store/types.h"

struct store;

enum event_kind {
	EVENT_DOWNLOAD = 1,
	EVENT_CHANGE = 2,
	EVENT_SIGNIN = 3,
	EVENT_REFUSED = 4,
	EVENT_ADMIN = 5,
};

/* Refused sign-ins that are recorded in one minute, of all addresses together; all of them are in the server's log. */
#define EVENTS_REFUSED_MAX 240u

/* Meanings as in message notice of proto/ops.def. Views are valid for the call (events_add) or the callback. */
struct event {
	uint64_t id;
	int64_t time_ns;
	enum event_kind kind;
	uint16_t op;
	uint64_t owner, user;
	struct bytes_view user_name, device, peer, path;
	struct bytes_view target; /* the new path of a rename or link */
	uint64_t ino, version, bytes, duration_us;
	int result; /* 0 or a negative code */
	bool complete, seen;
};

/*
 * change. Adds it; id and time are set here. A download within a minute of one of the same user, device, inode and
 * version is one with it: nothing new is told, unless it completes what was only opened, which gets a number of its own.
 */
int events_add(struct store *s, const struct event *e, struct cfs_err *err);

/* change. The number of the last one that was added in this transaction, 0 none. */
uint64_t events_last_added(const struct store *s);

enum event_filter {
	EVENTS_MINE = 1,    /* downloads of cred's files by others */
	EVENTS_UNSEEN = 2,  /* of those the unseen ones */
	EVENTS_VISIBLE = 4, /* all that cred may know: also others' changes of what cred may read */
};

/*
 * What a reader wants. The filter is followed. Kinds and folders are hints: what they leave out may be left out, which saves
 * the reading of it; whoever gives them looks at each event all the same.
 */
struct event_want {
	unsigned
	    filter; /* of enum event_filter; 0: what cred did and what happened in cred's tree */
	uint32_t kinds; /* bits 1 << kind; 0: all */
	const uint64_t
	    *dirs;        /* events_dir() of the folders whose events are wanted, the caller's */
	size_t dir_count; /* 0: all */
};

/* A folder's path as it stands in events, "" for all, as a number for struct event_want. */
uint64_t events_dir(struct bytes_view dir);

/*
 * Events with number > since in order, at most max; *last_out the number to go on from. An admin gets all with filter 0 and
 * EVENTS_VISIBLE. From where others work is not told to strangers: device and peer are empty then. Non-zero from each()
 * ends it before that event. 1: the table was read, and what retention has taken away is missing; 0: there was no need to.
 */
int events_list(struct store *s, const struct cred *cred, uint64_t since, unsigned max,
		const struct event_want *want, int (*each)(void *arg, const struct event *e),
		void *arg, uint64_t *last_out, struct cfs_err *err);

/* change. */
int events_seen(struct store *s, uint64_t user, uint64_t upto, struct cfs_err *err);

/* Number of the newest committed event; and up to where events were removed (but for receipts nobody has seen). */
int events_newest(struct store *s, uint64_t *newest_out, struct cfs_err *err);
int events_gone(struct store *s, uint64_t *gone_out, struct cfs_err *err);

/* dir's path and name as one path, for an event. Inside a transaction; CFS_ENOENT if there is no such directory. */
int events_path(struct store *s, uint64_t dir, struct bytes_view name, struct buf *out,
		struct cfs_err *err);

/*
 * To be woken after each commit that has events: *fd_out becomes readable by edges only. It is shared with all processes and
 * must not be read; watch it with EPOLLIN | EPOLLET in an epoll of one's own. A commit of this handle's own need not ring:
 * who makes one looks afterwards. events_deaf() ends the interest.
 */
void events_listen(struct store *s, int *fd_out);
void events_deaf(struct store *s);

/* The newest number as commits tell it: a look at shared memory, 0 when none of these processes wrote any yet. */
uint64_t events_hint(const struct store *s);

/* Who holds a copy: a device that was sent all or some of a file. */
struct event_holder {
	uint64_t user;
	struct bytes_view user_name, device; /* valid for the callback */
	uint64_t version;   /* the newest that it was sent whole, else the newest it opened */
	uint64_t downloads; /* how often */
	int64_t last_ns;
	bool complete; /* it was sent all of that version */
};

/* Who has downloaded the file with this inode, or what had this path, as far as events are kept; newest first. */
int events_holders(struct store *s, uint64_t owner, uint64_t ino, struct bytes_view path,
		   int (*each)(void *arg, const struct event_holder *h), void *arg,
		   struct cfs_err *err);

/* What a device was sent of a version, as the caller packs it: bytes, kept for an hour from the first. */
struct partial_key {
	uint64_t user;
	struct bytes_view device; /* its key's fingerprint, empty for a password's sign-in */
	uint64_t ino, version;
};

/* 1 and the ranges appended to out; 0 if there are none, or they are too old. */
int partial_load(struct store *s, const struct partial_key *key, struct buf *out,
		 struct cfs_err *err);
/* change. An older row keeps its time. */
int partial_save(struct store *s, const struct partial_key *key, struct bytes_view ranges,
		 struct cfs_err *err);
/* change. */
int partial_drop(struct store *s, const struct partial_key *key, struct cfs_err *err);

#endif

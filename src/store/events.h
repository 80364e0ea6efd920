/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_EVENTS_H
#define CFS_STORE_EVENTS_H

/* Events: numbered rows that ride in the transaction of what they report (DESIGN 8). Strings are bytes, cut to fit. */

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

/* Meanings as in message event of proto/ops.def. Views are valid for the call (events_add) or the callback. */
struct event {
	uint64_t id;
	int64_t time_ns;
	enum event_kind kind;
	uint16_t op;
	uint64_t owner, user;
	struct bytes_view user_name, device, peer, path;
	uint64_t ino, version, bytes, duration_us;
	int result; /* 0 or a negative code */
	bool complete, seen;
};

/*
 * change. Adds it; id and time are set here. A download is merged into one of the same user, device, inode and version that
 * is less than a minute old.
 */
int events_add(struct store *s, const struct event *e, struct cfs_err *err);

enum event_filter {
	EVENTS_MINE = 1,   /* downloads of cred's files by others */
	EVENTS_UNSEEN = 2, /* of those the unseen ones */
};
/* Events with number > since in order, at most max; *last_out the number to go on from. An admin with filter 0 gets all. */
int events_list(struct store *s, const struct cred *cred, uint64_t since, unsigned max,
		unsigned filter, int (*each)(void *arg, const struct event *e), void *arg,
		uint64_t *last_out, struct cfs_err *err);

/* change. */
int events_seen(struct store *s, uint64_t user, uint64_t upto, struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Locks: what a session sends comes here, and the answers go out. */

#include <stdio.h>
#include <sys/socket.h>

#include "base/time.h"
#include "server/hub_state.h"
#include "server/locks.h"
#include "store/layout.h"

/* An answer that is not taken would leave a lock with somebody who does not know: rather the whole connection, made anew. */
static void
tell(void *arg, uint32_t index, uint64_t serial, const struct hub_msg *m)
{
	struct hub *h = arg;
	const struct child *child = children_at(&h->children, index, serial);

	if (child && child->fd >= 0 &&
	    send(child->fd, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(*m))
		(void)shutdown(child->fd, SHUT_RDWR);
}

int
hub_locks_start(struct hub *h, struct cfs_err *err)
{
	char flag[PATH_MAX], folder[PATH_MAX];
	const struct locks_conf conf = {
	    .flag = flag,
	    .flag_folder = folder,
	    .keep_ns = (uint64_t)(h->config->lock_keep_ms * NS_PER_MS),
	    .tell = tell,
	    .arg = h,
	};
	int n = snprintf(flag, sizeof(flag), "%s/" LAYOUT_LOCKED, h->config->path);
	int m = snprintf(folder, sizeof(folder), "%s/" LAYOUT_META, h->config->path);

	if (n < 0 || (size_t)n >= sizeof(flag) || m < 0)
		return err_code(err, CFS_ENAMETOOLONG);
	return locks_new(&conf, &h->locks, err);
}

bool
hub_lock_message(struct hub *h, const struct child *child, const struct hub_msg *m)
{
	const struct lock_session from = {
	    .index = child->index, .serial = child->serial, .user = child->user};

	if (m->kind < HUB_LOCK || m->kind > HUB_LOCK_LEAVE)
		return false;
	if (child->role == CHILD_SESSION && child->signed_in)
		locks_message(h->locks, &from, m);
	return true;
}

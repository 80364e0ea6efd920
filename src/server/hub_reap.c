/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Children that ended. */

#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "server/hub_state.h"
#include "server/locks.h"

static void
log_end(const struct child *child, int status)
{
	const char *who = child->peer[0] ? child->peer : child->user;

	if (WIFSIGNALED(status))
		log_error("%s: process %ld died of signal %d (%s)", who, (long)child->pid,
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_debug("%s: process %ld ended", who, (long)child->pid);
}

void
hub_child_gone(struct hub *h, struct child *child)
{
	stats_slot_free(h->stats, child->slot);
	locks_ended(h->locks, child->serial);
	children_remove(&h->children, child);
}

void
hub_child_ended(struct hub *h, struct child *child, int status)
{
	enum child_role role = child->role;
	int64_t since_ns = child->since_ns;

	log_end(child, status);
	if (WIFSIGNALED(status))
		stats_count(h->stats, -1, STATS_CRASHED, 1);
	(void)promise_slots_abandon_of(h->promises, (uint64_t)child->pid);
	/* What it said before is heard yet. Not to the end of its line, which a session that it has just made may still hold. */
	while (role == CHILD_MAKER && hub_read_child(h, child->index)) {
	}
	hub_child_gone(h, child);
	if (WIFSIGNALED(status) && !child_is_service(role))
		hub_recall_promises(h);
	if (role == CHILD_MAKER)
		hub_maker_ended(h);
	if (child_is_service(role))
		hub_service_ended(h, role, since_ns);
}

void
hub_reap(struct hub *h)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = children_find(&h->children, pid);

		/* One that the maker has not told of yet is not taken for a child when it does. */
		if (child)
			hub_child_ended(h, child, status);
	}
}

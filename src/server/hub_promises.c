/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What sessions have to tell each other of read promises, by way of the hub. */

#include "server/hub_state.h"
#include "server/promise_record.h"

/* From one session to another. What it says is theirs to judge; the hub vouches for whom it is from. */
void
hub_pass_on(struct hub *h, const struct child *from, struct hub_msg *m)
{
	const struct child *to =
	    m->pid <= INT32_MAX ? children_find(&h->children, (pid_t)m->pid) : NULL;

	if (!to || child_is_service(to->role) || !(to->signed_in || to->role == CHILD_ADMIN))
		return;
	m->pid = (uint64_t)from->pid;
	hub_tell(to, m);
}

/*
 * A session that was killed may have committed something and told nobody of those who were promised to be told: all
 * promises are taken back. Nobody waits for it, so what does not get through is as lost as the process.
 */
void
hub_recall_promises(struct hub *h)
{
	struct hub_msg m = {.kind = HUB_PROMISE_ASK};
	const struct promise_record everything = {0};

	m.promise.len = PROMISE_RECORD_HEAD;
	promise_record_put(m.promise.changed, &everything);
	for (struct child *c = children_from(&h->children, 0); c;
	     c = children_from(&h->children, c->index + 1)) {
		if (c->role == CHILD_SESSION && c->signed_in)
			hub_tell(c, &m);
	}
}

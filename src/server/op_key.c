/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The server's key and its successor, over the admin socket. */

#include <string.h>

#include "server/dispatch.h"
#include "server/hublink.h"
#include "server/signer.h"
#include "store/events.h"

/* Who may change keys wants to know when it was done. */
static int
write_event(struct session *s, const struct call *c, struct cfs_err *err)
{
	const struct event e = {
	    .kind = EVENT_ADMIN,
	    .op = c->op->number,
	    .user_name = {.data = "admin", .len = 5},
	    .peer = {.data = s->args->peer.address, .len = strlen(s->args->peer.address)},
	};
	uint64_t commit;
	int rc = store_begin(s->store, err);

	if (rc)
		return rc;
	rc = events_add(s->store, &e, err);
	if (rc) {
		store_rollback(s->store);
		return rc;
	}
	return store_commit(s->store, &commit, err);
}

int
handle_ADMIN_KEY(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_admin_key_req *req = &c->req->admin_key_req;
	struct hub_msg m;
	int rc;

	if (req->what > KEY_DROP)
		return err_set(err, CFS_EINVAL, "unknown act %u", req->what);
	rc = hublink_key(s, req->what, &m, err);
	if (rc == 0 && req->what != KEY_TELL)
		rc = write_event(s, c, err);
	if (rc)
		return rc;
	c->rep->admin_key_rep = (struct m_admin_key_rep){.current = m.key, .next = m.next};
	return 0;
}

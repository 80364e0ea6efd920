/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The log after HUP, for processes that may not open files. */

#include "base/fdpass.h"
#include "base/log.h"
#include "server/door.h"
#include "server/hub_state.h"

/* A message that does not get through leaves its process with the old file. */
static void
hand(const struct child *child, const void *m, size_t size, int fd)
{
	if (child && child->fd >= 0 &&
	    fdpass_send(child->fd, m, size, &fd, fd >= 0 ? 1 : 0, MSG_DONTWAIT))
		log_warn("process %ld goes on with the old log", (long)child->pid);
}

void
hub_log_hand(const struct hub *h, const struct child *session)
{
	struct hub_msg m = {.kind = HUB_LOG};
	int fd = log_state(&m.log);

	if (session->serial <= h->log_serial)
		hand(session, &m, sizeof(m), fd);
}

void
hub_log_renew(struct hub *h)
{
	struct signer_msg for_signer = {.kind = SIGNER_LOG};
	struct door_attach for_door = {.kind = DOOR_LOG};
	int fd = log_state(&for_signer.log);

	for_door.log = for_signer.log;
	h->log_serial = h->children.serials;
	hand(h->children.services[CHILD_SIGNER], &for_signer, sizeof(for_signer), fd);
	hand(h->children.services[CHILD_DOOR], &for_door, sizeof(for_door), fd);
	for (const struct child *c = children_from(&h->children, 0); c;
	     c = children_from(&h->children, c->index + 1)) {
		if (c->role == CHILD_ADMIN || (c->role == CHILD_SESSION && c->signed_in))
			hub_log_hand(h, c);
	}
}

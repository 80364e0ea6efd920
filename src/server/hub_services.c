/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The hub's services: a process each, started again when it ends before the hub does. */

#include <sys/socket.h>

#include "base/io.h"
#include "base/log.h"
#include "server/hub_state.h"

static bool
is_wanted(const struct hub *h, enum child_role role)
{
	if (role == CHILD_METRICS)
		return h->metrics.count > 0 || h->config->metrics_file;
	return child_is_service(role);
}

static struct child *
find_service(const struct hub *h, enum child_role role)
{
	struct child *c = children_from(&h->children, 0);

	while (c && c->role != role)
		c = children_from(&h->children, c->index + 1);
	return c;
}

int
hub_services_start(struct hub *h, struct cfs_err *err)
{
	for (int role = CHILD_KEEPER; role < CHILD_ROLES; role++) {
		int rc = 0;

		if (is_wanted(h, role) && !find_service(h, role))
			rc = hub_fork_service(h, role, err);
		if (rc)
			return rc;
	}
	return 0;
}

void
hub_service_ended(struct hub *h, enum child_role role)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (!h->draining && is_wanted(h, role) && hub_fork_service(h, role, &err))
		log_error("%s", err.text);
}

/* They read their settings when they start, and are started anew when they end. */
void
hub_services_renew(struct hub *h)
{
	struct cfs_err err = CFS_ERR_INIT;

	for (int role = CHILD_KEEPER; role < CHILD_ROLES; role++) {
		struct child *c = find_service(h, role);

		if (c && c->fd >= 0)
			(void)shutdown(c->fd, SHUT_RDWR);
	}
	if (hub_services_start(h, &err))
		log_error("%s", err.text);
}

/* When all sessions have ended: each finishes what it does, the keeper flushes a last time. */
void
hub_services_end(struct hub *h)
{
	struct child *c = children_from(&h->children, 0);

	for (; c; c = children_from(&h->children, c->index + 1)) {
		if (!child_is_service(c->role))
			return;
	}
	for (int role = CHILD_KEEPER; role < CHILD_ROLES; role++) {
		c = find_service(h, role);
		if (c)
			fd_close(&c->fd);
	}
}

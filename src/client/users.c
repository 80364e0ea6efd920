/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Users and devices: who is behind the numbers. */

#include "client/users.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/conn.h"
#include "proto/codec.h"

struct user_name {
	uint64_t id;
	char name[65];
};

struct user_names {
	struct user_name *list;
	size_t count;
};

void
users_free(struct user_names *u)
{
	if (u == NULL)
		return;
	free(u->list);
	free(u);
}

static bool
find_name(const struct cfs *c, uint64_t id, char buf[65])
{
	if (c->names == NULL)
		return false;
	for (size_t i = 0; i < c->names->count; i++) {
		if (c->names->list[i].id == id) {
			memcpy(buf, c->names->list[i].name, 65);
			return true;
		}
	}
	return false;
}

/* Locked. Replaces the cache by what the server knows now. */
static int
keep_names(struct cfs *c, struct list users)
{
	struct user_names *u = calloc(1, sizeof(*u));
	struct m_user m;

	if (u == NULL || (u->list = calloc((size_t)users.count + 1, sizeof(*u->list))) == NULL) {
		free(u);
		return CFS_ENOMEM;
	}
	while (list_next(&users, &m)) {
		struct user_name *n = &u->list[u->count++];

		n->id = m.id;
		snprintf(n->name, sizeof(n->name), "%.*s", STR_ARGS(m.name));
	}
	users_free(c->names);
	c->names = u;
	return 0;
}

static int
fetch_names(struct cfs *c, struct cfs_err *err)
{
	struct m_users_req req = {0};
	struct m_users_rep rep;
	struct call *k;
	int rc = call_new(c, OP_USERS, &req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0) {
		pthread_mutex_lock(&c->lock);
		rc = keep_names(c, rep.users);
		pthread_mutex_unlock(&c->lock);
	}
	call_free(k);
	return rc;
}

int
cfs_user_name(struct cfs *c, uint64_t id, char buf[65], struct cfs_err *err)
{
	int rc = 0;

	if (id == c->who.user_id) {
		memcpy(buf, c->who.user, 65);
		return 0;
	}
	pthread_mutex_lock(&c->lock);
	bool found = find_name(c, id, buf);
	pthread_mutex_unlock(&c->lock);
	if (found)
		return 0;
	snprintf(buf, 65, "#%" PRIu64, id);
	if (id == 0)
		return 0;
	rc = fetch_names(c, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&c->lock);
	find_name(c, id, buf);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

int
cfs_devices(struct cfs *c, int (*each)(void *arg, const struct cfs_device *d), void *arg,
	    struct cfs_err *err)
{
	struct m_empty req = {0};
	struct m_devices_rep rep;
	struct m_device m;
	struct call *k;
	char name[256];
	int rc = call_new(c, OP_DEVICES, &req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	while (rc == 0 && list_next(&rep.devices, &m)) {
		struct cfs_device d = {
		    .fingerprint = m.fingerprint,
		    .name = name,
		    .created_ns = m.created,
		    .last_seen_ns = m.last_seen,
		    .current = m.current != 0,
		};

		snprintf(name, sizeof(name), "%.*s", STR_ARGS(m.name));
		rc = each(arg, &d);
	}
	call_free(k);
	return rc;
}

int
cfs_device_revoke(struct cfs *c, const struct sha256 *fingerprint, struct cfs_err *err)
{
	struct m_device_revoke_req req = {.fingerprint = *fingerprint};

	return call_simple(c, OP_DEVICE_REVOKE, &req, NULL, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The hub's services: a process each, started again when it ends before the hub does. */

#include <stdio.h>
#include <sys/socket.h>

#include "base/fdpass.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "server/hub_state.h"
#include "server/sibling.h"

/* Connections that are shown, above the limit: those at the admin socket. */
#define SLOTS_MORE 32u

/* After this a service that ended within a second of its start is tried again. */
#define RETRY_MS 1000

static bool
is_wanted(const struct hub *h, enum child_role role)
{
	if (role == CHILD_METRICS)
		return h->metrics.count > 0 || h->config->metrics_file;
	if (role == CHILD_AUDIT)
		return h->config->audit_file != NULL;
	if (role == CHILD_MAKER)
		return h->tls && sibling_init(&(struct sibling){0});
	return child_is_service(role);
}

static struct child *
find_service(const struct hub *h, enum child_role role)
{
	return h->children.services[role];
}

static int
use_key(struct hub *h, const struct signer_msg *m, struct cfs_err *err)
{
	struct tls_key *key = NULL;
	struct tls_ctx *tls = NULL;
	int rc = key_remote(m->cert, m->cert_len, signer_ask, &h->signer_fd, &key, err);

	if (rc == 0)
		rc = tls_server_ctx_new(key, &tls, err);
	if (rc) {
		key_free(key);
		return rc;
	}
	tls_ctx_free(h->tls);
	identity_fini(&h->identity);
	h->tls = tls;
	h->identity.key = key;
	h->identity.next = m->next;
	key_fingerprint(key, &h->identity.fingerprint);
	/* The next one has it. */
	hub_maker_retire(h);
	return 0;
}

int
hub_take_key(struct hub *h, struct cfs_err *err)
{
	const struct child *signer = find_service(h, CHILD_SIGNER);
	struct signer_msg m;
	int rc = signer ? signer_wait(signer->fd, &m, err)
			: err_set(err, CFS_EFAIL, "there is no signer");

	if (rc == 0)
		rc = tls_warm_up(err);
	return rc ? rc : use_key(h, &m, err);
}

/* Who is signed in already is told too: it may stay until the key has changed. */
static void
announce_key(const struct hub *h)
{
	const struct hub_msg m = {.kind = HUB_NEXT_KEY, .key = h->identity.next};

	for (const struct child *c = children_from(&h->children, 0); c;
	     c = children_from(&h->children, c->index + 1)) {
		if (c->role == CHILD_SESSION && c->signed_in)
			hub_tell(c, &m);
	}
}

/*
 * An administrator's order: to the signer, and its answer back. The signer answers within a flush or two; the hub waits for it, because
 * a change of the key is as rare as a start.
 */
void
hub_change_key(struct hub *h, const struct child *asker, uint32_t what)
{
	const struct signer_msg order = {.kind = SIGNER_CHANGE, .status = (int32_t)what};
	const struct child *signer = find_service(h, CHILD_SIGNER);
	struct hub_msg answer = {.kind = HUB_KEYS};
	struct cfs_err err = CFS_ERR_INIT;
	struct signer_msg m;
	int rc = CFS_EFAIL;

	if (signer && fdpass_send(signer->fd, &order, sizeof(order), NULL, 0, MSG_DONTWAIT) == 0)
		rc = signer_wait(signer->fd, &m, &err);
	else
		(void)err_set(&err, rc, "there is no signer");
	if (rc == 0)
		rc = use_key(h, &m, &err);
	if (rc == 0 && what == KEY_NEXT)
		announce_key(h);
	answer.key = h->identity.fingerprint;
	answer.next = h->identity.next;
	answer.index = (uint32_t)-rc;
	(void)snprintf(answer.text, sizeof(answer.text), "%.*s", (int)sizeof(answer.text) - 1,
		       err.text);
	hub_tell(asker, &answer);
}

int
hub_services_start(struct hub *h, struct cfs_err *err)
{
	for (enum child_role role = CHILD_KEEPER; role < CHILD_ROLES; role++) {
		int rc = 0;

		if (is_wanted(h, role) && !find_service(h, role))
			rc = hub_fork_service(h, role, err);
		if (rc)
			return rc;
	}
	return 0;
}

static void
start_again(struct hub *h)
{
	struct cfs_err err = CFS_ERR_INIT;
	bool signer = find_service(h, CHILD_SIGNER) != NULL;
	int rc = hub_services_start(h, &err);

	if (rc == 0 && !signer)
		rc = hub_take_key(h, &err);
	if (rc)
		log_error("%s", err.text);
}

/* What cannot live is not to keep the hub from everything else. */
void
hub_service_ended(struct hub *h, enum child_role role, int64_t since_ns)
{
	if (h->draining || !is_wanted(h, role))
		return;
	if (now_real_ns() - since_ns < NS_PER_S)
		h->services_wait = deadline_from_ms(RETRY_MS);
	else
		start_again(h);
}

void
hub_services_retry(struct hub *h)
{
	if (!h->services_wait || h->draining || !deadline_passed(h->services_wait))
		return;
	h->services_wait = 0;
	start_again(h);
}

/* They read their settings when they start, and are started anew when they end. */
void
hub_services_renew(struct hub *h)
{
	struct cfs_err err = CFS_ERR_INIT;

	for (enum child_role role = CHILD_KEEPER; role < CHILD_ROLES; role++) {
		struct child *c = find_service(h, role);

		/* These two read none, and somebody is always signing in. */
		if (role == CHILD_SIGNER || role == CHILD_DOOR)
			continue;
		if (role == CHILD_MAKER) {
			hub_maker_retire(h);
			continue;
		}
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
	for (enum child_role role = CHILD_KEEPER; role < CHILD_ROLES; role++) {
		c = find_service(h, role);
		if (c)
			children_hang_up(&h->children, c);
	}
}

int
hub_new_sandbox(const struct hub *h, const struct config *c, struct sandbox **out,
		struct cfs_err *err)
{
	const struct sandbox_files files = {.metrics = c->metrics_file, .audit = c->audit_file};

	return sandbox_new(c->path, &files, h->pid, out, err);
}

int
hub_new_counters(struct hub *h, struct cfs_err *err)
{
	int rc = logring_new(&h->log, &h->log_fd, err);

	if (rc)
		return rc;
	log_tee(logring_put, h->log);
	return stats_new((unsigned)h->config->connections + SLOTS_MORE, &h->stats, err);
}

void
hub_free_counters(struct hub *h)
{
	log_tee(NULL, NULL);
	logring_free(h->log);
	fd_close(&h->log_fd);
	stats_free(h->stats);
}

void
hub_leave_counters(struct hub *h)
{
	log_tee(NULL, NULL);
	logring_free(h->log);
	h->log = NULL;
	fd_close(&h->log_fd);
	stats_leave(h->stats);
}

void
hub_count_child(const struct hub *h, const struct child *child)
{
	/* Administrators' do that by themselves. */
	if (child->role == CHILD_SESSION)
		stats_begin(h->stats, child->slot, (uint32_t)child->pid, child->since_ns,
			    child->peer, false);
}

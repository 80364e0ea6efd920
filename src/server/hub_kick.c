/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Who comes in, and who is put out: where the two meet. */

#include <string.h>

#include "base/bytes.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/time.h"
#include "server/hub_state.h"
#include "store/store.h"

static const struct sha256 any_device;

static bool
is_meant(const struct kick *k, const char *user, const struct sha256 *key)
{
	return strcmp(k->user, user) == 0 &&
	       (sha256_equal(&k->key, &any_device) || sha256_equal(&k->key, key));
}

static void
remember(struct kicks *all, const char *user, const struct sha256 *key)
{
	struct kick *k = &all->last[all->next % KICKS_MAX];

	all->lost_ns = max_u64(all->lost_ns, k->ns);
	all->next++;
	memset(k, 0, sizeof(*k));
	memcpy(k->user, user, strnlen(user, sizeof(k->user) - 1));
	k->key = key ? *key : any_device;
	k->ns = now_mono_ns();
}

void
hub_kick(struct hub *h, const struct child *asker, const char *user, const struct sha256 *key)
{
	struct hub_msg m = {.kind = HUB_KICK};
	const struct kick *k = &h->kicks.last[h->kicks.next % KICKS_MAX];

	remember(&h->kicks, user, key);
	for (struct child *c = children_from(&h->children, 0); c;
	     c = children_from(&h->children, c->index + 1)) {
		if (c->role == CHILD_SESSION && c->signed_in && c != asker &&
		    is_meant(k, c->user, &c->device_key))
			hub_tell(c, &m);
	}
}

/*
 * The door looked at the store after asked_ns. An order that came before that had its cause in the store by then; one that came
 * later is obeyed, whether the door has seen its cause or not.
 */
static bool
is_kicked(const struct kicks *all, const struct hub_msg *m)
{
	if (all->lost_ns >= m->asked_ns)
		return true;
	for (unsigned i = 0; i < KICKS_MAX; i++) {
		const struct kick *k = &all->last[i];

		if (k->ns >= m->asked_ns && is_meant(k, m->user, &m->key))
			return true;
	}
	return false;
}

static void
hand_store(const struct hub *h, const struct child *child)
{
	struct hub_msg m = {.kind = HUB_STORE};
	int fds[STORE_FDS];

	fds[STORE_FD_DIRECTORY] = sandbox_store_fd(h->sandbox);
	store_shared_fds(h->shared, &fds[STORE_FD_MEMORY]);
	promise_table_fds(h->promises, &fds[STORE_FD_SLOTS]);
	fds[STORE_FD_LOCK] = h->lock_fd;
	fds[STORE_FD_COUNTERS] = stats_fd(h->stats);
	fds[STORE_FD_LOG] = h->log_fd;
	if (fdpass_send(child->fd, &m, sizeof(m), fds, STORE_FDS, MSG_DONTWAIT))
		log_warn("%s: takes no message", child->peer);
}

void
hub_signed_in(struct hub *h, const struct hub_msg *m)
{
	struct child *child = hub_maker_await(h, m->index, m->serial);
	struct hub_msg kick = {.kind = HUB_KICK};

	if (!child || child->role != CHILD_SESSION || child->signed_in || child->fd < 0)
		return;
	memcpy(child->user, m->user, sizeof(child->user));
	memcpy(child->device, m->device, sizeof(child->device));
	child->device_key = m->key;
	children_signed_in(&h->children, child);
	if (is_kicked(&h->kicks, m)) {
		hub_tell(child, &kick);
		return;
	}
	hand_store(h, child);
	hub_log_hand(h, child);
}

void
hub_kick_process(struct hub *h, uint64_t pid)
{
	struct hub_msg m = {.kind = HUB_KICK};
	const struct child *c = children_find(&h->children, (pid_t)pid);

	if (c && c->role == CHILD_SESSION)
		hub_tell(c, &m);
}

void
hub_answer_ask(struct hub *h, const struct child *asker, uint32_t index)
{
	struct hub_msg m = {.kind = HUB_END};
	const struct child *c = children_from(&h->children, index);

	/* Who is connected is an admin's business. */
	if (asker->role != CHILD_ADMIN)
		return;
	while (c && c->role != CHILD_SESSION)
		c = children_from(&h->children, c->index + 1);
	if (c) {
		m.kind = HUB_SESSION;
		m.index = c->index;
		m.pid = (uint64_t)c->pid;
		m.since_ns = c->since_ns;
		memcpy(m.user, c->user, sizeof(m.user));
		memcpy(m.device, c->device, sizeof(m.device));
		memcpy(m.peer, c->peer, sizeof(m.peer));
	}
	hub_tell(asker, &m);
}

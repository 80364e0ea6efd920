/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/keeper.h"

#include <poll.h>
#include <stdint.h>

#include "base/log.h"
#include "base/time.h"

/* "On stable storage within a second" (DESIGN 5) is kept with room to spare. */
#define SYNC_MS 500

/* Cleaning: this often, and sooner when there were many commits, so that the log is checkpointed while it is short. */
#define KEEP_NS      (5 * (uint64_t)NS_PER_S)
#define KEEP_COMMITS 2000u
#define STEP_MS      50u
#define STEPS_MAX    10

struct keeper {
	struct store *store;
	uint64_t synced, kept;
	uint64_t next_keep_ns;
};

static void
make_durable(struct keeper *k)
{
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t last = store_last_commit(k->store);

	if (last == k->synced)
		return;
	if (store_sync(k->store, last, &err))
		log_error("keeper: flush: %s", err.text);
	k->synced = last;
}

static void
clean_up(struct keeper *k)
{
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t last = store_last_commit(k->store);
	bool more = true;

	if (now_mono_ns() < k->next_keep_ns && last - k->kept < KEEP_COMMITS)
		return;
	for (int i = 0; more && i < STEPS_MAX; i++) {
		if (store_keep(k->store, STEP_MS, &more, &err)) {
			log_warn("keeper: %s", err.text);
			break;
		}
	}
	k->kept = store_last_commit(k->store);
	/* More work is waiting: the next round does not wait for its time. */
	k->next_keep_ns = now_mono_ns() + (more ? 0 : KEEP_NS);
}

int
keeper_run(const struct store_conf *conf, struct store_shared *shared, int hub_fd)
{
	struct pollfd p = {.fd = hub_fd, .events = POLLIN};
	struct cfs_err err = CFS_ERR_INIT;
	struct keeper k = {0};

	if (store_open(conf, shared, &k.store, &err)) {
		log_error("keeper: %s", err.text);
		return 1;
	}
	/* The hub sends nothing: readable means that it is gone, or wants the keeper to end. */
	while (poll(&p, 1, SYNC_MS) <= 0) {
		make_durable(&k);
		clean_up(&k);
	}
	make_durable(&k);
	store_close(k.store);
	return 0;
}

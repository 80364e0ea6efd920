/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/tally.h"

#include <unistd.h>

#include "base/time.h"

/* Smaller files are through before anybody could look. */
#define SHOWN_BYTES ((uint64_t)4 * 1024 * 1024)

/* The upper half of a blob's tag is the number of its upload (ops.def, UPLOADING). */
#define UPLOAD_OF(tag) ((tag) >> 32)

static int
begin(struct session *s)
{
	const struct session_args *args = s->args;
	struct cfs_err err = CFS_ERR_INIT;

	s->stats = args->stats;
	s->slot = args->slot;
	if (!s->stats) {
		int rc = stats_new(1, &s->own_stats, &err);

		if (rc)
			return rc;
		s->stats = s->own_stats;
		s->slot = stats_slot_take(s->stats);
	}
	/* Others were begun by the hub. */
	if (s->own_stats || args->peer.admin)
		stats_begin(s->stats, s->slot, (uint32_t)getpid(), now_real_ns(),
			    args->peer.address, args->peer.admin);
	return 0;
}

int
tally_init(struct session *s)
{
	return s->store ? begin(s) : 0;
}

int
tally_join(struct session *s)
{
	return begin(s);
}

void
tally_fini(struct session *s)
{
	stats_free(s->own_stats);
}

void
tally_signed_in(struct session *s)
{
	stats_signed_in(s->stats, s->slot, s->me.id, s->me.name, s->device);
}

void
tally_refused(struct session *s)
{
	/* Else the door does. */
	if (s->stats)
		stats_count(s->stats, s->slot, STATS_REFUSED, 1);
}

void
tally_op(struct session *s, const struct op_desc *op, uint64_t came_ns, int status)
{
	if (s->stats)
		stats_op(s->stats, s->slot, op->number, came_ns, now_mono_ns(), status);
}

void
tally_flush(struct session *s, uint64_t since_ns)
{
	stats_op(s->stats, s->slot, 0, since_ns, now_mono_ns(), 0);
}

void
tally_sent(struct session *s, const struct inode_attr *a, uint64_t bytes)
{
	char path[4096];

	if (a->size < SHOWN_BYTES ||
	    stats_transfer_moved(s->stats, s->slot, STATS_DOWN, a->ino, bytes))
		return;
	if (names_path(s->store, a->ino, path, sizeof(path), NULL))
		return; /* its last name is gone */
	stats_transfer_begin(s->stats, s->slot, STATS_DOWN, a->ino, a->owner, path, a->size);
	(void)stats_transfer_moved(s->stats, s->slot, STATS_DOWN, a->ino, bytes);
}

void
tally_blob(struct session *s, uint64_t tag, uint64_t bytes)
{
	if (UPLOAD_OF(tag) != 0)
		(void)stats_transfer_moved(s->stats, s->slot, STATS_UP, UPLOAD_OF(tag), bytes);
}

void
tally_turn(struct session *s)
{
	if (!s->stats)
		return;
	stats_bytes(s->stats, s->slot, s->stream->bytes_in, s->stream->bytes_out);
	stats_told(s->stats, s->slot, s->watch.on ? s->watch.cursor : 0);
}

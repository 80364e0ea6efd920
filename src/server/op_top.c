/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What a live view shows: the counters, for an admin all of them, for a user what is his. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/path.h"
#include "base/time.h"
#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "store/events.h"

/* An answer is one frame: more connections than this are only counted. */
#define SESSIONS_MAX 4096u

/* A snapshot being made. Several lists grow at once, so each has a buffer of its own: scratch has the sessions. */
struct snapshot {
	struct session *s;
	struct m_top_rep *rep;
	uint64_t now_ns;
	uint64_t slowest; /* told number, of those that have a subscription; 0 none */
};

static struct str
text(const char *p)
{
	return str_from(p);
}

static int
add_session(struct snapshot *sn, const struct stats_session *one)
{
	struct m_top_session m = {
	    .pid = one->pid,
	    .user = text(one->user),
	    .device = text(one->device),
	    .peer = text(one->peer),
	    .since = one->since_ns,
	    .is_admin = one->admin,
	    .ops = one->ops,
	    .failures = one->failures,
	    .bytes_in = one->bytes_in,
	    .bytes_out = one->bytes_out,
	    .last_op = (uint16_t)one->last_op,
	};

	if (one->last_ns > 0 && sn->now_ns > one->last_ns)
		m.idle_ms = (sn->now_ns - one->last_ns) / (uint64_t)NS_PER_MS;
	return codec_list_append(&sn->rep->sessions, &msg_top_session, &m, &sn->s->scratch, 0);
}

static int
add_transfer(struct snapshot *sn, const struct stats_session *one, const struct stats_transfer *t)
{
	struct m_top_transfer m = {
	    .pid = one->pid,
	    .user = text(one->user),
	    .way = (uint8_t)t->way,
	    .path = text(t->path),
	    .total = t->total,
	    .done = min_u64(t->done, t->total),
	};

	if (sn->now_ns > t->began_ns)
		m.age_ms = (sn->now_ns - t->began_ns) / (uint64_t)NS_PER_MS;
	return codec_list_append(&sn->rep->transfers, &msg_top_transfer, &m, &sn->s->top.transfers,
				 0);
}

/* A user sees his own connections, what they transfer, and who transfers of his tree. */
static int
look_at(struct snapshot *sn, const struct stats_session *one)
{
	struct session *s = sn->s;
	bool all = s->cred.admin;
	bool own = !one->admin && one->user[0] && one->user_id == s->me.id;
	int rc = 0;

	if (one->told > 0 && (sn->slowest == 0 || one->told < sn->slowest))
		sn->slowest = one->told;
	if ((all || own) && sn->rep->sessions.count < SESSIONS_MAX)
		rc = add_session(sn, one);
	if (own) {
		sn->rep->bytes_in += one->bytes_in;
		sn->rep->bytes_out += one->bytes_out;
		sn->rep->failures += one->failures;
	}
	for (unsigned i = 0; i < STATS_TRANSFERS && rc == 0; i++) {
		const struct stats_transfer *t = &one->transfers[i];

		if (t->way != STATS_NONE && (all || own || t->owner == s->me.id))
			rc = add_transfer(sn, one, t);
	}
	return rc;
}

static int
look_at_all(struct snapshot *sn, struct cfs_err *err)
{
	struct stats_session *one = malloc(sizeof(*one));
	int rc = one ? 0 : CFS_ENOMEM;

	for (unsigned i = 0; i < stats_slots(sn->s->stats) && rc == 0; i++) {
		if (stats_session(sn->s->stats, i, one))
			rc = look_at(sn, one);
	}
	free(one);
	return rc ? err_code(err, rc) : 0;
}

static int
begin(struct session *s, struct snapshot *sn, struct cfs_err *err)
{
	int rc;

	*sn->rep = (struct m_top_rep){
	    .time = now_real_ns(),
	    .clock_us = sn->now_ns / 1000,
	    .started = s->conf->started_ns,
	    .server = str_from(s->server_name),
	};
	rc = events_newest(s->store, &sn->rep->newest_event, err);
	buf_clear(&s->top.transfers);
	return rc ? rc : look_at_all(sn, err);
}

int
handle_TOP(struct session *s, struct call *c, struct cfs_err *err)
{
	struct m_top_rep *rep = &c->rep->top_rep;
	struct snapshot sn = {.s = s, .rep = rep, .now_ns = now_mono_ns()};
	struct store_space space;
	int rc = begin(s, &sn, err);

	if (rc == 0)
		rc = store_statfs(s->store, &s->cred, &space, err);
	if (rc)
		return rc;
	rep->logical_bytes = space.used_bytes;
	rep->files = space.files;
	rep->free_bytes = space.free_bytes;
	rep->total_bytes = space.total_bytes;
	return 0;
}

/* ---- for an admin ---- */

static int
fill_totals(struct session *s, struct m_top_rep *rep, struct buf *ops)
{
	struct stats_totals *t = malloc(sizeof(*t));
	int rc = t ? 0 : CFS_ENOMEM;

	if (rc)
		return rc;
	stats_totals(s->stats, t);
	rep->connections = t->counters[STATS_CONNECTIONS];
	rep->turned_away = t->counters[STATS_TURNED_AWAY];
	rep->signins = t->counters[STATS_SIGNINS];
	rep->refused = t->counters[STATS_REFUSED];
	rep->crashes = t->counters[STATS_CRASHED];
	rep->bytes_in = t->counters[STATS_BYTES_IN];
	rep->bytes_out = t->counters[STATS_BYTES_OUT];
	rep->failures = 0;
	for (unsigned i = 0; i < STATS_CODES; i++)
		rep->failures += t->failures[i];
	for (unsigned op = 1; op < STATS_OPS && rc == 0; op++) {
		struct m_top_op m = {.op = (uint16_t)op,
				     .count = t->ops[op].count,
				     .sum_us = t->ops[op].sum_ns / 1000};

		if (m.count > 0)
			rc = codec_list_append(&rep->ops, &msg_top_op, &m, ops, 0);
	}
	free(t);
	return rc;
}

static int
fill_log(struct session *s, uint64_t since, struct list *out, struct buf *lines)
{
	const struct logring *ring = s->args->log;
	uint64_t newest = ring ? logring_newest(ring) : 0;
	uint64_t n = newest > logring_size() ? newest - logring_size() : 0;
	struct logring_line line;
	int rc = 0;

	for (n = max_u64(n, since) + 1; n <= newest && rc == 0; n++) {
		struct m_log_line m;

		if (!logring_get(ring, n, &line))
			continue;
		m = (struct m_log_line){.number = n,
					.time = line.time_ns,
					.level = (uint8_t)line.level,
					.text = text(line.text)};
		rc = codec_list_append(out, &msg_log_line, &m, lines, 0);
	}
	return rc;
}

static int
fill_store(struct session *s, struct m_top_rep *rep, struct cfs_err *err)
{
	struct store_space space;
	int rc = census_look(&s->census, s->store, err);

	if (rc == 0)
		rc = store_statfs(s->store, &s->cred, &space, err);
	if (rc)
		return rc;
	rep->users = s->census.store.users;
	rep->files = s->census.store.files;
	rep->logical_bytes = s->census.store.logical_bytes;
	rep->blobs = s->census.store.blobs;
	rep->blob_bytes = s->census.store.blob_bytes;
	rep->attic_files = s->census.store.attic_files;
	rep->attic_bytes = s->census.store.attic_bytes;
	rep->free_bytes = space.free_bytes;
	rep->total_bytes = space.total_bytes;
	rep->commits = store_last_commit(s->store);
	return 0;
}

int
handle_ADMIN_TOP(struct session *s, struct call *c, struct cfs_err *err)
{
	uint64_t log_since = c->req->admin_top_req.log_since;
	struct m_top_rep *rep = &c->rep->top_rep;
	struct snapshot sn = {.s = s, .rep = rep, .now_ns = now_mono_ns()};
	int rc = begin(s, &sn, err);

	buf_clear(&s->top.ops);
	buf_clear(&s->top.log);
	if (rc == 0)
		rc = fill_store(s, rep, err);
	if (rc)
		return rc;
	if (sn.slowest > 0 && rep->newest_event > sn.slowest)
		rep->event_backlog = rep->newest_event - sn.slowest;
	rc = fill_totals(s, rep, &s->top.ops);
	if (rc == 0)
		rc = fill_log(s, log_since, &rep->log, &s->top.log);
	return rc ? err_code(err, rc) : 0;
}

/* ---- uploads, so that others can see them ---- */

int
handle_UPLOADING(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_uploading_req *req = &c->req->uploading_req;
	struct inode_ref ref = {.ino = req->dir, .gen = req->gen};
	struct inode_attr dir;
	char path[4096 + 256];
	int rc;

	if (req->upload == 0 || name_check(req->name.p, req->name.len))
		return err_set(err, CFS_EINVAL, "not an upload");
	rc = names_getattr(s->store, &s->cred, ref, &dir, err);
	if (rc == 0)
		rc = names_path(s->store, dir.ino, path, 4096, err);
	if (rc)
		return rc;
	(void)snprintf(path + strlen(path), 256, "/%.*s", STR_ARGS(req->name));
	stats_transfer_begin(s->stats, s->slot, STATS_UP, req->upload, dir.owner, path, req->total);
	return 0;
}

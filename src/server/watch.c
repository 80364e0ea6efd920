/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "proto/codec.h"
#include "server/convert.h"
#include "store/events.h"

/* One push holds so much. */
#define PUSH_BYTES  (64u * 1024)
#define PUSH_EVENTS 1024u

/*
 * A reader of busy times looks seldom and finds much: between two looks it rests ten times as long as a look takes, and where more
 * than one event came each millisecond, wanted or not, as long as this, which is also the most. Somebody who has had
 * nothing to read for that long is told at once.
 */
#define REST_FACTOR 10u
#define REST_MAX_NS (25 * (uint64_t)NS_PER_MS)
#define BUSY_NS     ((uint64_t)NS_PER_MS)

/* What SUBSCRIBE's since is for "from now on". */
#define SINCE_NOW UINT64_MAX

void
watch_init(struct session *s)
{
	s->watch.epoll_fd = -1;
}

void
watch_end(struct session *s)
{
	if (s->watch.epoll_fd >= 0)
		events_deaf(s->store);
	fd_close(&s->watch.epoll_fd);
	s->watch.on = false;
}

void
watch_fini(struct session *s)
{
	watch_end(s);
	buf_fini(&s->watch.paths_bytes);
	buf_fini(&s->watch.dirs);
	buf_fini(&s->watch.list);
}

/* The bell is shared by all processes and never emptied: an epoll of its own sees each ring as an edge. */
static int
listen_to_bell(struct session *s, struct cfs_err *err)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int fd, rc;

	if (s->watch.epoll_fd >= 0)
		return 0;
	s->watch.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->watch.epoll_fd < 0)
		return err_set_errno(err, errno, "epoll_create1");
	events_listen(s->store, &fd);
	if (epoll_ctl(s->watch.epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		rc = err_set_errno(err, errno, "epoll_ctl");
		watch_end(s);
		return rc;
	}
	return 0;
}

static int
keep_paths(struct watch *w, struct list paths, struct cfs_err *err)
{
	struct m_path dir;
	uint64_t hash;

	buf_clear(&w->paths_bytes);
	buf_clear(&w->dirs);
	if (buf_append(&w->paths_bytes, paths.p, paths.len))
		return err_code(err, CFS_ENOMEM);
	w->paths = paths;
	w->paths.p = w->paths_bytes.data;
	while (list_next(&paths, &dir)) {
		hash = events_dir((struct bytes_view){dir.path.p, dir.path.len});
		if (buf_append(&w->dirs, &hash, sizeof(hash)))
			return err_code(err, CFS_ENOMEM);
	}
	return 0;
}

int
watch_begin(struct session *s, const struct m_subscribe_req *req, uint64_t *since_out,
	    uint64_t *newest_out, struct cfs_err *err)
{
	struct watch *w = &s->watch;
	int rc;

	rc = keep_paths(w, req->paths, err);
	if (rc == 0)
		rc = listen_to_bell(s, err);
	if (rc == 0)
		rc = events_newest(s->store, newest_out, err);
	if (rc)
		return rc;
	w->filter = req->filter;
	w->kinds = req->kinds;
	/* A number that is none yet is one of a store that was restored since: the peer is told, and goes on from here. */
	*since_out = min_u64(req->since, *newest_out);
	w->ahead = req->since > *newest_out && req->since != SINCE_NOW ? req->since : 0;
	w->began = *newest_out;
	w->cursor = w->told = *since_out;
	w->behind = w->fresh = true;
	w->rest_until = 0;
	w->busy = false;
	w->span_from = w->cursor;
	w->span_ns = now_mono_ns();
	w->acked = w->pushes;
	w->pushed_ns = now_mono_ns();
	w->on = true;
	return 0;
}

void
watch_acknowledged(struct session *s, uint64_t push)
{
	if (push > s->watch.acked && push <= s->watch.pushes)
		s->watch.acked = push;
}

static bool
window_open(const struct watch *w)
{
	return w->pushes - w->acked < WATCH_WINDOW;
}

static bool
is_behind(const struct session *s)
{
	return s->watch.behind || events_hint(s->store) > s->watch.cursor;
}

static uint64_t
beat_ns(const struct session *s)
{
	return (uint64_t)s->conf->heartbeat_ms * (uint64_t)NS_PER_MS;
}

int
watch_fd(const struct session *s)
{
	const struct watch *w = &s->watch;

	/* While it rests, or the peer has enough to read, rings change nothing. */
	return w->on && !s->ending && window_open(w) && !is_behind(s) ? w->epoll_fd : -1;
}

void
watch_rung(struct session *s)
{
	struct epoll_event ev;

	(void)epoll_wait(s->watch.epoll_fd, &ev, 1, 0);
}

uint64_t
watch_timer(const struct session *s)
{
	const struct watch *w = &s->watch;

	if (!w->on || s->ending || !window_open(w))
		return UINT64_MAX;
	return is_behind(s) ? w->rest_until : w->pushed_ns + beat_ns(s);
}

/* ---- what goes into a push ---- */

static bool
is_within(struct bytes_view path, struct str dir)
{
	if (path.len < dir.len || (dir.len > 0 && memcmp(path.data, dir.p, dir.len) != 0))
		return false;
	return path.len == dir.len || ((const char *)path.data)[dir.len] == '/';
}

static bool
is_wanted(const struct watch *w, const struct event *e)
{
	struct list paths = w->paths;
	struct m_path dir;

	if (w->kinds && !(w->kinds & UINT32_C(1) << e->kind))
		return false;
	/* What happens while it listens is news to it, though another device of the owner's may have been faster to see it. */
	if ((w->filter & EVENTS_UNSEEN) && e->seen && e->id <= w->began)
		return false;
	if (paths.count == 0)
		return true;
	while (list_next(&paths, &dir)) {
		if (is_within(e->path, dir.path) || is_within(e->target, dir.path))
			return true;
	}
	return false;
}

struct collector {
	struct session *s;
	struct list notices;
	unsigned looked_at;
	int status;
};

static int
collect(void *arg, const struct event *e)
{
	struct collector *c = arg;
	struct m_notice notice;

	if (c->notices.len > PUSH_BYTES)
		return 1;
	c->looked_at++;
	if (watch_is_own(c->s, e->id) || !is_wanted(&c->s->watch, e))
		return 0;
	convert_notice(e, &notice);
	c->status = codec_list_append(&c->notices, &msg_notice, &notice, &c->s->watch.list, 0);
	return c->status;
}

/* ---- pushing ---- */

static void
push(struct session *s, unsigned op, const struct msg_desc *desc, const void *message)
{
	if (frame_write(s->writer, op, 0, 0, desc, message, NULL))
		session_end(s, CFS_ENOMEM);
	s->watch.pushed_ns = now_mono_ns();
}

static void
push_notices(struct session *s, struct list notices)
{
	struct m_notice_push m = {
	    .push = ++s->watch.pushes,
	    .before = s->watch.told,
	    .upto = s->watch.cursor,
	    .notices = notices,
	};

	s->watch.told = s->watch.cursor;
	push(s, OP_NOTICE, &msg_notice_push, &m);
}

/* The reader had got to a number that there is not, or not any more. */
static void
push_renumbered(struct session *s)
{
	struct watch *w = &s->watch;
	const struct m_overflow_push m = {.since = w->ahead, .gone = w->told};

	w->ahead = 0;
	push(s, OP_OVERFLOW, &msg_overflow_push, &m);
}

/* What retention took away between where the reader was and what it is told now. */
static int
push_overflow(struct session *s, uint64_t before, struct cfs_err *err)
{
	struct m_overflow_push m = {.since = before};
	int rc;

	/* From the very start is from what there is; receipts that were not seen are never taken away. */
	if (before == 0 || (s->watch.filter & EVENTS_UNSEEN))
		return 0;
	rc = events_gone(s->store, &m.gone, err);
	if (rc == 0 && m.gone > before)
		push(s, OP_OVERFLOW, &msg_overflow_push, &m);
	return rc;
}

static int
push_events(struct session *s, struct cfs_err *err)
{
	struct watch *w = &s->watch;
	/* Which of the receipts are wanted, is_wanted() tells. */
	const unsigned filter = w->filter & EVENTS_UNSEEN ? EVENTS_MINE : w->filter;
	const struct event_want want = {filter, w->kinds, (const uint64_t *)w->dirs.data,
					w->paths.count};
	struct collector c = {.s = s};
	uint64_t before;
	int rc;

	if (w->ahead != 0)
		push_renumbered(s);
	w->cursor = watch_skip_own(s, w->cursor);
	if (!w->fresh && w->cursor >= events_hint(s->store)) {
		w->behind = false;
		return 0;
	}
	before = w->cursor;
	buf_clear(&w->list);
	rc = events_list(s->store, &s->cred, before, PUSH_EVENTS, &want, collect, &c, &w->cursor,
			 err);
	if (rc >= 0 && c.status)
		rc = err_code(err, c.status);
	if (rc == 1) {
		s->db_idle = false;
		rc = push_overflow(s, before, err);
	}
	if (rc)
		return rc;
	w->behind = c.looked_at == PUSH_EVENTS || c.notices.len > PUSH_BYTES;
	if (c.notices.count > 0 || (w->fresh && !w->behind))
		push_notices(s, c.notices);
	w->fresh = w->fresh && w->behind;
	return 0;
}

static bool
is_busy(struct watch *w, uint64_t now)
{
	uint64_t ns = now - w->span_ns;

	if (ns >= REST_MAX_NS) {
		w->busy = (w->cursor - w->span_from) * BUSY_NS > ns;
		w->span_from = w->cursor;
		w->span_ns = now;
	}
	return w->busy;
}

static uint64_t
rest_ns(struct watch *w, uint64_t now, uint64_t took)
{
	return is_busy(w, now) ? REST_MAX_NS : min_u64(took * REST_FACTOR, REST_MAX_NS);
}

void
watch_run(struct session *s)
{
	struct watch *w = &s->watch;
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t now = now_mono_ns(), took;

	if (!w->on || s->ending || !window_open(w))
		return;
	if (is_behind(s) && now >= w->rest_until) {
		if (push_events(s, &err)) {
			log_error("%s: events: %s", s->args->peer.address, err.text);
			session_end(s, err.code);
		}
		took = now_mono_ns() - now;
		now += took;
		w->rest_until = w->behind ? 0 : now + rest_ns(w, now, took);
	}
	if (now >= w->pushed_ns + beat_ns(s))
		push_notices(s, (struct list){0});
}

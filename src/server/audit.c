/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/audit.h"

#include <ctype.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/json_name.h"
#include "base/log.h"
#include "base/time.h"
#include "proto/ops.h"
#include "store/events.h"

#define BATCH_EVENTS 1000u
#define BATCH_BYTES  ((size_t)1024 * 1024)

/* One flush for what happens in this time, and so long after a failure. */
#define REST_MS  50
#define RETRY_MS 1000

/* With nothing to do for so long, FILE.position is written and the database closed. */
#define IDLE_MS 5000

struct audit {
	const struct audit_job *job;
	struct store *store;
	struct audit_file file;
	int epoll_fd;
	bool failed; /* it was said already */
	struct buf lines;
	uint64_t last; /* event in them */
};

/* ---- a line ---- */

static const char *
kind_name(enum event_kind kind)
{
	switch (kind) {
	case EVENT_DOWNLOAD:
		return "download";
	case EVENT_CHANGE:
		return "change";
	case EVENT_SIGNIN:
		return "signin";
	case EVENT_REFUSED:
		return "refused";
	case EVENT_ADMIN:
		return "admin";
	}
	return "other";
}

static void
set_name(json_t *o, const char *key, struct bytes_view v)
{
	json_set_name(o, key, v.len ? v.data : "", v.len);
}

static void
set_op(json_t *o, const struct event *e)
{
	const char *name = op_name(e->op);
	char text[32];
	size_t i = 0;

	for (; name[i] && i + 1 < sizeof(text); i++)
		text[i] = (char)tolower((unsigned char)name[i]);
	text[i] = '\0';
	if (e->kind == EVENT_DOWNLOAD)
		(void)strcpy(text, e->complete ? "download" : "open");
	else if (e->kind == EVENT_SIGNIN || e->kind == EVENT_REFUSED)
		(void)strcpy(text, "sign-in");
	(void)json_object_set_new(o, "op", json_string(text));
}

/* The fields of `cfs watch --json`, but for what changes later (seen). */
static json_t *
event_object(const struct event *e)
{
	char time[TIME_SIZE];
	json_t *o = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)e->id, "time",
			      time_format(time, e->time_ns, 9), "event", kind_name(e->kind));

	if (!o)
		return NULL;
	set_name(o, "user", e->user_name);
	set_name(o, "device", e->device);
	set_name(o, "peer", e->peer);
	set_op(o, e);
	set_name(o, "path", e->path);
	if (e->target.len > 0)
		set_name(o, "target", e->target);
	(void)json_object_set_new(o, "ino", json_integer((json_int_t)e->ino));
	(void)json_object_set_new(o, "version", json_integer((json_int_t)e->version));
	(void)json_object_set_new(o, "bytes", json_integer((json_int_t)e->bytes));
	(void)json_object_set_new(o, "duration_us", json_integer((json_int_t)e->duration_us));
	(void)json_object_set_new(o, "result",
				  json_string(e->result ? err_name(e->result) : "done"));
	return o;
}

static int
put(const char *text, size_t len, void *arg)
{
	return buf_append(arg, text, len) ? -1 : 0;
}

/* Appends an object and releases it. 0 or CFS_ENOMEM. */
static int
add_line(struct audit *a, json_t *o)
{
	size_t before = a->lines.len;
	int rc = o && json_dump_callback(o, put, &a->lines, JSON_COMPACT) == 0 ? 0 : CFS_ENOMEM;

	json_decref(o);
	if (rc == 0 && buf_append_byte(&a->lines, '\n'))
		rc = CFS_ENOMEM;
	if (rc)
		buf_truncate(&a->lines, before);
	return rc;
}

static int
add_event(void *arg, const struct event *e)
{
	struct audit *a = arg;
	int rc;

	if (a->lines.len > BATCH_BYTES)
		return 1;
	rc = add_line(a, event_object(e));
	if (rc == 0)
		a->last = e->id;
	return rc;
}

/* Events that retention took before they were written: that, at least, stands there. */
static int
add_gap(struct audit *a, struct cfs_err *err)
{
	uint64_t gone;
	int rc = events_gone(a->store, &gone, err);

	if (rc || gone <= a->file.position || a->file.position == 0)
		return rc;
	rc = add_line(a,
		      json_pack("{s:I, s:s, s:I, s:I}", "id", (json_int_t)gone, "event", "overflow",
				"since", (json_int_t)a->file.position, "gone", (json_int_t)gone));
	a->last = gone;
	return rc ? err_code(err, rc) : 0;
}

/*
 * A store that was restored from a backup, or lost in a power cut what was not durable yet, counts from there again: the file
 * must not wait until its numbers are reached.
 */
static int
follow_back(struct audit *a, struct cfs_err *err)
{
	uint64_t newest;
	int rc = events_newest(a->store, &newest, err);

	if (rc || newest >= a->file.position)
		return rc;
	buf_clear(&a->lines);
	rc = add_line(a, json_pack("{s:I, s:s, s:I}", "id", (json_int_t)newest, "event",
				   "renumbered", "since", (json_int_t)a->file.position));
	if (rc)
		return err_code(err, rc);
	return audit_file_append(&a->file, a->lines.data, a->lines.len, newest, err);
}

/* ---- writing ---- */

/* One batch. *more_out: another one is waiting. */
static int
write_batch(struct audit *a, bool *more_out, struct cfs_err *err)
{
	const struct cred all = {.admin = true};
	const struct event_want everything = {0};
	uint64_t upto;
	int rc;

	buf_clear(&a->lines);
	a->last = a->file.position;
	*more_out = false;
	rc = add_gap(a, err);
	if (rc == 0)
		rc = events_list(a->store, &all, a->last, BATCH_EVENTS, &everything, add_event, a,
				 &upto, err);
	if (rc >= 0 && a->lines.len > 0)
		rc = audit_file_append(&a->file, a->lines.data, a->lines.len, a->last, err);
	*more_out = rc >= 0 && a->lines.len > 0;
	return rc < 0 ? rc : 0;
}

/* Everything there is. false: it did not work, and is to be tried again. */
static bool
write_all(struct audit *a)
{
	struct cfs_err err = CFS_ERR_INIT;
	bool more = true;
	int rc = 0;

	if (a->file.fd < 0) {
		rc = audit_file_open(&a->file, a->job->file, &err);
		if (rc == 0)
			rc = follow_back(a, &err);
	}
	while (rc == 0 && more)
		rc = write_batch(a, &more, &err);
	if (rc && !a->failed)
		log_error("audit: %s", err.text);
	if (rc == 0 && a->failed)
		log_notice("audit: goes on");
	a->failed = rc != 0;
	return rc == 0;
}

static void
rest(struct audit *a)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (a->file.fd >= 0 && audit_file_note(&a->file, &err))
		log_warn("audit: %s", err.text);
	store_idle(a->store);
}

/* ---- life ---- */

static int
listen_for_events(struct audit *a)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int fd;

	events_listen(a->store, &fd);
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return a->epoll_fd >= 0 && epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -1;
}

/* false: the hub is gone, or wants it to end. */
static bool
wait_ms(const struct audit *a, int ms, bool for_events, bool *rung_out)
{
	struct pollfd p[2] = {{.fd = a->job->hub_fd, .events = POLLIN},
			      {.fd = for_events ? a->epoll_fd : -1, .events = POLLIN}};
	struct epoll_event ev;

	(void)poll(p, 2, ms);
	*rung_out = p[1].revents && epoll_wait(a->epoll_fd, &ev, 1, 0) > 0;
	return p[0].revents == 0;
}

static void
loop(struct audit *a)
{
	bool rung, good, quiet = false;

	do {
		good = write_all(a);
		if (!wait_ms(a, good ? REST_MS : RETRY_MS, false, &rung))
			break;
		/* An edge that came before this was for what is written already, or rings once too often. */
		while (good && wait_ms(a, quiet ? -1 : IDLE_MS, true, &rung)) {
			quiet = !rung;
			if (rung)
				break;
			rest(a);
		}
	} while (!good || rung);
	(void)write_all(a);
	rest(a);
}

int
audit_run(const struct audit_job *job)
{
	struct audit a = {.job = job, .file = {.fd = -1}, .epoll_fd = -1};
	struct cfs_err err = CFS_ERR_INIT;

	if (store_open(job->store_conf, job->shared, &a.store, &err)) {
		log_error("audit: %s", err.text);
		return 1;
	}
	if (listen_for_events(&a) == 0)
		loop(&a);
	else
		log_error("audit: cannot listen for events");
	events_deaf(a.store);
	audit_file_close(&a.file);
	fd_close(&a.epoll_fd);
	buf_fini(&a.lines);
	store_close(a.store);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The metrics' process: the page over HTTP and into a file. */

#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "net/listen.h"
#include "server/http.h"
#include "server/metrics.h"
#include "store/events.h"

struct reporter {
	const struct metrics_job *job;
	struct store *store;
	struct metrics_facts facts;
	uint64_t file_due_ns;
	bool file_failed;
};

static void
look_at_store(struct reporter *r)
{
	struct cfs_err err = CFS_ERR_INIT;

	r->facts.commits = store_last_commit(r->store);
	r->facts.newest_event = events_hint(r->store);
	if (r->facts.newest_event == 0)
		(void)events_newest(r->store, &r->facts.newest_event, NULL);
	if (census_look(&r->facts.census, r->store, &err))
		log_warn("metrics: %s", err.text);
	store_idle(r->store);
}

static int
make_page(void *arg, struct buf *out)
{
	struct reporter *r = arg;

	look_at_store(r);
	return metrics_print(&r->facts, out);
}

static void
write_file(struct reporter *r)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct buf page = BUF_INIT;
	int rc = make_page(r, &page);

	r->file_due_ns = now_mono_ns() + (uint64_t)(r->job->interval_ms * NS_PER_MS);
	if (rc)
		err_code(&err, rc);
	else
		rc = io_write_file(AT_FDCWD, r->job->file, page.data, page.len, 0644, &err);
	if (rc && !r->file_failed)
		log_error("metrics: %s", err.text);
	r->file_failed = rc != 0;
	buf_fini(&page);
}

static void
accept_all(struct http *h, int listen_fd)
{
	int fd;

	while ((fd = listen_accept(listen_fd, NULL)) >= 0)
		http_take(h, fd);
}

/* One turn. false when the hub is gone, or wants the process to end. */
static bool
turn(struct reporter *r, struct http *http)
{
	struct pollfd p[1 + LISTEN_MAX + HTTP_CONNECTIONS];
	const struct listener *l = r->job->listener;
	uint64_t due = http_timer(http);

	if (r->job->file)
		due = min_u64(due, r->file_due_ns);
	p[0] = (struct pollfd){.fd = r->job->hub_fd, .events = POLLIN};
	for (size_t i = 0; i < l->count; i++)
		p[1 + i] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
	http_poll(http, p + 1 + l->count);
	(void)poll(p, 1 + l->count + HTTP_CONNECTIONS,
		   due == UINT64_MAX ? -1 : deadline_left_ms(due));
	http_run(http, p + 1 + l->count);
	for (size_t i = 0; i < l->count; i++) {
		if (p[1 + i].revents)
			accept_all(http, l->fds[i]);
	}
	if (r->job->file && now_mono_ns() >= r->file_due_ns)
		write_file(r);
	return p[0].revents == 0;
}

int
metrics_run(const struct metrics_job *job)
{
	struct reporter r = {.job = job,
			     .facts = {.stats = job->stats, .started_ns = job->started_ns}};
	const struct http_page page = {
	    .path = "/metrics", .content_type = METRICS_CONTENT_TYPE, .make = make_page, .arg = &r};
	struct cfs_err err = CFS_ERR_INIT;
	struct http http;

	if (store_open(job->store_conf, job->shared, &r.store, &err)) {
		log_error("metrics: %s", err.text);
		return 1;
	}
	http_init(&http, &page);
	while (turn(&r, &http))
		;
	http_fini(&http);
	store_close(r.store);
	return 0;
}

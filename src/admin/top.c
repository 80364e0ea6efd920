/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "client/event.h"
#include "client/top.h"
#include "proto/codec.h"
#include "show/top.h"

/* top: everything that the daemon does, live. */

struct top_command {
	struct admin *a;
	struct admin_link *link;
};

/* A handler has no argument. */
static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	interrupted = sig;
}

/* A daemon that was started again is found again. */
static int
call(struct top_command *t, unsigned op, const void *req, void *rep, struct cfs_err *err)
{
	int rc = 0;

	if (!t->link)
		rc = admin_connect_daemon(t->a, &t->link, err);
	if (rc == 0)
		rc = admin_call(t->link, op, req, rep, err);
	if (rc == CFS_ENET || rc == CFS_ETIMEDOUT) {
		admin_disconnect(t->link);
		t->link = NULL;
	}
	return rc;
}

static int
look(void *arg, uint64_t log_since, struct cfs_top **out, struct cfs_err *err)
{
	struct m_admin_top_req req = {.log_since = log_since};
	struct m_top_rep rep;
	int rc = call(arg, OP_ADMIN_TOP, &req, &rep, err);

	if (rc == 0 && top_from_wire(&rep, out))
		rc = err_code(err, CFS_ENOMEM);
	return rc;
}

static int
events(void *arg, uint64_t since, int (*each)(void *each_arg, const struct cfs_event *e),
       void *each_arg, uint64_t *last_out, struct cfs_err *err)
{
	struct m_events_req req = {.since = since, .max = 1000};
	struct m_events_rep rep;
	struct m_event m;
	struct buf strings = BUF_INIT;
	int rc = call(arg, OP_EVENTS, &req, &rep, err);

	if (rc == 0)
		*last_out = rep.last;
	while (rc == 0 && list_next(&rep.events, &m))
		rc = event_give(&strings, &m, (struct str){0}, each, each_arg);
	buf_fini(&strings);
	return rc;
}

static int
kick(void *arg, uint64_t pid, struct cfs_err *err)
{
	struct m_admin_kick_req req = {.pid = pid};
	struct m_admin_kick_rep rep;

	return call(arg, OP_ADMIN_KICK, &req, &rep, err);
}

static int
check(void *arg, struct cfs_err *err)
{
	(void)arg;
	return interrupted ? err_code(err, CFS_ECANCELED) : 0;
}

int
cmd_top(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	const char *no_color = getenv("NO_COLOR");
	struct top_options o = TOP_OPTIONS_INIT;
	const struct arg_group group = {
	    .title = "Options", .opts = top_opts, .n = top_n_opts, .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm top",
	    .synopsis = "[-i TIME] [--once]",
	    .summary = "Show what the server is doing, live: connections, transfers, events, log.",
	    .groups = &group,
	    .n_groups = 1,
	};
	struct top_command t = {.a = a};
	const struct top_source source = {.look = look,
					  .events = events,
					  .kick = kick,
					  .check = check,
					  .arg = &t,
					  .title = "cfsadm top",
					  .admin = true};
	/* No SA_RESTART: the terminal must be given back. */
	const struct sigaction sa = {.sa_handler = on_signal};
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc)
		return rc;
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	rc = top_show(&source, &o, a->json, no_color == NULL || *no_color == '\0', stdout, err);
	admin_disconnect(t.link);
	return rc;
}

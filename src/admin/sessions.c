/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "proto/codec.h"

/* sessions: who is connected; kick: ends connections. */

static int
print_session(const struct admin *a, const struct m_top_session *s, struct cfs_err *err)
{
	char since[TIME_SIZE], in[SIZE_TEXT_SIZE], out[SIZE_TEXT_SIZE];
	json_t *o;

	if (!a->json) {
		(void)printf(
		    "%-8llu %-16.*s %-16.*s %-24.*s since %s  %llu operations, in %s, out %s\n",
		    (unsigned long long)s->pid, STR_ARGS(s->user), STR_ARGS(s->device),
		    STR_ARGS(s->peer), output_time(since, s->since), (unsigned long long)s->ops,
		    size_format(in, s->bytes_in, SIZE_LONG),
		    size_format(out, s->bytes_out, SIZE_LONG));
		return 0;
	}
	o = json_pack("{s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "pid",
		      (json_int_t)s->pid, "user", output_str(s->user), "device",
		      output_str(s->device), "peer", output_str(s->peer), "since",
		      output_json_time(s->since), "operations", (json_int_t)s->ops, "failures",
		      (json_int_t)s->failures, "bytes_in", (json_int_t)s->bytes_in, "bytes_out",
		      (json_int_t)s->bytes_out, "idle_ms", (json_int_t)s->idle_ms);
	return output_json(o, err);
}

static int
list(const struct admin *a, struct admin_link *link, struct cfs_err *err)
{
	struct m_admin_top_req req = {.log_since = UINT64_MAX};
	struct m_top_rep rep;
	struct m_top_session s;
	int rc = admin_call(link, OP_ADMIN_TOP, &req, &rep, err);

	while (rc == 0 && list_next(&rep.sessions, &s)) {
		if (!s.is_admin)
			rc = print_session(a, &s, err);
	}
	return rc;
}

int
cmd_sessions(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	static const struct arg_spec spec = {
	    .prog = "cfsadm sessions",
	    .synopsis = "",
	    .summary = "List the connections that are open, a line each.",
	};
	struct admin_link *link;
	int first, rc = admin_args(a, &spec, argc, argv, &first, err);

	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_connect_daemon(a, &link, err);
	if (rc)
		return rc;
	rc = list(a, link, err);
	admin_disconnect(link);
	return rc;
}

static int
kick(const struct admin *a, const char *user, int64_t pid, struct cfs_err *err)
{
	struct m_admin_kick_req req = {.user = str_from(user), .pid = (uint64_t)pid};
	struct m_admin_kick_rep rep;
	struct admin_link *link;
	int rc;

	rc = admin_connect_daemon(a, &link, err);
	if (rc)
		return rc;
	rc = admin_call(link, OP_ADMIN_KICK, &req, &rep, err);
	admin_disconnect(link);
	if (rc)
		return user ? err_wrap(err, "%s", user) : rc;
	if (a->json)
		return output_json(json_pack("{s:i}", "count", (int)rep.count), err);
	(void)fprintf(stderr, "cfsadm: %u connection%s told to end\n", rep.count,
		      rep.count == 1 ? " was" : "s were");
	return 0;
}

int
cmd_kick(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	int64_t pid = 0;
	const struct arg_opt opts[] = {
	    {.short_name = 'p',
	     .long_name = "process",
	     .kind = ARG_INT,
	     .arg_name = "PID",
	     .help = "the connection of this process, as 'sessions' lists it",
	     .min = 1,
	     .max = INT32_MAX}};
	const struct arg_group group = {.title = "Options", .opts = opts, .n = 1, .values = &pid};
	const struct arg_spec spec = {
	    .prog = "cfsadm kick",
	    .synopsis = "USER | -p PID",
	    .summary = "End the connections of a user, or one.",
	    .footer = "They may be made again; 'cfsadm user disable' keeps a user out.\n",
	    .groups = &group,
	    .n_groups = 1,
	    .max_args = 1,
	};
	int first, rc = admin_args(a, &spec, argc, argv, &first, err);

	if (rc)
		return rc < 0 ? rc : 0;
	if ((pid != 0) == (first < argc))
		return args_usage_error(&spec, err, "a user or -p PID");
	rc = admin_config(a, err);
	return rc ? rc : kick(a, first < argc ? argv[first] : NULL, pid, err);
}

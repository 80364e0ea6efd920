/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "net/addr.h"
#include "net/key.h"
#include "net/url.h"

#define TTL_DEFAULT_MS (INT64_C(7) * 24 * 3600 * 1000)

struct options {
	bool device;
	int64_t ttl_ms;
};

static const struct arg_opt opts[] = {
    {.long_name = "device",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, device),
     .help = "for one more device of a user who is there already"},
    {.long_name = "ttl",
     .kind = ARG_DURATION,
     .offset = offsetof(struct options, ttl_ms),
     .arg_name = "TIME",
     .help = "how long it is good for, like 12h or 3d (default 7d)"},
};

/* The line from the server's answer. */
static int
make_line(const char *user, const struct m_admin_invite_rep *rep, char line[INVITE_TEXT_SIZE],
	  struct cfs_err *err)
{
	struct invite invite = {.fingerprint = rep->fingerprint};
	char address[HOSTPORT_SIZE];
	int rc;

	if (rep->secret.len >= sizeof(invite.secret) || rep->address.len >= sizeof(address))
		return err_set(err, CFS_EPROTO, "the server's answer makes no sense");
	memcpy(address, rep->address.p, rep->address.len);
	address[rep->address.len] = '\0';
	rc = hostport_parse(address, CFS_PORT, invite.url.host, &invite.url.port, err);
	if (rc)
		return rc;
	if (invite.url.port == 0)
		return err_set(err, CFS_ECONFIG,
			       "listen has port 0: start the daemon, which then knows its port");
	(void)snprintf(invite.url.user, sizeof(invite.url.user), "%s", user);
	memcpy(invite.secret, rep->secret.p, rep->secret.len);
	invite.secret[rep->secret.len] = '\0';
	invite_format(line, &invite);
	secure_wipe(&invite, sizeof(invite));
	return 0;
}

static int
print(const struct admin *a, const char *user, const struct m_admin_invite_rep *rep,
      const char *line, struct cfs_err *err)
{
	char fingerprint[FINGERPRINT_TEXT_SIZE], expires[TIME_SIZE];

	fingerprint_format(fingerprint, &rep->fingerprint);
	if (a->json)
		return output_json(json_pack("{s:s, s:s, s:s, s:o, s:o}", "user", user, "invite",
					     line, "fingerprint", fingerprint, "address",
					     output_str(rep->address), "expires",
					     output_json_time(rep->expires)),
				   err);
	(void)printf("%s\n", line);
	(void)fprintf(stderr,
		      "cfsadm: an invite for %s, for one use until %s; "
		      "they run: cfs login 'THE LINE'\n",
		      user, output_time(expires, rep->expires));
	return 0;
}

int
cmd_invite(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {.ttl_ms = TTL_DEFAULT_MS};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm invite",
	    .synopsis = "[--device] [--ttl TIME] USER",
	    .summary = "Print a one-time invite for a user, who is made if not there yet.",
	    .groups = &group,
	    .n_groups = 1,
	    .min_args = 1,
	    .max_args = 1,
	};
	struct m_admin_invite_req req;
	struct m_admin_invite_rep rep;
	char line[INVITE_TEXT_SIZE];
	struct admin_link *link;
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc)
		return rc;
	if (o.ttl_ms < 1000 || o.ttl_ms / 1000 > UINT32_MAX)
		return args_usage_error(&spec, err, "--ttl: from 1s to a year");
	rc = admin_connect(a, &link, err);
	if (rc)
		return rc;
	req = (struct m_admin_invite_req){.user = str_from(argv[first]),
					  .ttl_s = (uint32_t)(o.ttl_ms / 1000),
					  .device = o.device};
	rc = admin_call(link, OP_ADMIN_INVITE, &req, &rep, err);
	if (rc == 0)
		rc = make_line(argv[first], &rep, line, err);
	if (rc == 0)
		rc = print(a, argv[first], &rep, line, err);
	admin_disconnect(link);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "proto/codec.h"

/* What ADMIN_QUOTA does. */
enum { LOOK = 0, SET = 1, NONE = 2, DEFAULT = 3 };

static const struct arg_spec spec = {
    .prog = "cfsadm quota",
    .synopsis = "USER [SIZE|none|default]",
    .summary = "Say what a user's files take and may take, or set it: a size (10G), none, or what "
	       "the settings say.",
    .footer = "Kept old versions do not count: they give way where both together are over it.\n",
    .min_args = 1,
    .max_args = 2,
};

static int
read_size(const char *text, struct m_admin_quota_req *req, struct cfs_err *err)
{
	req->what = SET;
	if (strcmp(text, "none") == 0)
		req->what = NONE;
	else if (strcmp(text, "default") == 0)
		req->what = DEFAULT;
	else if (size_parse(text, &req->bytes) || req->bytes == 0)
		return args_usage_error(&spec, err, "'%s' is not a size like 10G, none or default",
					text);
	return 0;
}

static int
print_json(const struct m_admin_quota_req *req, const struct m_admin_quota_rep *rep,
	   struct cfs_err *err)
{
	return output_json(json_pack("{s:o, s:I, s:b, s:I, s:I, s:I}", "user",
				     output_str(req->user), "quota", (json_int_t)rep->quota,
				     "default", rep->is_default != 0, "used",
				     (json_int_t)rep->used_bytes, "files", (json_int_t)rep->files,
				     "attic", (json_int_t)rep->attic_bytes),
			   err);
}

static void
print_text(const struct m_admin_quota_rep *rep)
{
	char quota[SIZE_TEXT_SIZE] = "none", used[SIZE_TEXT_SIZE], attic[SIZE_TEXT_SIZE];

	if (rep->quota != 0)
		size_format(quota, rep->quota, SIZE_LONG);
	(void)printf("quota         %s%s\n", quota, rep->is_default ? " (of the settings)" : "");
	(void)printf("files         %llu, %s\n", (unsigned long long)rep->files,
		     size_format(used, rep->used_bytes, SIZE_LONG));
	(void)printf("old versions  %s\n", size_format(attic, rep->attic_bytes, SIZE_LONG));
}

int
cmd_quota(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct m_admin_quota_req req = {0};
	struct m_admin_quota_rep rep;
	struct admin_link *link;
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	req.user = str_from(argv[first]);
	if (argc - first == 2)
		rc = read_size(argv[first + 1], &req, err);
	if (rc == 0)
		rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_connect(a, &link, err);
	if (rc)
		return rc;
	rc = admin_call(link, OP_ADMIN_QUOTA, &req, &rep, err);
	if (rc == 0 && a->json)
		rc = print_json(&req, &rep, err);
	else if (rc == 0)
		print_text(&rep);
	admin_disconnect(link);
	return rc;
}

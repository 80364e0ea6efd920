/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "net/key.h"
#include "server/signer.h"

struct options {
	bool begin, finish, cancel;
};

static const struct arg_opt opts[] = {
    {.long_name = "begin",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, begin),
     .help = "make the next key; clients that sign in from now on pin it beside the present one"},
    {.long_name = "finish",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, finish),
     .help = "use the next key from now on; the present one is gone"},
    {.long_name = "cancel",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, cancel),
     .help = "drop the next key"},
};

static int
print(const struct admin *a, const struct m_admin_key_rep *rep, struct cfs_err *err)
{
	static const struct sha256 none;
	char current[FINGERPRINT_TEXT_SIZE], next[FINGERPRINT_TEXT_SIZE];
	bool has_next = !sha256_equal(&rep->next, &none);

	fingerprint_format(current, &rep->current);
	fingerprint_format(next, &rep->next);
	if (a->json)
		return output_json(json_pack("{s:s, s:s?}", "fingerprint", current, "next",
					     has_next ? next : NULL),
				   err);
	(void)printf("%s\n", current);
	if (has_next)
		(void)printf("%s (next)\n", next);
	return 0;
}

int
cmd_rotate_key(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {false, false, false};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm rotate-key",
	    .synopsis = "[--begin | --finish | --cancel]",
	    .summary = "Give the server another key; without an option, say which it has.",
	    .groups = &group,
	    .n_groups = 1,
	    .max_args = 0,
	};
	struct m_admin_key_req req = {.what = KEY_TELL};
	struct m_admin_key_rep rep;
	struct admin_link *link;
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	if (o.begin + o.finish + o.cancel > 1)
		return args_usage_error(&spec, err, "one of --begin, --finish and --cancel");
	if (o.begin)
		req.what = KEY_NEXT;
	else if (o.finish)
		req.what = KEY_USE;
	else if (o.cancel)
		req.what = KEY_DROP;
	rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_connect(a, &link, err);
	if (rc)
		return rc;
	rc = admin_call(link, OP_ADMIN_KEY, &req, &rep, err);
	if (rc == 0)
		rc = print(a, &rep, err);
	admin_disconnect(link);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "proto/codec.h"

/* What ADMIN_GC does. */
enum { LOOK = 0, WORK = 1 };

struct options {
	bool dry_run;
};

static const struct arg_opt opts[] = {
    {.short_name = 'n',
     .long_name = "dry-run",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, dry_run),
     .help = "say what would be removed, change nothing"},
};

static int
print(const struct admin *a, const struct m_admin_gc_rep *rep, struct cfs_err *err)
{
	char blobs[SIZE_TEXT_SIZE], waiting[SIZE_TEXT_SIZE], old[SIZE_TEXT_SIZE];

	if (a->json)
		return output_json(
		    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "blobs",
			      (json_int_t)rep->blobs, "blob_bytes", (json_int_t)rep->blob_bytes,
			      "versions", (json_int_t)rep->versions, "version_bytes",
			      (json_int_t)rep->version_bytes, "nameless", (json_int_t)rep->nameless,
			      "waiting_blobs", (json_int_t)rep->waiting, "waiting_bytes",
			      (json_int_t)rep->waiting_bytes),
		    err);
	(void)printf("blobs         %" PRIu64 ", %s\n", rep->blobs,
		     size_format(blobs, rep->blob_bytes, SIZE_LONG));
	(void)printf("old versions  %" PRIu64 ", %s\n", rep->versions,
		     size_format(old, rep->version_bytes, SIZE_LONG));
	(void)printf("nameless      %" PRIu64 "\n", rep->nameless);
	(void)printf("not yet       %" PRIu64 " blobs, %s\n", rep->waiting,
		     size_format(waiting, rep->waiting_bytes, SIZE_LONG));
	return 0;
}

/* Looks, and then works until nothing is left; the answer is what there was. */
static int
collect(struct admin_link *link, bool dry_run, struct m_admin_gc_rep *rep, struct cfs_err *err)
{
	struct m_admin_gc_req req = {.what = LOOK};
	struct m_admin_gc_rep step = {.more = 1};
	int rc = admin_call(link, OP_ADMIN_GC, &req, rep, err);

	req.what = WORK;
	while (rc == 0 && !dry_run && step.more)
		rc = admin_call(link, OP_ADMIN_GC, &req, &step, err);
	return rc;
}

int
cmd_gc(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {0};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm gc",
	    .synopsis = "[-n]",
	    .summary = "Remove now what the daemon would remove by and by: content that nothing "
		       "refers to, old versions past their time; and say how much it is.",
	    .groups = &group,
	    .n_groups = 1,
	};
	struct m_admin_gc_rep rep;
	struct admin_link *link;
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_connect(a, &link, err);
	if (rc)
		return rc;
	rc = collect(link, o.dry_run, &rep, err);
	if (rc == 0)
		rc = print(a, &rep, err);
	admin_disconnect(link);
	return rc;
}

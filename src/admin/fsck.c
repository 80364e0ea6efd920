/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "base/bytes.h"
#include "base/io.h"
#include "proto/codec.h"
#include "store/store.h"

struct options {
	bool repair;
};

static const struct arg_opt opts[] = {
    {.long_name = "repair",
     .kind = ARG_FLAG,
     .offset = offsetof(struct options, repair),
     .help = "first put right what needs no guess; no content is dropped"},
};

static const char footer[] =
    "While a daemon runs the store is looked at as it is at one moment; a fault that is\n"
    "not there any more when the check runs again was a change under way.\n";

struct faults {
	const struct admin *a;
	struct cfs_err *err;
};

static void
report(void *arg, const char *fault)
{
	const struct faults *f = arg;

	if (f->a->json)
		(void)output_json(json_pack("{s:o}", "fault", output_str(str_from(fault))), f->err);
	else
		(void)printf("%s\n", fault);
}

static int
check(const struct admin *a, struct cfs_err *err)
{
	struct store_conf conf = config_store(a->config);
	struct faults f = {.a = a, .err = err};
	struct store_shared *shared = NULL;
	struct store *store = NULL;
	int rc;

	rc = store_shared_new(&shared, err);
	if (rc == 0)
		rc = store_open(&conf, shared, &store, err);
	if (rc == 0)
		rc = store_check(store, report, &f, err);
	if (store)
		store_close(store);
	store_shared_free(shared);
	return rc;
}

static int
repair(const struct admin *a, struct cfs_err *err)
{
	struct m_empty req = {0};
	struct m_admin_repair_rep rep;
	struct admin_link *link;
	struct m_line line;
	int rc = admin_connect(a, &link, err);

	if (rc)
		return rc;
	rc = admin_call(link, OP_ADMIN_REPAIR, &req, &rep, err);
	while (rc == 0 && list_next(&rep.lines, &line)) {
		if (a->json)
			rc =
			    output_json(json_pack("{s:o}", "repaired", output_str(line.text)), err);
		else
			(void)printf("repaired: %.*s\n", STR_ARGS(line.text));
	}
	admin_disconnect(link);
	return rc;
}

int
cmd_fsck(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {0};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm fsck",
	    .synopsis = "[--repair]",
	    .summary = "Check every rule of the store. Exit status 7 if there are faults.",
	    .footer = footer,
	    .groups = &group,
	    .n_groups = 1,
	};
	int lock = -1, first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc == 0)
		rc = admin_become_owner(a, err);
	if (rc == 0 && o.repair)
		rc = repair(a, err);
	if (rc)
		return rc;
	rc = store_lock(a->config->path, &lock, err);
	if (rc == CFS_ELOCKED)
		(void)fprintf(stderr, "cfsadm: the store is in use; checking it as it is now\n");
	else if (rc)
		return rc;
	rc = check(a, err);
	fd_close(&lock);
	if (rc > 0)
		return err_set(err, CFS_ECORRUPT, "%d faults", rc);
	if (rc == 0 && !a->json)
		(void)printf("no faults\n");
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "server/identity.h"
#include "store/store.h"

static const struct arg_spec spec = {
    .prog = "cfsadm init",
    .synopsis = "",
    .summary = "Make an empty store and the server's key, and print the key's fingerprint.",
};

int
cmd_init(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	char text[FINGERPRINT_TEXT_SIZE];
	struct identity id;
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc)
		return rc;
	rc = admin_become_owner(a, err);
	if (rc == 0)
		rc = store_create(a->config->path, err);
	if (rc == 0)
		rc = identity_create(a->config->path, err);
	if (rc == 0)
		rc = identity_load(a->config, &id, err);
	if (rc)
		return rc;
	fingerprint_format(text, &id.fingerprint);
	identity_fini(&id);
	if (a->json)
		return output_json(
		    json_pack("{s:s, s:s}", "store", a->config->path, "fingerprint", text), err);
	(void)printf("%s\n", text);
	(void)fprintf(stderr, "cfsadm: made the store %s; above is its server's fingerprint\n",
		      a->config->path);
	return 0;
}

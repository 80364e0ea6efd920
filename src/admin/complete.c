/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "base/complete.h"
#include "proto/codec.h"
#include "show/top.h"

/* __complete: what may stand at the end of a command line of cfsadm, see base/complete.h. */

static void
offer_users(struct admin *a, struct complete *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct m_empty req = {0};
	struct admin_link *link;
	struct m_users_rep rep;
	char name[256];
	struct m_user u;

	if (admin_config(a, &err) || admin_connect(a, &link, &err))
		return;
	if (admin_call(link, OP_ADMIN_USERS, &req, &rep, &err) == 0) {
		while (list_next(&rep.users, &u)) {
			(void)snprintf(name, sizeof(name), "%.*s", STR_ARGS(u.name));
			complete_offer(c, name, u.state ? "disabled" : NULL);
		}
	}
	admin_disconnect(link);
}

static bool
offer_kind(struct complete *c, const char *kind, void *arg)
{
	if (strcmp(kind, "USER") == 0)
		offer_users(arg, c);
	else if (strcmp(kind, TOP_SORT_KIND) == 0)
		top_offer_sorts(c);
	else
		return false;
	return true;
}

void
admin_offer(struct admin *a, const struct arg_spec *spec)
{
	complete_spec(a->completing, spec, a->completing_from, offer_kind, a);
}

int
admin_complete(struct admin *a, const struct arg_spec *spec, int argc, char **argv)
{
	struct complete c;
	struct arg_spec begun = *spec; /* the command may be what is typed */
	struct cfs_err err = CFS_ERR_INIT;
	const struct admin_cmd *cmd = NULL;
	int first = 0, rc;

	if (!complete_init(&c, argc, argv, stdout))
		return 0;
	/* Errors in the settings are not for a shell's prompt. */
	a->json = true;
	begun.min_args = 0;
	rc = admin_args(a, &begun, c.n - 1, c.words, &first, &err);
	if (rc == ARGS_OK && first < c.n - 1)
		cmd = admin_find(c.words[first]);
	a->completing = &c;
	a->completing_from = first;
	if (cmd)
		(void)cmd->run(a, 1, c.words + first, &err); /* as far as admin_args() */
	else if (rc == ARGS_OK && first == c.n - 1 && c.typed[0] != '-')
		complete_commands(&c, spec->footer);
	else
		(void)admin_args(a, spec, 1, c.words, &first, &err);
	config_free(a->config);
	complete_fini(&c);
	return 0;
}

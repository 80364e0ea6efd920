/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "admin/password.h"
#include "base/bytes.h"
#include "proto/codec.h"

/* What ADMIN_USER_SET does. */
enum { MAKE = 1, SET_PASSWORD = 2, DISABLE = 3, ENABLE = 4, FORGET_DEVICES = 5 };

struct verb {
	const char *name;
	uint8_t what;
	const char *done; /* for people */
};

static const struct verb verbs[] = {
    {"add", MAKE, "made"},
    {"passwd", SET_PASSWORD, "has a new password"},
    {"disable", DISABLE, "cannot sign in any more"},
    {"enable", ENABLE, "can sign in again"},
    {"forget-devices", FORGET_DEVICES, "has no enrolled devices any more"},
};

struct options {
	const char *password_file;
};

static const struct arg_opt opts[] = {
    {.long_name = "password-file",
     .kind = ARG_STRING,
     .offset = offsetof(struct options, password_file),
     .arg_name = "FILE",
     .help = "read the password from the first line of FILE (- is standard input)"},
};

static int
print_users(const struct admin *a, struct list users, struct cfs_err *err)
{
	struct m_user u;
	char made[TIME_SIZE];
	int rc = 0;

	while (rc == 0 && list_next(&users, &u)) {
		if (a->json)
			rc = output_json(
			    json_pack("{s:I, s:o, s:b, s:i, s:o}", "id", (json_int_t)u.id, "name",
				      output_str(u.name), "disabled", u.state != 0, "devices",
				      (int)u.devices, "created", output_json_time(u.created)),
			    err);
		else
			(void)printf("%-24.*s %u devices, since %s%s\n", STR_ARGS(u.name),
				     u.devices, output_time(made, u.created),
				     u.state ? ", disabled" : "");
	}
	return rc;
}

static int
list(struct admin *a, struct cfs_err *err)
{
	struct m_empty req = {0};
	struct m_users_rep rep;
	struct admin_link *link;
	int rc = admin_connect(a, &link, err);

	if (rc)
		return rc;
	rc = admin_call(link, OP_ADMIN_USERS, &req, &rep, err);
	if (rc == 0)
		rc = print_users(a, rep.users, err);
	admin_disconnect(link);
	return rc;
}

static int
change(struct admin *a, const struct verb *v, const char *user, const char *password_file,
       struct cfs_err *err)
{
	char password[PASSWORD_SIZE] = "";
	struct m_admin_user_set_req req = {.user = str_from(user), .what = v->what};
	struct m_empty rep;
	struct admin_link *link;
	int rc = 0;

	if (password_file)
		rc = password_read_file(password_file, password, err);
	else if (v->what == SET_PASSWORD)
		rc = password_ask(user, password, err);
	if (rc == 0)
		rc = admin_connect(a, &link, err);
	if (rc)
		goto out;
	req.password = str_from(password);
	rc = admin_call(link, OP_ADMIN_USER_SET, &req, &rep, err);
	admin_disconnect(link);
	if (rc == 0 && a->json)
		rc = output_json(
		    json_pack("{s:o, s:s}", "user", output_str(req.user), "done", v->name), err);
	else if (rc == 0)
		(void)fprintf(stderr, "cfsadm: %s %s\n", user, v->done);
out:
	secure_wipe(password, sizeof(password));
	return rc;
}

int
cmd_user(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	struct options o = {0};
	const struct arg_group group = {
	    .title = "Options", .opts = opts, .n = ARRAY_SIZE(opts), .values = &o};
	const struct arg_spec spec = {
	    .prog = "cfsadm user",
	    .synopsis = "list\nadd|passwd [--password-file FILE] USER\n"
			"disable|enable|forget-devices USER",
	    .summary = "List users, or make or change one.",
	    .groups = &group,
	    .n_groups = 1,
	    .min_args = 1,
	    .max_args = 2,
	};
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc)
		return rc;
	if (strcmp(argv[first], "list") == 0 && argc - first == 1)
		return list(a, err);
	for (size_t i = 0; i < ARRAY_SIZE(verbs) && argc - first == 2; i++) {
		if (strcmp(argv[first], verbs[i].name) == 0)
			return change(a, &verbs[i], argv[first + 1], o.password_file, err);
	}
	return args_usage_error(&spec, err, "'%s' is not what it does, or a name is missing",
				argv[first]);
}

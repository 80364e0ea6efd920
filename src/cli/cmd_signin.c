/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/password.h"
#include "cli/remote.h"

/* login, logout, whoami, devices, profiles. */

struct login_values {
	const char *name, *device, *fingerprint;
	bool no_device, accept_new;
};

#define OPT(short_, long_, kind_, field, arg_, help_)                                              \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = (kind_),                     \
		.offset = offsetof(struct login_values, field), .arg_name = (arg_),                \
		.help = (help_)                                                                    \
	}
const struct arg_opt login_opts[] = {
    OPT('n', "name", ARG_STRING, name, "NAME", "name of the profile (default)"),
    OPT(0, "device", ARG_STRING, device, "NAME",
	"what the server calls this device (its host name)"),
    OPT(0, "no-device", ARG_FLAG, no_device, NULL, "enrol no key: each command needs the password"),
    OPT(0, "fingerprint", ARG_STRING, fingerprint, "SHA256:…", "the server's key must be this one"),
    OPT(0, "accept-new", ARG_FLAG, accept_new, NULL,
	"trust a server whose key is not known, without asking"),
};
const size_t login_n_opts = sizeof login_opts / sizeof *login_opts;

struct login {
	struct cli *cli;
	struct login_values o;
	char refused[80]; /* the fingerprint that is not --fingerprint's */
};

static bool
trust(void *arg, const char *host, const char *fingerprint)
{
	struct login *l = arg;
	char answer[16] = "";
	FILE *tty;

	if (l->o.fingerprint != NULL) {
		if (strcmp(l->o.fingerprint, fingerprint) == 0) {
			return true;
		}
		snprintf(l->refused, sizeof l->refused, "%s", fingerprint);
		return false;
	}
	if (l->o.accept_new) {
		return true;
	}
	tty = fopen("/dev/tty", "r+e");
	if (tty == NULL) {
		return false;
	}
	fprintf(tty,
		"The key of %s is not known. Its fingerprint:\n  %s\nIs it the right one? [y/N] ",
		host, fingerprint);
	fflush(tty);
	interrupt_asking(true);
	if (fgets(answer, sizeof answer, tty) == NULL) {
		answer[0] = '\0';
	}
	interrupt_asking(false);
	fclose(tty);
	return answer[0] == 'y' || answer[0] == 'Y';
}

/* An invite carries its secret behind '#'; without one a password is needed. */
static bool
is_invite(const char *target)
{
	return strchr(target, '#') != NULL;
}

static int
sign_in(struct login *l, const char *target, struct cfs_profile *profile, struct cfs_err *err)
{
	struct cfs_login login = {
	    .target = target,
	    .name = l->o.name != NULL ? l->o.name : l->cli->opt.profile,
	    .device = l->o.device,
	    .no_device = l->o.no_device,
	    .trust = trust,
	    .arg = l,
	    .timeout_ms = (unsigned)l->cli->opt.timeout_ms,
	    .program = "cfs",
	};
	char *password = NULL;
	int rc = 0;

	if (!is_invite(target)) {
		rc = password_get(l->cli, NULL, &password, err);
		login.password = password;
	}
	if (rc == 0) {
		rc = cfs_login(&login, profile, err);
	}
	password_free(password);
	if (rc != 0 && l->refused[0] != '\0') {
		rc = err_set(err, CFS_EKEYCHANGED, "the server's key is %s, not %s", l->refused,
			     l->o.fingerprint);
	}
	return rc;
}

int
cmd_login(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct login l = {.cli = cli};
	const struct cli_args args = {
	    .name = "login",
	    .synopsis = "[options] INVITE\n[options] cfs://USER@HOST[:PORT]",
	    .summary = "Enrol this device at a server: with an invite, or with the password.",
	    .opts = login_opts,
	    .n_opts = login_n_opts,
	    .values = &l.o,
	    .min_args = 1,
	    .max_args = 1,
	};
	struct cfs_profile profile = {0};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	rc = sign_in(&l, argv[first], &profile, err);
	if (rc == 0 && cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "profile", json_string(profile.name));
		json_object_set_new(o, "user", json_string(profile.user));
		json_object_set_new(o, "host", json_string(profile.host));
		json_object_set_new(o, "port", json_integer(profile.port));
		out_json(cli, o);
	} else if (rc == 0) {
		cli_note(cli, "Signed in to %s as %s.", profile.host, profile.user);
	}
	cfs_profile_fini(&profile);
	return rc;
}

int
cmd_logout(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "logout",
	    .synopsis = "[PROFILE]",
	    .summary = "Forget a server: its device key is revoked there and removed here.",
	    .max_args = 1,
	};
	bool revoked = false;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	remote_close_all(cli);
	rc = cfs_logout(first < argc ? argv[first] : cli->opt.profile, &revoked, err);
	if (rc == 0 && cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "revoked", json_boolean(revoked));
		out_json(cli, o);
	} else if (rc == 0 && !revoked) {
		cli_note(cli, "The server could not be asked to revoke this device's key; "
			      "do that from another device with 'cfs devices --revoke'.");
	}
	return rc;
}

int
cmd_whoami(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "whoami",
	    .synopsis = "",
	    .summary = "Who is signed in, and where.",
	};
	const struct cfs_identity *id;
	struct cfs *c;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0 || (rc = remote_default(cli, &c, err)) != 0) {
		return rc;
	}
	id = cfs_whoami(c);
	if (cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "user", json_string(id->user));
		json_object_set_new(o, "device", json_string(id->device));
		json_object_set_new(o, "server", json_string(id->server));
		json_object_set_new(o, "fingerprint", json_string(id->fingerprint));
		json_object_set_new(o, "private", json_boolean(id->is_private));
		out_json(cli, o);
		return 0;
	}
	fprintf(cli->out, "%s\n", id->user);
	cli_verbose(cli, "device %s, server %s, key %s", id->device, id->server, id->fingerprint);
	return 0;
}

struct devices_values {
	const char *revoke;
};
const struct arg_opt devices_opts[] = {
    {.long_name = "revoke",
     .kind = ARG_STRING,
     .offset = offsetof(struct devices_values, revoke),
     .arg_name = "NAME",
     .help = "forget a device, by its name or its fingerprint"},
};
const size_t devices_n_opts = sizeof devices_opts / sizeof *devices_opts;

struct devices {
	struct cli *cli;
	const char *wanted;
	unsigned matches;
	struct sha256 match;
};

static void
fingerprint_text(char out[80], const struct sha256 *f)
{
	snprintf(out, 80, "SHA256:");
	base64_encode(out + 7, BASE64_URL, f->b, sizeof f->b);
}

static int
each_device(void *arg, const struct cfs_device *d)
{
	struct devices *x = arg;
	char text[80], seen[32] = "never", *name;

	fingerprint_text(text, &d->fingerprint);
	if (x->wanted != NULL) {
		if (strcmp(x->wanted, d->name) == 0 || strcmp(x->wanted, text) == 0) {
			x->match = d->fingerprint;
			x->matches++;
		}
		return 0;
	}
	if (d->last_seen_ns != 0) {
		out_time(seen, sizeof seen, d->last_seen_ns);
	}
	if (x->cli->opt.json) {
		json_t *o = json_object();

		out_json_name(o, "name", d->name);
		json_object_set_new(o, "fingerprint", json_string(text));
		out_json_time(o, "created", d->created_ns);
		if (d->last_seen_ns != 0) {
			out_json_time(o, "last_seen", d->last_seen_ns);
		}
		json_object_set_new(o, "current", json_boolean(d->current));
		out_json(x->cli, o);
		return 0;
	}
	name = out_escape(d->name);
	fprintf(x->cli->out, "%c %-20s %-16s %s\n", d->current ? '*' : ' ',
		name != NULL ? name : "", seen, text);
	free(name);
	return 0;
}

int
cmd_devices(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct devices_values o = {0};
	struct devices x = {.cli = cli};
	const struct cli_args args = {
	    .name = "devices",
	    .synopsis = "[--revoke NAME]",
	    .summary = "Your enrolled devices; * is this one.",
	    .opts = devices_opts,
	    .n_opts = devices_n_opts,
	    .values = &o,
	};
	struct cfs *c;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0 || (rc = remote_default(cli, &c, err)) != 0) {
		return rc;
	}
	x.wanted = o.revoke;
	rc = cfs_devices(c, each_device, &x, err);
	if (rc != 0 || o.revoke == NULL) {
		return rc;
	}
	if (x.matches != 1) {
		return err_set(err, x.matches == 0 ? CFS_ENOENT : CFS_EUSAGE,
			       x.matches == 0
				   ? "%s: no such device"
				   : "%s: several devices have this name; give the fingerprint",
			       o.revoke);
	}
	rc = cfs_device_revoke(c, &x.match, err);
	if (rc == 0) {
		cli_did(cli, "revoke", o.revoke, false);
	}
	return rc;
}

static int
each_profile(void *arg, const struct cfs_profile *p, bool is_default)
{
	struct cli *cli = arg;

	if (cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "profile", json_string(p->name));
		json_object_set_new(o, "user", json_string(p->user != NULL ? p->user : ""));
		json_object_set_new(o, "host", json_string(p->host));
		json_object_set_new(o, "port", json_integer(p->port));
		json_object_set_new(o, "default", json_boolean(is_default));
		out_json(cli, o);
	} else {
		fprintf(cli->out, "%c %-16s cfs://%s@%s:%u\n", is_default ? '*' : ' ', p->name,
			p->user != NULL ? p->user : "", p->host, p->port);
	}
	return 0;
}

int
cmd_profiles(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "profiles",
	    .synopsis = "",
	    .summary = "The servers this machine is enrolled at; * is the default.",
	};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	return rc == 0 ? cfs_profile_list(each_profile, cli, err) : rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/interrupt.h"
#include "cli/password.h"

/* Where the path begins in "name:path" and "scheme://host/path"; 0 when the argument is a plain path. */
static size_t
prefix_length(const char *arg)
{
	const char *colon = strchr(arg, ':'), *slash = strchr(arg, '/');

	if (colon == NULL || colon == arg || (slash != NULL && slash < colon)) {
		return 0;
	}
	if (strncmp(colon, "://", 3) == 0) {
		slash = strchr(colon + 3, '/');
		return slash != NULL ? (size_t)(slash - arg) : strlen(arg);
	}
	return (size_t)(colon - arg) + 1;
}

bool
remote_is_other(const char *arg)
{
	return prefix_length(arg) > 0;
}

char *
remote_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);
	char *out = malloc(n + strlen(name) + 2);

	if (out != NULL) {
		sprintf(out, "%s%s%s", dir, n > 0 && dir[n - 1] == '/' ? "" : "/", name);
	}
	return out;
}

/* The profile that a key stands for: "" the chosen or default one, "name:" another, else a URL. */
static int
load_profile(struct cli *cli, const char *key, struct cfs_profile *p, struct cfs_err *err)
{
	struct cfs_profile url = {0};
	char *name;
	int rc;

	if (*key == '\0') {
		return cfs_profile_load(cli->opt.profile, p, err);
	}
	if (strstr(key, "://") != NULL) {
		if (strncmp(key, "cfs://", 6) != 0) {
			return err_set(err, CFS_EUNSUPPORTED, "%s: only cfs:// URLs are known",
				       key);
		}
		rc = cfs_profile_from_url(key, &url, err);
		if (rc == 0) {
			rc = cfs_profile_match(&url, p, err);
		}
		cfs_profile_fini(&url);
		return rc;
	}
	name = strndup(key, strlen(key) - 1);
	if (name == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	rc = cfs_profile_load(name, p, err);
	free(name);
	return rc;
}

static int
dial(struct cli *cli, struct cli_conn *conn, struct cfs_err *err)
{
	struct cfs_profile p = {0};
	struct cfs_options o = {
	    .program = "cfs",
	    .timeout_ms = (unsigned)cli->opt.timeout_ms,
	    .bwlimit = cli->opt.bwlimit,
	};
	char *password = NULL;
	int rc = load_profile(cli, conn->key, &p, err);

	if (rc == 0 && (conn->host = strdup(p.host)) == NULL) {
		rc = err_code(err, CFS_ENOMEM);
	}
	if (rc == 0 && (cli->opt.password_file != NULL || cli->opt.password_command != NULL)) {
		rc = password_get(cli, NULL, &password, err);
		o.password = password;
	}
	if (rc == 0) {
		rc = cfs_connect(&p, &o, &conn->c, err);
	}
	password_free(password);
	cfs_profile_fini(&p);
	return rc;
}

static void
conn_free(struct cli_conn *conn)
{
	cfs_close(conn->c);
	free(conn->host);
	free(conn->key);
	free(conn);
}

/* The connection for a key ("", "name:", "cfs://…"), made when it is first asked for; or the one beside it. */
static int
connection(struct cli *cli, const char *key, bool beside, struct cfs **out, struct cfs_err *err)
{
	struct cli_conn *conn;
	int rc;

	for (conn = cli->conns; conn != NULL; conn = conn->next) {
		if (conn->beside == beside && strcmp(conn->key, key) == 0) {
			*out = conn->c;
			return 0;
		}
	}
	conn = calloc(1, sizeof *conn);
	if (conn == NULL || (conn->key = strdup(key)) == NULL) {
		free(conn);
		return err_code(err, CFS_ENOMEM);
	}
	conn->beside = beside;
	rc = dial(cli, conn, err);
	if (rc != 0) {
		conn_free(conn);
		return rc;
	}
	conn->next = cli->conns;
	cli->conns = conn;
	*out = conn->c;
	/* Ctrl-C while there was no connection to interrupt. */
	return interrupt_pending() != 0 ? err_code(err, CFS_ECANCELED) : 0;
}

int
remote_default(struct cli *cli, struct cfs **out, struct cfs_err *err)
{
	return connection(cli, "", false, out, err);
}

int
remote_follow(struct cli *cli, struct cfs **c, struct cfs_err *err)
{
	const struct cli_conn *conn = cli->conns;

	if (!cli->shell) {
		return 0;
	}
	while (conn->c != *c) {
		conn = conn->next;
	}
	return connection(cli, conn->key, true, c, err);
}

const char *
remote_host(const struct cli *cli, const struct cfs *c)
{
	for (const struct cli_conn *conn = cli->conns; conn != NULL; conn = conn->next) {
		if (conn->c == c) {
			return conn->host;
		}
	}
	return "";
}

void
remote_come_back(struct cli *cli)
{
	for (const struct cli_conn *conn = cli->conns; conn != NULL; conn = conn->next) {
		cfs_come_back(conn->c);
	}
}

void
remote_close_all(struct cli *cli)
{
	while (cli->conns != NULL) {
		struct cli_conn *conn = cli->conns;

		cli->conns = conn->next;
		conn_free(conn);
	}
}

/* The directory that relative paths start in: the shell's, or the own tree. */
static char *
base_directory(const struct cli *cli, const struct remote *r)
{
	if (r->prefix[0] == '\0' && cli->cwd != NULL) {
		return strdup(cli->cwd);
	}
	return remote_join("/", cfs_whoami(r->c)->user);
}

int
remote_open(struct cli *cli, const char *arg, struct remote *out, struct cfs_err *err)
{
	size_t n = prefix_length(arg), len = strlen(arg);
	const char *path = arg + n;
	struct buf b = BUF_INIT;
	char *base = NULL;
	int rc;

	*out = (struct remote){.prefix = strndup(arg, n)};
	if (out->prefix == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	rc = connection(cli, out->prefix, false, &out->c, err);
	if (rc != 0) {
		goto out;
	}
	/* A URL's path is below the own tree, as a relative one is: cfs://host/docs; two slashes name the root. */
	if (strstr(out->prefix, "://") != NULL && *path == '/') {
		path++;
	}
	out->trailing_slash = len > n && arg[len - 1] == '/';
	base = base_directory(cli, out);
	if (base == NULL) {
		rc = err_code(err, CFS_ENOMEM);
		goto out;
	}
	rc = path_normalise(path_view_str(base), path_view_str(path), &b);
	if (rc != 0) {
		rc = rc == CFS_EINVAL ? err_set(err, rc, "goes above the root") : err_code(err, rc);
		goto out;
	}
	if (buf_append_byte(&b, '\0') != 0 || (out->path = buf_take(&b, NULL)) == NULL) {
		rc = err_code(err, CFS_ENOMEM);
	}
out:
	free(base);
	buf_fini(&b);
	if (rc != 0) {
		remote_fini(out);
	}
	return rc;
}

int
remote_place(const struct remote *r, struct cfs_place *out, bool *into_out, struct cfs_ref *dir_out,
	     struct cfs_err *err)
{
	struct cfs_attr attr;
	int rc = cfs_place(r->c, r->path, true, out, err);

	if (rc != 0) {
		return rc;
	}
	attr = out->attr;
	if (out->found && attr.type == CFS_SYMLINK &&
	    cfs_stat(r->c, r->path, false, &attr, NULL) != 0) {
		attr = out->attr;
	}
	*into_out = out->found && attr.type == CFS_DIR;
	*dir_out = *into_out ? attr.ref : out->parent;
	return 0;
}

void
remote_fini(struct remote *r)
{
	free(r->path);
	free(r->prefix);
	*r = (struct remote){0};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

int
identity_create(const char *store_path, struct cfs_err *err)
{
	struct tls_key *key = NULL;
	int dir, rc;

	dir = io_open(store_path, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return err_set_errno(err, errno, "open %s", store_path);
	rc = key_generate(KEY_SERVER, &key, err);
	if (rc == 0)
		rc = key_save(key, dir, IDENTITY_KEY_FILE, err);
	key_free(key);
	fd_close(&dir);
	return rc;
}

static int
load_key(const char *store_path, struct identity *out, struct cfs_err *err)
{
	int dir, rc;

	dir = io_open(store_path, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return err_set_errno(err, errno, "open %s", store_path);
	rc = key_load(dir, IDENTITY_KEY_FILE, &out->key, err);
	fd_close(&dir);
	if (rc)
		return err_wrap(err, "the server's key in %s", store_path);
	key_fingerprint(out->key, &out->fingerprint);
	return 0;
}

static bool
is_every_address(const char *host)
{
	return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* The first entry of a list of addresses. */
static void
first_of(const char *list, char out[HOSTPORT_SIZE])
{
	size_t n;

	list += strspn(list, " \t,");
	n = strcspn(list, " \t,");
	if (n >= HOSTPORT_SIZE)
		n = HOSTPORT_SIZE - 1;
	memcpy(out, list, n);
	out[n] = '\0';
}

int
identity_addresses(const struct config *c, const struct listener *l, struct identity *out,
		   struct cfs_err *err)
{
	char host[HOST_SIZE], first[HOSTPORT_SIZE];
	int rc;

	memset(out, 0, sizeof(*out));
	first_of(c->listen, first);
	rc = hostport_parse(first, CFS_PORT, host, &out->port, err);
	if (rc)
		return rc;
	if (l && l->count > 0) {
		out->port = addr_local_port(l->fds[0]);
		addr_format_local(out->listen, l->fds[0]);
	} else {
		hostport_format(out->listen, host, out->port);
	}
	if (is_every_address(host) && gethostname(host, sizeof(host) - 1))
		(void)strcpy(host, "localhost");
	host[sizeof(host) - 1] = '\0';
	if (c->address)
		(void)snprintf(out->address, sizeof(out->address), "%s", c->address);
	else
		hostport_format(out->address, host, out->port);
	return 0;
}

int
identity_load(const struct config *c, struct identity *out, struct cfs_err *err)
{
	int rc = identity_addresses(c, NULL, out, err);

	return rc ? rc : load_key(c->path, out, err);
}

void
identity_fini(struct identity *id)
{
	key_free(id->key);
	id->key = NULL;
}

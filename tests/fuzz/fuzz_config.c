/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as cfsd.conf, and as what people type to name a server, a size, a time. A file that is taken must be one that
 * the daemon can start from: no string that must be there is missing, no number out of its range.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"
#include "net/addr.h"
#include "net/url.h"
#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
count_error(void *arg, const char *text)
{
	check(text[0] != '\0');
	++*(unsigned *)arg;
}

static void
try_config(const uint8_t *data, size_t size)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct config *c = NULL;
	unsigned errors = 0;
	char path[64];
	int fd = memfd_create("cfsd.conf", MFD_CLOEXEC);
	int rc;

	check(fd >= 0 && io_write_full(fd, data, size) == 0);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	rc = config_load(path, count_error, &errors, &c, &err);
	check((rc == 0) == (errors == 0 && err.text[0] == '\0'));
	if (rc == 0) {
		check(c->path != NULL && c->listen != NULL && c->log != NULL);
		check(c->connections > 0 && c->per_address > 0 && c->unauthenticated > 0);
		check(c->signin_ms > 0 && c->idle_ms > 0 && c->heartbeat_ms > 0);
	}
	config_free(c);
	(void)close(fd);
}

/* What was taken is taken again as it is printed, and means the same. */
static void
try_url(const char *text)
{
	struct url url, again;
	char out[URL_TEXT_SIZE];

	if (url_parse(text, &url, NULL) != 0)
		return;
	check(url_parse(url_format(out, &url), &again, NULL) == 0);
	check(strcmp(url.host, again.host) == 0 && strcmp(url.user, again.user) == 0 &&
	      url.port == again.port);
}

static void
try_invite(const char *text)
{
	struct invite invite, again;
	char out[INVITE_TEXT_SIZE];

	if (invite_parse(text, &invite, NULL) != 0)
		return;
	check(invite_parse(invite_format(out, &invite), &again, NULL) == 0);
	check(strcmp(invite.secret, again.secret) == 0 && invite.url.port == again.url.port &&
	      memcmp(&invite.fingerprint, &again.fingerprint, sizeof again.fingerprint) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	try_config(data, size);
	try_url(text);
	try_invite(text);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/key.h"

#define SCHEME     "cfs://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

#define FINGERPRINT_LEN 43
#define SPACES          " \t\r\n"

static const char secret_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool
url_is(const char *text)
{
	return strncasecmp(text, SCHEME, SCHEME_LEN) == 0;
}

static int
bad(struct cfs_err *err, const char *why)
{
	return err_set(err, CFS_EUSAGE, "%s", why);
}

/* user@host:port, the n bytes at p. */
static int
parse_authority(const char *p, size_t n, struct url *out, struct cfs_err *err)
{
	char text[URL_USER_SIZE + HOSTPORT_SIZE];
	char *host = text;
	char *at;

	if (n >= sizeof text)
		return bad(err, "address too long");
	if (memchr(p, '\0', n))
		return bad(err, "not an address");
	memcpy(text, p, n);
	text[n] = '\0';
	at = strrchr(text, '@');
	if (at) {
		*at = '\0';
		host = at + 1;
		if (at == text || (size_t)(at - text) >= sizeof out->user)
			return bad(err, "the user before '@' is empty or too long");
		memcpy(out->user, text, (size_t)(at - text) + 1);
	}
	if (hostport_parse(host, CFS_PORT, out->host, &out->port, err) < 0) {
		if (err)
			err->code = CFS_EUSAGE;
		return CFS_EUSAGE;
	}
	if (out->host[0] == '\0')
		return bad(err, "a host is missing");
	if (out->port == 0)
		return bad(err, "port 0 cannot be reached");
	return 0;
}

int
url_parse(const char *text, struct url *out, struct cfs_err *err)
{
	size_t n;
	int rc;

	memset(out, 0, sizeof *out);
	out->has_scheme = url_is(text);
	if (out->has_scheme)
		text += SCHEME_LEN;
	else if (strstr(text, "://"))
		return bad(err, "only cfs:// addresses are known here");
	n = strcspn(text, "/");
	rc = parse_authority(text, n, out, err);
	if (rc < 0)
		return rc;
	if (text[n] != '\0' && !out->has_scheme)
		return bad(err, "a path needs cfs:// before the address");
	out->path = str_from(text + n);
	return 0;
}

/* "cfs://user@" and the address as given. */
static char *
format(char *out, size_t size, const struct url *url, const char *address)
{
	if (snprintf(out, size, SCHEME "%s%s%s", url->user, url->user[0] ? "@" : "", address) < 0)
		out[0] = '\0';
	return out;
}

char *
url_format(char out[URL_TEXT_SIZE], const struct url *url)
{
	char address[HOSTPORT_SIZE];

	hostport_format(address, url->host, url->port);
	if (url->port == CFS_PORT)
		*strrchr(address, ':') = '\0';
	return format(out, URL_TEXT_SIZE, url, address);
}

bool
invite_is(const char *text)
{
	text += strspn(text, SPACES);
	if (!url_is(text))
		return false;
	text += SCHEME_LEN;
	text += strcspn(text, "/");
	return strncmp(text, "/#", 2) == 0;
}

int
invite_parse(const char *text, struct invite *out, struct cfs_err *err)
{
	static const char broken[] = "not a whole invite (was it cut when it was copied?)";
	char fingerprint[FINGERPRINT_LEN + 1];
	const char *p;
	size_t n;
	int rc;

	memset(out, 0, sizeof *out);
	if (!invite_is(text))
		return bad(err, "not an invite");
	p = text + strspn(text, SPACES) + SCHEME_LEN;
	n = strcspn(p, "/");
	rc = parse_authority(p, n, &out->url, err);
	if (rc < 0)
		return rc;
	out->url.has_scheme = true;
	p += n + 2;
	if (strnlen(p, FINGERPRINT_LEN) < FINGERPRINT_LEN || p[FINGERPRINT_LEN] != '.')
		return bad(err, broken);
	memcpy(fingerprint, p, FINGERPRINT_LEN);
	fingerprint[FINGERPRINT_LEN] = '\0';
	if (fingerprint_parse(&out->fingerprint, fingerprint) < 0)
		return bad(err, broken);
	p += FINGERPRINT_LEN + 1;
	n = strspn(p, secret_chars);
	if (n == 0 || n >= sizeof out->secret || p[n + strspn(p + n, SPACES)] != '\0')
		return bad(err, broken);
	memcpy(out->secret, p, n);
	return 0;
}

char *
invite_format(char out[INVITE_TEXT_SIZE], const struct invite *invite)
{
	char fingerprint[FINGERPRINT_TEXT_SIZE];
	char address[HOSTPORT_SIZE];
	size_t n;

	hostport_format(address, invite->url.host, invite->url.port);
	format(out, INVITE_TEXT_SIZE, &invite->url, address);
	fingerprint_format(fingerprint, &invite->fingerprint);
	n = strlen(out);
	snprintf(out + n, INVITE_TEXT_SIZE - n, "/#%s.%s", strchr(fingerprint, ':') + 1,
		 invite->secret);
	return out;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_URL_H
#define CFS_NET_URL_H

/*
 * What people type to name a server: cfs://user@host:port/path, or host:port; and the invite, the same with the server's
 * fingerprint and a one-time secret behind a '#':
 *
 *	cfs://alice@files.example:7440/#FINGERPRINT.SECRET
 *
 * The path stands as it is: names are bytes, and there are no %-escapes (CFS prints none either, so what is printed can
 * be typed). Pure functions; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "net/addr.h"

#define URL_USER_SIZE   256
#define URL_SECRET_SIZE 128
#define URL_TEXT_SIZE   (URL_USER_SIZE + HOSTPORT_SIZE + 16)

/* Plain data; path is a view into the parsed text. */
struct url {
	char user[URL_USER_SIZE]; /* empty: not said */
	char host[HOST_SIZE];     /* without brackets */
	uint16_t port;            /* CFS_PORT where not said */
	bool has_scheme;          /* false: "host:port" alone */
	struct str path;          /* with its leading '/'; empty: not said */
};

/* Whether text begins with "cfs://" (in any case): a URL, or what was meant as one. */
bool url_is(const char *text);

/*
 * Parses a URL, or user@host:port without "cfs://" (then without a path). A '#' is part of the path. Returns 0 or
 * CFS_EUSAGE with a text that says what is wrong.
 */
int url_parse(const char *text, struct url *out, struct cfs_err *err);

/* "cfs://user@host:port" without path (and without ":port" where it is CFS_PORT). Returns out. */
char *url_format(char out[URL_TEXT_SIZE], const struct url *url);

/* Plain data. Wipe it (secure_wipe()) when done. */
struct invite {
	struct url url; /* no path */
	struct sha256 fingerprint;
	char secret[URL_SECRET_SIZE]; /* characters of base64url */
};

/* Whether text looks like an invite rather than a URL: "cfs://" and "/#" after the address. */
bool invite_is(const char *text);

/* Parses an invite; white space around it is ignored. Returns 0 or CFS_EUSAGE; the text never shows the secret. */
int invite_parse(const char *text, struct invite *out, struct cfs_err *err);

/* Room for an invite's line and its NUL. */
#define INVITE_TEXT_SIZE (URL_TEXT_SIZE + 2 + 43 + 1 + URL_SECRET_SIZE)

/* The line (without a newline), always with the port. secret must be characters of base64url. Returns out. */
char *invite_format(char out[INVITE_TEXT_SIZE], const struct invite *invite);

#endif

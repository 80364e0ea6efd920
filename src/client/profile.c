/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Profiles: one INI file, a section each, rewritten whole by each change.
 *
 *	default = home
 *
 *	[home]
 *	host = files.example
 *	port = 7440
 *	user = alice
 *	pin = SHA256:…
 *	next_pin = SHA256:…
 *	key = home.key
 */

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/xdg.h"
#include "client/cfs.h"
#include "client/profile.h"
#include "net/key.h"
#include "net/url.h"

#define FILE_MAX_BYTES (1024u * 1024)

struct profiles {
	struct cfs_profile *list;
	size_t count;
	char *default_name;
	bool no_memory;
	const char *bad; /* what is wrong with the file */
};

void
cfs_profile_fini(struct cfs_profile *p)
{
	if (p == NULL)
		return;
	free(p->name);
	free(p->host);
	free(p->user);
	free(p->key_path);
	memset(p, 0, sizeof(*p));
}

static void
profiles_fini(struct profiles *all)
{
	for (size_t i = 0; i < all->count; i++)
		cfs_profile_fini(&all->list[i]);
	free(all->list);
	free(all->default_name);
	memset(all, 0, sizeof(*all));
}

static struct cfs_profile *
find(const struct profiles *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->list[i].name, name) == 0)
			return &all->list[i];
	}
	return NULL;
}

static struct cfs_profile *
find_or_add(struct profiles *all, const char *name)
{
	struct cfs_profile *p = find(all, name);

	if (p != NULL)
		return p;
	p = reallocarray(all->list, all->count + 1, sizeof(*p));
	if (p == NULL)
		return NULL;
	all->list = p;
	p += all->count;
	memset(p, 0, sizeof(*p));
	p->port = CFS_PORT;
	p->name = strdup(name);
	if (p->name == NULL)
		return NULL;
	all->count++;
	return p;
}

static bool
set_string(struct profiles *all, char **to, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL) {
		all->no_memory = true;
		return false;
	}
	free(*to);
	*to = copy;
	return true;
}

static bool
set_port(struct profiles *all, struct cfs_profile *p, const char *value)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	if (*end != '\0' || port == 0 || port > UINT16_MAX) {
		all->bad = "port";
		return false;
	}
	p->port = (uint16_t)port;
	return true;
}

/* inih's handler: 0 is an error. Keys that are not known are left alone: a newer version may have written them. */
static int
on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct profiles *all = arg;
	struct cfs_profile *p;

	if (section[0] == '\0')
		return strcmp(key, "default") != 0 || set_string(all, &all->default_name, value);
	p = find_or_add(all, section);
	if (p == NULL) {
		all->no_memory = true;
		return 0;
	}
	if (strcmp(key, "host") == 0)
		return set_string(all, &p->host, value);
	if (strcmp(key, "user") == 0)
		return set_string(all, &p->user, value);
	if (strcmp(key, "key") == 0)
		return set_string(all, &p->key_path, value);
	if (strcmp(key, "port") == 0)
		return set_port(all, p, value);
	if (strcmp(key, "pin") == 0) {
		p->has_pin = fingerprint_parse(&p->pin, value) == 0;
		if (!p->has_pin)
			all->bad = "pin";
		return p->has_pin;
	}
	if (strcmp(key, "next_pin") == 0) {
		p->has_next_pin = fingerprint_parse(&p->next_pin, value) == 0;
		if (!p->has_next_pin)
			all->bad = "next_pin";
		return p->has_next_pin;
	}
	return 1;
}

/* Key files are named relative to the folder of the profiles, so that it can be moved as a whole. */
static int
resolve_keys(struct profiles *all, struct cfs_err *err)
{
	struct buf path = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < all->count && rc == 0; i++) {
		struct cfs_profile *p = &all->list[i];

		if (p->key_path == NULL || p->key_path[0] == '/')
			continue;
		rc = xdg_path(XDG_CONFIG, p->key_path, false, &path, err);
		if (rc == 0 && (buf_cstr(&path) == NULL ||
				!set_string(all, &p->key_path, (const char *)path.data)))
			rc = err_code(err, CFS_ENOMEM);
	}
	buf_fini(&path);
	return rc;
}

/* No file: no profiles. */
static int
profiles_load(struct profiles *all, struct cfs_err *err)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	int rc = xdg_path(XDG_CONFIG, "profiles.conf", false, &path, err);
	int line = 0;

	memset(all, 0, sizeof(*all));
	if (rc == 0 && buf_cstr(&path) == NULL)
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0) {
		rc = io_read_file(AT_FDCWD, (const char *)path.data, FILE_MAX_BYTES, &text, err);
		if (rc == CFS_ENOENT) {
			rc = 0;
			goto out;
		}
	}
	if (rc == 0 && buf_cstr(&text) != NULL)
		line = ini_parse_string((const char *)text.data, on_key, all);
	if (all->no_memory || line < 0)
		rc = err_code(err, CFS_ENOMEM);
	else if (line > 0)
		rc = err_set(err, CFS_ECONFIG, "%s:%d: bad %s", (const char *)path.data, line,
			     all->bad != NULL ? all->bad : "line");
	if (rc == 0)
		rc = resolve_keys(all, err);
out:
	if (rc < 0)
		profiles_fini(all);
	buf_fini(&path);
	buf_fini(&text);
	return rc;
}

static void
print_profile(struct buf *b, const struct cfs_profile *p, const char *folder)
{
	char pin[FINGERPRINT_TEXT_SIZE];
	size_t n = strlen(folder);

	buf_appendf(b, "\n[%s]\nhost = %s\nport = %u\n", p->name, p->host != NULL ? p->host : "",
		    p->port);
	if (p->user != NULL)
		buf_appendf(b, "user = %s\n", p->user);
	if (p->has_pin)
		buf_appendf(b, "pin = %s\n", fingerprint_format(pin, &p->pin));
	if (p->has_next_pin)
		buf_appendf(b, "next_pin = %s\n", fingerprint_format(pin, &p->next_pin));
	if (p->key_path != NULL) {
		bool inside = strncmp(p->key_path, folder, n) == 0 && p->key_path[n] == '/';

		buf_appendf(b, "key = %s\n", inside ? p->key_path + n + 1 : p->key_path);
	}
}

static int
profiles_save(const struct profiles *all, struct cfs_err *err)
{
	struct buf folder = BUF_INIT, path = BUF_INIT, text = BUF_INIT;
	int rc = xdg_path(XDG_CONFIG, NULL, true, &folder, err);

	if (rc == 0)
		rc = xdg_path(XDG_CONFIG, "profiles.conf", true, &path, err);
	if (rc == 0 && (buf_cstr(&folder) == NULL || buf_cstr(&path) == NULL))
		rc = err_code(err, CFS_ENOMEM);
	if (rc < 0)
		goto out;
	if (all->default_name != NULL)
		buf_appendf(&text, "default = %s\n", all->default_name);
	for (size_t i = 0; i < all->count; i++)
		print_profile(&text, &all->list[i], (const char *)folder.data);
	rc = io_write_file(AT_FDCWD, (const char *)path.data, text.data, text.len, 0600, err);
out:
	buf_fini(&folder);
	buf_fini(&path);
	buf_fini(&text);
	return rc;
}

int
profile_check_name(const char *name, struct cfs_err *err)
{
	static const char good[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);

	if (n == 0 || n > 64 || strspn(name, good) != n || name[0] == '.')
		return err_set(err, CFS_EUSAGE,
			       "'%s' is no name for a profile (letters, digits, '.', '_', '-')",
			       name);
	return 0;
}

static int
copy_profile(struct cfs_profile *out, const struct cfs_profile *p)
{
	memset(out, 0, sizeof(*out));
	out->port = p->port;
	out->pin = p->pin;
	out->has_pin = p->has_pin;
	out->next_pin = p->next_pin;
	out->has_next_pin = p->has_next_pin;
	if ((p->name != NULL && (out->name = strdup(p->name)) == NULL) ||
	    (p->host != NULL && (out->host = strdup(p->host)) == NULL) ||
	    (p->user != NULL && (out->user = strdup(p->user)) == NULL) ||
	    (p->key_path != NULL && (out->key_path = strdup(p->key_path)) == NULL)) {
		cfs_profile_fini(out);
		return CFS_ENOMEM;
	}
	return 0;
}

int
cfs_profile_load(const char *name, struct cfs_profile *out, struct cfs_err *err)
{
	struct profiles all;
	const char *env = getenv("CFS_PROFILE");
	int rc = profiles_load(&all, err);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	if (name == NULL && env != NULL && env[0] != '\0')
		name = env;
	if (name == NULL)
		name = all.default_name != NULL ? all.default_name : "default";

	const struct cfs_profile *p = find(&all, name);
	if (p == NULL || p->host == NULL)
		rc = err_set(err, CFS_ENOTSIGNEDIN, "no profile '%s': run 'cfs login URL' first",
			     name);
	else if (copy_profile(out, p) < 0)
		rc = err_code(err, CFS_ENOMEM);
	profiles_fini(&all);
	return rc;
}

int
cfs_profile_save(const struct cfs_profile *p, bool make_default, struct cfs_err *err)
{
	struct profiles all;
	struct cfs_profile *slot, copy;
	int rc = profile_check_name(p->name, err);

	if (rc == 0)
		rc = profiles_load(&all, err);
	if (rc < 0)
		return rc;
	slot = find_or_add(&all, p->name);
	if (slot == NULL || copy_profile(&copy, p) < 0) {
		rc = err_code(err, CFS_ENOMEM);
		goto out;
	}
	cfs_profile_fini(slot);
	*slot = copy;
	if ((make_default || all.default_name == NULL) &&
	    !set_string(&all, &all.default_name, p->name))
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0)
		rc = profiles_save(&all, err);
out:
	profiles_fini(&all);
	return rc;
}

int
profile_note_pins(const char *name, const struct sha256 *pin, const struct sha256 *next,
		  struct cfs_err *err)
{
	struct cfs_profile p;
	int rc = cfs_profile_load(name, &p, err);

	if (rc < 0)
		return rc;
	p.pin = *pin;
	p.has_next_pin = next != NULL;
	if (next != NULL)
		p.next_pin = *next;
	rc = cfs_profile_save(&p, false, err);
	cfs_profile_fini(&p);
	return rc;
}

int
cfs_profile_remove(const char *name, struct cfs_err *err)
{
	struct profiles all;
	struct cfs_profile gone;
	int rc = profiles_load(&all, err);

	if (rc < 0)
		return rc;
	struct cfs_profile *p = find(&all, name);
	if (p == NULL) {
		rc = err_set(err, CFS_ENOENT, "no profile '%s'", name);
		goto out;
	}
	gone = *p;
	*p = all.list[--all.count];
	if (all.default_name != NULL && strcmp(all.default_name, name) == 0) {
		free(all.default_name);
		all.default_name = NULL;
	}
	rc = profiles_save(&all, err);
	if (rc == 0 && gone.key_path != NULL && unlink(gone.key_path) < 0 && errno != ENOENT)
		rc = err_set_errno(err, errno, "%s", gone.key_path);
	cfs_profile_fini(&gone);
out:
	profiles_fini(&all);
	return rc;
}

int
cfs_profile_list(int (*each)(void *arg, const struct cfs_profile *p, bool is_default), void *arg,
		 struct cfs_err *err)
{
	struct profiles all;
	int rc = profiles_load(&all, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < all.count && rc == 0; i++) {
		const char *def = all.default_name != NULL ? all.default_name : "default";

		rc = each(arg, &all.list[i], strcmp(all.list[i].name, def) == 0);
	}
	profiles_fini(&all);
	return rc;
}

int
cfs_profile_from_url(const char *text, struct cfs_profile *out, struct cfs_err *err)
{
	struct url url;
	int rc = url_parse(text, &url, err);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	out->port = url.port;
	out->host = strdup(url.host);
	if (url.user[0] != '\0')
		out->user = strdup(url.user);
	if (out->host == NULL || (url.user[0] != '\0' && out->user == NULL)) {
		cfs_profile_fini(out);
		return err_code(err, CFS_ENOMEM);
	}
	return 0;
}

int
cfs_profile_match(const struct cfs_profile *url, struct cfs_profile *out, struct cfs_err *err)
{
	struct profiles all;
	const struct cfs_profile *match = NULL;
	int rc = profiles_load(&all, err);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < all.count && match == NULL; i++) {
		const struct cfs_profile *p = &all.list[i];

		if (p->host != NULL && strcasecmp(p->host, url->host) == 0 &&
		    p->port == url->port &&
		    (url->user == NULL || (p->user != NULL && strcmp(p->user, url->user) == 0)))
			match = p;
	}
	if (match == NULL)
		rc = err_set(err, CFS_ENOTSIGNEDIN,
			     "no profile for %s%s%s:%u: run 'cfs login' first",
			     url->user != NULL ? url->user : "", url->user != NULL ? "@" : "",
			     url->host, (unsigned)url->port);
	else if (copy_profile(out, match) < 0)
		rc = err_code(err, CFS_ENOMEM);
	profiles_fini(&all);
	return rc;
}

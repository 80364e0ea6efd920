/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_prompt.h"

#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/remote.h"

/* readline counts no columns between \001 and \002. */
#define GREEN "\001\033[1;32m\002"
#define BLUE  "\001\033[1;34m\002"
#define RED   "\001\033[1;31m\002"
#define PLAIN "\001\033[0m\002"

/* The end of a path that fits, from a whole component on; the path itself if all of it does. */
static const char *
fitting(const char *path, size_t columns)
{
	size_t len = strlen(path);
	const char *slash;

	if (len <= columns) {
		return path;
	}
	slash = strchr(path + len - columns, '/');
	return slash != NULL ? slash : strrchr(path, '/');
}

void
shell_prompt(struct shell *sh, int columns, char *buf, size_t size)
{
	bool colors = out_colors(sh->cli), own, online;
	const char *user, *dir, *tail;
	struct remote r;
	char *shown;
	size_t n;

	if (remote_open(sh->cli, "", &r, NULL) != 0) {
		snprintf(buf, size, "cfs (offline)> ");
		return;
	}
	user = cfs_whoami(r.c)->user;
	n = strlen(user);
	own = strncmp(r.path + 1, user, n) == 0 && (r.path[n + 1] == '\0' || r.path[n + 1] == '/');
	online = cfs_is_online(r.c);
	shown = out_escape(own ? r.path + 1 + n : r.path);
	dir = shown != NULL ? shown : "";
	tail = fitting(dir, columns > 20 ? (size_t)columns / 2 - 10 : 10);
	snprintf(buf, size, "%s%s@%s%s:%s%s%.300s%s%s%s%s%s> ", colors ? GREEN : "", user,
		 remote_host(sh->cli, r.c), colors ? PLAIN : "", colors ? BLUE : "",
		 tail != dir ? "..."
		 : own       ? "~"
			     : "",
		 tail, colors ? PLAIN : "", online ? "" : " (offline)",
		 colors && sh->last != 0 ? RED : "", sh->last != 0 ? " !" : "",
		 colors && sh->last != 0 ? PLAIN : "");
	free(shown);
	remote_fini(&r);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/xdg.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

static const struct {
	const char *variable;
	const char *below_home;
} kinds[] = {
    [XDG_CONFIG] = {"XDG_CONFIG_HOME", ".config"}, [XDG_DATA] = {"XDG_DATA_HOME", ".local/share"},
    [XDG_CACHE] = {"XDG_CACHE_HOME", ".cache"},    [XDG_STATE] = {"XDG_STATE_HOME", ".local/state"},
    [XDG_RUNTIME] = {"XDG_RUNTIME_DIR", NULL},
};

/* The variable's value if it is an absolute path, else NULL. */
static const char *
absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] == '/' ? value : NULL;
}

static int
append_home(struct buf *out, struct cfs_err *err)
{
	const char *home = absolute_env("HOME");
	struct passwd pw, *found = NULL;
	char text[4096];

	if (home == NULL && getpwuid_r(getuid(), &pw, text, sizeof(text), &found) == 0 &&
	    found != NULL)
		home = found->pw_dir;
	if (home == NULL || home[0] != '/')
		return err_set(err, CFS_ENOENT, "no home directory: HOME is not set");
	return buf_append_str(out, home) < 0 ? err_code(err, CFS_ENOMEM) : 0;
}

/* The folder of the kind, without a name behind it, in out. */
static int
folder(enum xdg_kind kind, struct buf *out, struct cfs_err *err)
{
	const char *value = absolute_env(kinds[kind].variable);
	int rc;

	buf_clear(out);
	if (value == NULL && kinds[kind].below_home == NULL) {
		rc = folder(XDG_STATE, out, err);
		if (rc == 0 && buf_append_str(out, "/run") < 0)
			rc = err_code(err, CFS_ENOMEM);
		return rc;
	}
	if (value != NULL) {
		rc = buf_appendf(out, "%s/cfs", value);
	} else {
		rc = append_home(out, err);
		if (rc < 0)
			return rc;
		rc = buf_appendf(out, "/%s/cfs", kinds[kind].below_home);
	}
	return rc < 0 ? err_code(err, rc) : 0;
}

int
xdg_path(enum xdg_kind kind, const char *name, bool create, struct buf *out, struct cfs_err *err)
{
	const char *path;
	int rc = folder(kind, out, err);

	if (rc < 0)
		return rc;
	path = buf_cstr(out);
	if (path == NULL)
		return err_code(err, CFS_ENOMEM);
	if (create) {
		rc = io_mkdir_p(path, 0700, err);
		if (rc < 0)
			return rc;
	}
	if ((name != NULL && buf_appendf(out, "/%s", name) < 0) || buf_cstr(out) == NULL)
		return err_code(err, CFS_ENOMEM);
	return 0;
}

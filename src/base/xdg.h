/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_XDG_H
#define CFS_BASE_XDG_H

/*
 * Where a user's own files of CFS are: the XDG Base Directory Specification 0.8, folder "cfs" in each. Reads the
 * environment, so not while another thread changes it.
 */

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum xdg_kind {
	XDG_CONFIG, /* $XDG_CONFIG_HOME, or ~/.config: profiles, device keys */
	XDG_DATA,   /* $XDG_DATA_HOME, or ~/.local/share */
	XDG_CACHE,  /* $XDG_CACHE_HOME, or ~/.cache: may be deleted at any time */
	XDG_STATE,  /* $XDG_STATE_HOME, or ~/.local/state: history, recovery */
	XDG_RUNTIME, /* $XDG_RUNTIME_DIR; where that is not set, the state folder's "run" (it survives a reboot) */
};

/*
 * Replaces out by the path of CFS's folder of this kind, with "/name" behind it if name is not NULL. A variable that
 * is not absolute counts as not set, as the specification says; HOME that is not set is taken from the password
 * database. With create, the folder (not name) is made with its parents, mode 0700. Returns 0, CFS_ENOENT (no home),
 * or the code of what failed.
 */
int xdg_path(enum xdg_kind kind, const char *name, bool create, struct buf *out,
	     struct cfs_err *err);

#endif

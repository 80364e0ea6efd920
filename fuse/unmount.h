/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_UNMOUNT_H
#define CFS_FUSE_UNMOUNT_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Unmounts as root or as the user who mounted; a mount that is busy or whose process is gone is detached. CFS_EFAIL
 * if that is refused too.
 */
int unmount_dir(const char *dir, struct cfs_err *err);

/* Whether dir is what a killed cfs-mount left behind ("Transport endpoint is not connected"). */
bool unmount_is_dead(const char *dir);

/* Whether a cfs-mount serves dir already. */
bool unmount_is_mounted(const char *dir);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_LAYOUT_H
#define CFS_STORE_LAYOUT_H

/*
 * The store's directory:
 *   format   "cfs store 1": written last by store_create(), looked at before anything else
 *   lock     flock(2)ed while the store is served
 *   meta.db  (-wal, -shm) the database
 *   blobs/   see blob.h
 *   ballast  space given up when the disk is full, so that deleting always works
 */

#include "base/err.h"

#define LAYOUT_FORMAT  "format"
#define LAYOUT_LOCK    "lock"
#define LAYOUT_DB      "meta.db"
#define LAYOUT_BLOBS   "blobs"
#define LAYOUT_BALLAST "ballast"

/* Whether there is a store of a format that this program knows: CFS_ENOENT, CFS_EFORMAT, CFS_ECORRUPT. */
int layout_check(const char *path, struct cfs_err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_LAYOUT_H
#define CFS_STORE_LAYOUT_H

/*
 * The store's directory:
 *   format   "cfs store 1": written last by store_create(), looked at before anything else
 *   lock     flock(2)ed while the store is served
 *   meta/    meta.db (-wal, -shm), the database; ballast: space given up when the disk is full, so that deleting always works
 *   blobs/   see blob.h
 *   keys/    the server's key (server/identity.h); nobody who may read the rest has to read this
 *
 * A process in the sandbox reaches format, meta/ and blobs/ and no more, so nothing that sessions use may lie beside them.
 */

#include "base/err.h"

#define LAYOUT_FORMAT  "format"
#define LAYOUT_LOCK    "lock"
#define LAYOUT_META    "meta"
#define LAYOUT_DB      "meta/meta.db"
#define LAYOUT_BALLAST "meta/ballast"
#define LAYOUT_BLOBS   "blobs"
#define LAYOUT_KEYS    "keys"

/* Whether there is a store of a format that this program knows: CFS_ENOENT, CFS_EFORMAT, CFS_ECORRUPT. */
int layout_check(const char *path, struct cfs_err *err);

#endif

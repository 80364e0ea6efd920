/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_LAYOUT_H
#define CFS_STORE_LAYOUT_H

/*
 * The store's directory:
 *   format   "cfs store 1": written last by store_create(), looked at before anything else
 *   lock     flock(2)ed while the store is served
 *   meta/    meta.db (-wal, -shm), the database; locked: there while clients may hold locks (server/locks.h);
 *            ballast: space given up when the disk is full, so that deleting always works;
 *            hold: flock(2)ed, shared, while a backup is made: no blob is removed then
 *   blobs/   see blob.h
 *   scrub    where the last scrub ended (scrub.h); cfsadm's alone
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
#define LAYOUT_LOCKED  "meta/locked"
#define LAYOUT_BLOBS   "blobs"
#define LAYOUT_KEYS    "keys"
#define LAYOUT_HOLD    "meta/hold"
#define LAYOUT_SCRUB   "scrub"

/* Whether there is a store of a format that this program knows: CFS_ENOENT, CFS_EFORMAT, CFS_ECORRUPT. */
int layout_check(const char *path, struct cfs_err *err);

/* Makes a store's directory, or finds it empty (CFS_EEXIST), and opens it. */
int layout_empty(const char *path, int *fd_out, struct cfs_err *err);
/* Everything else is there and durable: makes it a store. */
int layout_finish(int dir, const char *path, struct cfs_err *err);

/* Keeps blobs from being removed until *fd_out is closed; waits for a removal that is under way. */
int layout_hold(int dir, int *fd_out, struct cfs_err *err);
/* Whether blobs may be removed until *fd_out is closed: 1, 0 while somebody holds them, or a code. */
int layout_try_unheld(int dir, int *fd_out, struct cfs_err *err);

#endif

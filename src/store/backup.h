/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BACKUP_H
#define CFS_STORE_BACKUP_H

/*
 * Backups: a copy of the database as it was at one moment, and the blobs that it names, which never change. Made beside a
 * daemon that serves the store; while one is made no blob is removed (LAYOUT_HOLD).
 *
 * A backup's directory is laid out as a store's, with a file "backup" in place of "format", so that nobody serves it by
 * mistake. The database is replaced when everything that it names is there, on stable storage: until then the backup is
 * the one before, whatever ends the making. Blobs that are there are not copied again.
 */

#include "base/err.h"
#include "store/store.h"

struct backup_result {
	uint64_t blobs, bytes;               /* of the whole backup */
	uint64_t copied_blobs, copied_bytes; /* that were not there yet */
	uint64_t removed_blobs;              /* that nothing names any more */
	uint64_t
	    damaged_blobs; /* with BACKUP_CHECK: that were there, damaged, and were copied again */
	uint64_t lost_blobs; /* of those: damaged in the store as well */
};

struct backup_hooks {
	void (*progress)(void *arg, const struct backup_result *so_far); /* after each blob */
	void *arg;
};

/*
 * Makes or renews the backup of the store at path in dir (made if absent; CFS_EEXIST for one that holds something else,
 * CFS_ECONFLICT for one of another store, CFS_ELOCKED while another is made there). On stable storage when it returns, dir's
 * own name included.
 */
enum backup_flags {
	BACKUP_LINK = 1, /* blobs become hard links where the file system allows */
	BACKUP_CHECK =
	    2, /* blobs that are there already are hashed, and copied again if they are damaged */
};
int backup_make(const char *path, const char *dir, unsigned flags, const struct backup_hooks *hooks,
		struct backup_result *out, struct cfs_err *err);

/*
 * The same as one pax archive into fd, "backup" last: unpacked it is such a directory. CFS_ELOCKED while another archive is
 * made: the store has room for one copy of the database.
 */
int backup_stream(const char *path, int fd, const struct backup_hooks *hooks,
		  struct backup_result *out, struct cfs_err *err);

/*
 * Makes a store at path, absent or empty, from a backup; served it is another incarnation of the same store: clients take
 * nothing that they remember for granted. Durable on return.
 */
int backup_restore(const char *dir, const char *path, const struct backup_hooks *hooks,
		   struct backup_result *out, struct cfs_err *err);

/* Opens a backup for store_check() and scrub_step() (without healing); nothing in it is written. shared, conf must outlive it. */
int backup_open(const char *dir, const struct store_conf *conf, struct store_shared *shared,
		struct store **out, struct cfs_err *err);

#endif

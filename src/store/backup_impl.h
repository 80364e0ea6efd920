/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BACKUP_IMPL_H
#define CFS_STORE_BACKUP_IMPL_H

/* What the files of backups share. */

#include "store/backup.h"
#include "store/impl.h"

#define BACKUP_MARK "backup"
#define BACKUP_NEW  LAYOUT_DB ".new"

/* A snapshot of a store's database, and the store's directory, held against the removal of blobs. */
struct snapshot {
	int dir, blobs, hold;
	struct db *db; /* of the snapshot's file; read-only */
	struct id128 id;
};

/* Writes the snapshot to `file`, which is absent, flushes and opens it. snapshot_close() also after an error. */
int snapshot_open(const char *path, const char *file, struct snapshot *out, struct cfs_err *err);
void snapshot_close(struct snapshot *s);

struct snapshot_blob {
	struct id128 id;
	uint64_t stored; /* bytes of its file */
	uint32_t length; /* of the content */
	struct sha256 hash;
};
typedef int snapshot_blob_fn(void *arg, const struct snapshot_blob *b, struct cfs_err *err);

/* Calls each() for every blob that the database names, in the order of ids. */
int snapshot_blobs(struct db *db, snapshot_blob_fn *each, void *arg, struct cfs_err *err);

/* backup_check.c: whether blobs below a folder are what the database says. */
struct backup_check;
int backup_check_new(int blobs, struct backup_check **out, struct cfs_err *err);
void backup_check_free(struct backup_check *k);
bool backup_check_whole(struct backup_check *k, const struct snapshot_blob *b);

/* Calls each() for every file in a store's or backup's LAYOUT_KEYS, by its path in the store. */
int snapshot_keys(int dir, int (*each)(void *arg, const char *name, struct cfs_err *err), void *arg,
		  struct cfs_err *err);

/* "a1/a1b2…", as blobs are called below their folder. */
#define BLOB_FILE_SIZE (3 + ID128_HEX_SIZE)
const char *blob_file(char out[BLOB_FILE_SIZE], const struct id128 *id);

/* Opens one of a store's subdirectories or files for reading. */
int open_below(int dir, const char *name, int flags, int *fd_out, struct cfs_err *err);

/* "cfs backup 3 ID": what the file BACKUP_MARK says. CFS_ENOENT, CFS_EFORMAT, CFS_ECORRUPT. */
int mark_read(int dir, struct id128 *id_out, struct cfs_err *err);
/* Its text. */
#define MARK_SIZE 64
int mark_text(char out[MARK_SIZE], const struct id128 *id);

#endif

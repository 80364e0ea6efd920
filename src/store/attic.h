/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_ATTIC_H
#define CFS_STORE_ATTIC_H

/*
 * The attic: what changes replaced, removed or wrote over, kept for a time. The user whose tree it was in, and an admin, may look
 * at it and bring it back; others may not (CFS_EDENIED).
 *
 * Entries are known by id and inode number together: ids may come again, inode numbers do not.
 */

#include "base/err.h"
#include "store/types.h"

struct store;

/* What became of a version. */
enum attic_how {
	ATTIC_PRESENT = 0,     /* it is there now */
	ATTIC_REPLACED = 1,    /* put, copied, restored or renamed over */
	ATTIC_REMOVED = 2,     /* the last name was removed */
	ATTIC_OVERWRITTEN = 3, /* written over or cut in place: the content before that */
	ATTIC_NAME_GONE = 4,   /* this name was removed; the file lived on under another */
	ATTIC_DIR_GONE = 5,    /* a directory that was removed */
};

struct attic_entry {
	uint64_t id; /* 0: present */
	enum attic_how how;
	struct inode_attr
	    attr; /* of the inode that has the content; version and size are the entry's. A directory: mode alone */
	uint64_t version;
	uint64_t source;    /* it was made by restoring this version, 0 none */
	int64_t removed_ns; /* when it came here, 0: present */
	uint64_t remover;
	struct bytes_view path,
	    name; /* of the directory, and in it, at that time; views for the callback */
};
typedef int attic_fn(void *arg, const struct attic_entry *e);

/*
 * Versions of the name that path leads to from base, the newest first, those in the attic behind what is there: entries of the
 * name, of the inode before it was renamed, and of what these replaced. Directories on the way may be removed ones. before: go on behind that id, 0 from
 * the start. Until each() returns non-zero (not taken then) or *eof_out.
 */
int attic_versions(struct store *s, const struct cred *cred, struct inode_ref base,
		   struct bytes_view path, uint64_t before, attic_fn *each, void *arg,
		   bool *eof_out, struct cfs_err *err);

/* The names that were removed from a directory, which may be removed itself, and are not there now: the newest entry of each. */
int attic_removed(struct store *s, const struct cred *cred, struct inode_ref base,
		  struct bytes_view path, uint64_t before, attic_fn *each, void *arg, bool *eof_out,
		  struct cfs_err *err);

/* All entries of the caller, the newest first. */
int attic_list(struct store *s, const struct cred *cred, uint64_t before, attic_fn *each, void *arg,
	       bool *eof_out, struct cfs_err *err);

struct restore_args {
	uint64_t id, source_ino; /* an entry, which stays where it is */
	struct inode_ref dir;
	struct bytes_view name;
	uint64_t ino; /* a free number of a range of `stream` */
	struct id128 stream;
	bool noclobber;
};
/*
 * change. Gives the name the content, mode and times of an entry, as content_put() does: what is there goes to the attic.
 * CFS_ENOENT without such an entry, CFS_EINVAL for one without content, CFS_ENOSPC where content is refused.
 */
int attic_restore(struct store *s, const struct cred *cred, const struct restore_args *a,
		  struct inode_attr *out, uint64_t *replaced_out, struct cfs_err *err);

/* change. Gives an entry up for good: 1, or 0 if it is not there; *bytes_out what it took. */
int attic_prune(struct store *s, const struct cred *cred, uint64_t id, uint64_t ino,
		uint64_t *bytes_out, struct cfs_err *err);

#endif

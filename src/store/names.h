/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_NAMES_H
#define CFS_STORE_NAMES_H

/*
 * The namespace: inodes and dentries. Verbs marked "change" need an open transaction and are all-or-nothing only
 * together with change_begin()/change_end() (store/changes.h), which wrap each in a savepoint.
 *
 * Common errors: CFS_ENOENT, CFS_ESTALE (no inode of that number and generation, or it is gone), CFS_ENOTDIR,
 * CFS_EDENIED (not the caller's tree), CFS_EBADNAME, CFS_ENAMETOOLONG, CFS_ECORRUPT, CFS_EIO.
 * Where trees are private, what the caller may not see is CFS_ENOENT. Only the tree's owner changes a tree; nobody but
 * an admin changes the root. Names are bytes; they need not be NUL-terminated.
 */

#include "base/err.h"
#include "store/types.h"

struct store;

int names_getattr(struct store *s, const struct cred *cred, struct inode_ref ref,
		  struct inode_attr *out, struct cfs_err *err);

int names_lookup(struct store *s, const struct cred *cred, struct inode_ref dir,
		 struct bytes_view name, struct inode_attr *out, struct cfs_err *err);

/* The result of names_walk(). name points into the path given or, behind a symbolic link, into a buffer of the struct. */
struct walk_result {
	bool found;
	struct inode_ref parent; /* directory of the last name, 0 for the root itself */
	uint64_t parent_owner;
	struct inode_attr attr; /* if found */
	size_t name_len;
	char name[STORE_NAME_MAX];
};

/*
 * Resolves path from base (a leading '/' starts at the root; "." and empty names are skipped, ".." goes up but not above the
 * root). Symbolic links are followed (40 at most, CFS_ELOOP), in the last place unless nofollow. If absent_ok, a missing last name is
 * found = false; anything missing before it is CFS_ENOENT that names the part.
 */
int names_walk(struct store *s, const struct cred *cred, struct inode_ref base,
	       struct bytes_view path, bool nofollow, bool absent_ok, struct walk_result *out,
	       struct cfs_err *err);

/* Full path "/alice/docs/a" of an inode (one of its names) into buf, NUL-terminated, cut with "…" if too long. */
int names_path(struct store *s, uint64_t ino, char *buf, size_t size, struct cfs_err *err);

/*
 * Calls each() for entries behind cookie in cookie order until it returns non-zero (that entry was not taken), the end
 * (*eof_out), or 100 ms have passed. Cookies are stable: an entry that exists throughout a listing is seen exactly once whatever
 * others do.
 */
int names_readdir(struct store *s, const struct cred *cred, struct inode_ref dir, uint64_t cookie,
		  int (*each)(void *arg, uint64_t cookie, struct bytes_view name,
			      const struct inode_attr *attr),
		  void *arg, bool *eof_out, uint64_t *parent_out, struct cfs_err *err);

/*
 * Calls each() for the names that begin with prefix and stand behind after (empty: all), in the order of their bytes, until it
 * returns non-zero, the end (*eof_out), or 100 ms have passed.
 */
int names_list(struct store *s, const struct cred *cred, struct inode_ref dir,
	       struct bytes_view prefix, struct bytes_view after,
	       int (*each)(void *arg, struct bytes_view name, enum inode_type type), void *arg,
	       bool *eof_out, struct cfs_err *err);

/* Target into buf (STORE_SYMLINK_MAX bytes at least); CFS_EINVAL for what is not a link. */
int names_readlink(struct store *s, const struct cred *cred, struct inode_ref ref, char *buf,
		   size_t size, size_t *len_out, struct cfs_err *err);

struct create_args {
	struct inode_ref dir; /* ino 0: unnamed file */
	struct bytes_view name;
	uint64_t ino; /* unused, of a range of `stream` */
	struct id128 stream;
	enum inode_type type;
	uint32_t mode, uid, gid;
	int64_t mtime_ns; /* 0: now */
	uint64_t rdev;
	struct bytes_view target;
};

/* change. CFS_EEXIST if the name is there, CFS_EINVAL if ino is not a free number of the stream's ranges. */
int names_create(struct store *s, const struct cred *cred, const struct create_args *a,
		 struct inode_attr *out, struct cfs_err *err);

enum setattr_valid {
	SETATTR_MODE = 1,
	SETATTR_UID = 2,
	SETATTR_GID = 4,
	SETATTR_SIZE = 8,
	SETATTR_ATIME = 16,
	SETATTR_MTIME = 32,
	SETATTR_ATIME_NOW = 64,
	SETATTR_MTIME_NOW = 128,
};
struct setattr_args {
	struct inode_ref ref;
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	int64_t atime_ns, mtime_ns;
};
/* change. A size change trims or adds a hole and raises the version. */
int names_setattr(struct store *s, const struct cred *cred, const struct setattr_args *a,
		  struct inode_attr *out, struct cfs_err *err);

/*
 * change. directory false: CFS_EISDIR for a directory; true: CFS_ENOTDIR, CFS_ENOTEMPTY. Last name of a file: to the attic.
 * *ino_inout is what must have the name, else CFS_ESTALE (0: anything), and then what had it.
 */
int names_unlink(struct store *s, const struct cred *cred, struct inode_ref dir,
		 struct bytes_view name, bool directory, uint64_t *ino_inout, struct cfs_err *err);

/* change. As rename(2) and renameat2(2); a replaced file goes to the attic. CFS_EXDEV between users' trees. */
int names_rename(struct store *s, const struct cred *cred, struct inode_ref dir,
		 struct bytes_view name, struct inode_ref to_dir, struct bytes_view to_name,
		 bool noreplace, bool exchange, struct inode_attr *out, struct cfs_err *err);

/* change. CFS_EPERM for a directory, CFS_EEXIST, CFS_EXDEV. */
int names_link(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode_ref dir,
	       struct bytes_view name, struct inode_attr *out, struct cfs_err *err);

#endif

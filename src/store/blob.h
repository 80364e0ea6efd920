/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BLOB_H
#define CFS_STORE_BLOB_H

/*
 * Where blobs are kept: a small table of operations, with a directory and memory behind it (an object store fits too:
 * whole objects are put once, ranges are read, nothing is changed in place). Ids are random and never used again.
 * All functions may be called from any thread of the process that opened the backend, at the same time.
 */

#include <sys/uio.h>

#include "base/err.h"
#include "store/types.h"

struct blob_backend;

struct blob_ops {
	const char *name;
	int (*put)(struct blob_backend *b, const struct id128 *id, const struct iovec *iov,
		   int count, struct cfs_err *err);
	int (*read)(struct blob_backend *b, const struct id128 *id, uint64_t offset,
		    const struct iovec *iov, int count, struct cfs_err *err);
	int (*size)(struct blob_backend *b, const struct id128 *id, uint64_t *size_out,
		    struct cfs_err *err);
	int (*remove)(struct blob_backend *b, const struct id128 *id, struct cfs_err *err);
	int (*space)(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out,
		     struct cfs_err *err);
	void (*close)(struct blob_backend *b);
};

/* First member of every backend. */
struct blob_backend {
	const struct blob_ops *ops;
};

/* A directory (made by blob_dir_create): two hex digits of fan-out; files 0600, written under their final name. */
int blob_dir_create(int dirfd, struct cfs_err *err);
int blob_dir_open(int dirfd, struct blob_backend **out,
		  struct cfs_err *err); /* dirfd is duplicated */
int blob_memory_open(struct blob_backend **out, struct cfs_err *err);

/* The checking wrappers that everybody calls. */

/* Stores bytes under an id and returns when they, and the name, are on stable storage. CFS_EEXIST for a used id, CFS_ENOSPC. */
int blob_put(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	     struct cfs_err *err);
/* Reads exactly the bytes asked for. CFS_ENOENT if there is no such blob, CFS_ECORRUPT if it is shorter. */
int blob_read(struct blob_backend *b, const struct id128 *id, uint64_t offset,
	      const struct iovec *iov, int count, struct cfs_err *err);
int blob_size(struct blob_backend *b, const struct id128 *id, uint64_t *size_out,
	      struct cfs_err *err);
/* Absent is success. */
int blob_remove(struct blob_backend *b, const struct id128 *id, struct cfs_err *err);
int blob_space(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out,
	       struct cfs_err *err);
void blob_close(struct blob_backend *b);

#endif
